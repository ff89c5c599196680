"""YAML in which every scalar is the text as it was written, and knows its line.

No `1.10` becomes a number, no `2024-01-01` a date, no `no` a truth value: files of packages are full of such words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.requirements.lines import quoted

if TYPE_CHECKING:
    import yaml

#: Far above what any format needs, and far below what would take the interpreter's stack.
MAX_DEPTH = 60


class Text(str):
    """A scalar; `line` counts from 1."""

    __slots__ = ("line",)
    line: int

    def __new__(cls, value: str, line: int = 1) -> Self:
        text = super().__new__(cls, value)
        text.line = line
        return text


Yaml: TypeAlias = "Text | list[Yaml] | dict[Text, Yaml]"


def read_yaml(checkout: Checkout, path: str) -> Yaml | None:
    """Read the one document of a file, None where it is empty; raise `InvalidRepositoryError` for what is not YAML."""
    return parse_yaml(checkout.read(path), path)


def parse_yaml(text: str, path: str) -> Yaml | None:
    import yaml

    try:
        # From events, and not by a loader: those of PyYAML recurse, in C, until the process dies.
        return _Builder(path).build(yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise InvalidRepositoryError(
            f"`{path}` is not valid YAML: {problem}",
            file=path,
            line=mark.line + 1 if mark is not None else None,
            hint="Correct the syntax; the mistake may be a line above",
        ) from error


@dataclass(slots=True)
class _Open:
    """A collection that is not complete; `key` is that of a mapping which waits for its value."""

    value: list[Yaml] | dict[Text, Yaml]
    anchor: str | None = None
    key: Text | None = None


class _Builder:
    def __init__(self, path: str) -> None:
        self.path = path
        self.documents: list[Yaml] = []
        self.open = [_Open(self.documents)]
        self.anchors: dict[str, Yaml] = {}

    def build(self, events: Iterable[yaml.Event]) -> Yaml | None:
        import yaml

        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                text = Text(event.value, _line(event))
                self.add(text, event)
                self.name(event.anchor, text)
            elif isinstance(event, yaml.CollectionStartEvent):
                value: list[Yaml] | dict[Text, Yaml] = {} if isinstance(event, yaml.MappingStartEvent) else []
                self.add(value, event)
                self.open.append(_Open(value, event.anchor))
                if len(self.open) > MAX_DEPTH:
                    raise self.error("it is nested too deeply", event)
            elif isinstance(event, yaml.CollectionEndEvent):
                done = self.open.pop()
                self.name(done.anchor, done.value)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self.anchors:
                    raise self.error(f"the alias `{event.anchor}` has no anchor", event)
                self.add(self.anchors[event.anchor], event)
        if len(self.documents) > 1:
            raise InvalidRepositoryError(
                f"`{self.path}` has several documents",
                file=self.path,
                hint="Keep one: remove the lines `---`",
            )
        return self.documents[0] if self.documents else None

    def name(self, anchor: str | None, value: Yaml) -> None:
        """Only what is complete can be named by an alias: nothing contains itself."""
        if anchor is not None:
            self.anchors[anchor] = value

    def add(self, value: Yaml, event: yaml.Event) -> None:
        parent = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is not None:
            parent.value[parent.key] = value
            parent.key = None
        elif isinstance(value, Text):
            if value in parent.value:
                raise self.error(f"the key {quoted(value)} is there twice", event)
            parent.key = value
        else:
            raise self.error("a key is not text", event)

    def error(self, problem: str, event: yaml.Event) -> InvalidRepositoryError:
        return InvalidRepositoryError(
            f"`{self.path}` is not valid YAML: {problem}",
            file=self.path,
            line=_line(event),
            hint="Correct the syntax",
        )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1
