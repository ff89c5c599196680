"""YAML as the library reads it that repo2docker uses: what is text and what is not, and nothing converted.

`formats.yaml_text` refuses what r2i would not build; this reader refuses only what that library does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from r2i.binder.values import RefusedByBinder

if TYPE_CHECKING:
    import yaml

MAX_DEPTH = 200

#: So many characters are read in less than a second without C; real environments have a tenth of them.
LONG = 100_000

#: Plain words that are no text for this library: nothing, truth values, numbers, dates, and two signs.
NO_TEXT = re.compile(
    r"|~|=|<<|null|Null|NULL|true|True|TRUE|false|False|FALSE"
    r"|[-+]?[0-9][0-9_]*|0o?[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+"
    r"|[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|\d{4}-\d{2}-\d{2}|\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|[ \t]+)\d{1,2}:\d{2}:\d{2}(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d{1,2}(?::\d{2})?))?",
    re.ASCII,
)


class YamlText(NamedTuple):
    """A scalar as it is written; `is_text` says that it is a text of YAML, and no number and the like."""

    text: str
    line: int
    is_text: bool = True


@dataclass(frozen=True, eq=False)
class YamlSequence:
    items: list[YamlValue] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class YamlMapping:
    """`values` has only what belongs to a key of text, `keys` every key, `others` the scalars among them that are no text."""

    keys: list[YamlValue] = field(default_factory=list)
    values: dict[str, YamlValue] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    merged: list[YamlMapping] = field(default_factory=list)

    def get(self, key: str) -> tuple[YamlValue, bool]:
        """What the mapping has for a text, itself or by `<<`, and whether it has it."""
        for mapping in (self, *self.merged):
            if key in mapping.values:
                return mapping.values[key], True
        return None, False


YamlValue: TypeAlias = "YamlText | YamlSequence | YamlMapping | None"


@lru_cache(maxsize=2)  # several steps look at the same environment
def parse_nodes(text: str, path: str, matters: re.Pattern[str] | None = None) -> YamlValue:
    """The one document, None where it is empty; nobody may change it.

    Texts of lists in which `matters` finds nothing may be left out, and so may scalars under keys in which it finds nothing:
    there may be a million of them.
    """
    import yaml

    # In small things, such as a tab between brackets, the library of C differs from that of repo2docker.
    loader = yaml.BaseLoader if len(text) < LONG else getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _Nodes(path, matters).build(yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        line = mark.line + 1 if mark is not None else None
        raise RefusedByBinder(f"`{path}` is not valid YAML: {problem}", file=path, line=line) from error


@dataclass(slots=True)
class _Unfinished:
    value: YamlSequence | YamlMapping
    anchor: str | None = None
    key: YamlValue = None
    has_key: bool = False


class _Nodes:
    def __init__(self, path: str, matters: re.Pattern[str] | None) -> None:
        self.path = path
        self.matters = matters
        self.documents = YamlSequence()
        self.open = [_Unfinished(self.documents)]
        self.anchors: dict[str, YamlValue] = {}

    def build(self, events: Iterable[Any]) -> YamlValue:
        import yaml

        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                if event.anchor is None and self.passes_over():
                    self.add(None, event)
                else:
                    self.scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self.begin(
                    YamlMapping() if isinstance(event, yaml.MappingStartEvent) else YamlSequence(), event
                )
            elif isinstance(event, yaml.CollectionEndEvent):
                self.add(self.open.pop().value, event)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self.anchors:
                    raise self.error(f"the alias `{event.anchor}` has no anchor", event)
                self.add(self.anchors[event.anchor], event)
            elif isinstance(event, yaml.DocumentStartEvent) and self.documents.items:
                raise self.error("it has several documents", event)
        only = self.documents.items[0] if self.documents.items else None
        return None if isinstance(only, YamlText) and not only.is_text and only.text in _NOTHING else only

    def scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        is_text = event.tag is None and (event.style is not None or _is_plain_text(text))
        if event.anchor is not None or not is_text or self.counts(text):
            scalar = YamlText(text, _line(event), is_text)
            if event.anchor is not None:
                self.anchors[event.anchor] = scalar
            self.add(scalar, event)

    def counts(self, text: str) -> bool:
        """False for an item of a list that means nothing to the caller."""
        of_list = type(self.open[-1].value) is YamlSequence and len(self.open) > 1
        return not of_list or self.matters is None or self.matters.search(text) is not None

    def passes_over(self) -> bool:
        """Whether a value comes whose key means nothing to the caller."""
        parent = self.open[-1]
        key = parent.key if parent.has_key else None
        if self.matters is None or type(key) is not YamlText or key.text == "<<":
            return False
        return self.matters.search(key.text) is None

    def begin(self, value: YamlSequence | YamlMapping, event: yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        self.open.append(_Unfinished(value, event.anchor))
        if len(self.open) > MAX_DEPTH:
            raise self.error("it is nested too deeply", event)

    def add(self, value: YamlValue, event: yaml.Event) -> None:
        parent = self.open[-1]
        if isinstance(parent.value, YamlSequence):
            parent.value.items.append(value)
        elif not parent.has_key:
            parent.key, parent.has_key = value, True
        else:
            self.put(parent.value, parent.key, value, event)
            parent.key, parent.has_key = None, False

    def put(self, mapping: YamlMapping, key: YamlValue, value: YamlValue, event: yaml.Event) -> None:
        if (
            len(self.open) > 2 or self.open[-1].anchor is not None
        ):  # nobody asks for those of the whole document
            mapping.keys.append(key)
        if isinstance(key, YamlText):
            if key.text in (mapping.values if key.is_text else mapping.others):
                raise self.error(f"the key `{key.text[:60]}` occurs twice", event)
            if key.is_text:
                mapping.values[key.text] = value
            else:
                mapping.others.add(key.text)
                if key.text == "<<":
                    self.merge(mapping, value)

    @staticmethod
    def merge(mapping: YamlMapping, value: YamlValue) -> None:
        """What `<<` brings counts where the mapping itself has nothing, before or after."""
        for other in value.items if isinstance(value, YamlSequence) else (value,):
            if isinstance(other, YamlMapping):
                mapping.merged.append(other)

    def error(self, problem: str, event: yaml.Event) -> RefusedByBinder:
        return RefusedByBinder(
            f"`{self.path}` is not valid YAML: {problem}", file=self.path, line=_line(event)
        )


_NOTHING = ("", "~", "null", "Null", "NULL")


@lru_cache(maxsize=1024)
def _is_plain_text(word: str) -> bool:
    """Of a word without quotes and tag; the library keeps what has a tag as a value of its own."""
    return not NO_TEXT.fullmatch(word)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1
