"""YAML in which every scalar is the text as it was written, and knows its line.

No `1.10` becomes a number, no `2024-01-01` a date, no `no` a truth value: files of packages are full of such words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Self, TypeAlias

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import quoted

if TYPE_CHECKING:
    import yaml

#: Far above what any format needs, and far below what would take the interpreter's stack.
MAX_DEPTH = 60

#: More values than any real lock has; what an alias stands for counts each time, and a long text as several.
MAX_VALUES = 200_000
LONG_TEXT = 500


class Text(str):
    """A scalar; `line` counts from 1."""

    __slots__ = ("line",)
    line: int

    def __new__(cls, value: str, line: int = 1) -> Self:
        text = str.__new__(cls, value)
        text.line = line
        return text


Yaml: TypeAlias = "Text | list[Yaml] | dict[Text, Yaml]"


def read_yaml(checkout: Checkout, path: str) -> Yaml | None:
    """Read the one document of a file, None where it is empty; raise `InvalidRepositoryError` for what is not YAML."""
    return parse_yaml(checkout.read(path), path)


@lru_cache(maxsize=4)  # a plan, and a check, look at the same file several times
def parse_yaml(text: str, path: str) -> Yaml | None:
    """The same object for the same text, which nobody may change."""
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
    """A collection that is not complete; `key` is that of a mapping which waits for its value.

    `before` counts the values of the file that came before it.
    """

    value: list[Yaml] | dict[Text, Yaml]
    anchor: str | None = None
    key: Text | None = None
    before: int = 0


class _Builder:
    def __init__(self, path: str) -> None:
        self.path = path
        self.documents: list[Yaml] = []
        self.open = [_Open(self.documents)]
        self.anchors: dict[str, tuple[Yaml, int]] = {}
        self.values = 0

    def build(self, events: Iterable[yaml.Event]) -> Yaml | None:
        import yaml

        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                text = Text(event.value, _line(event))
                size = 1 + len(text) // LONG_TEXT
                self.count(size, event)
                self.add(text, event)
                self.name(event.anchor, text, size)
            elif isinstance(event, yaml.CollectionStartEvent):
                value: list[Yaml] | dict[Text, Yaml] = {} if isinstance(event, yaml.MappingStartEvent) else []
                self.count(1, event)
                self.add(value, event)
                self.open.append(_Open(value, event.anchor, before=self.values - 1))
                if len(self.open) > MAX_DEPTH:
                    raise self.error("it is nested too deeply", event)
            elif isinstance(event, yaml.CollectionEndEvent):
                done = self.open.pop()
                self.name(done.anchor, done.value, self.values - done.before)
            elif isinstance(event, yaml.AliasEvent):
                if event.anchor not in self.anchors:
                    raise self.error(f"the alias `{event.anchor}` has no anchor", event)
                named, size = self.anchors[event.anchor]
                self.count(size, event)
                self.add(named, event)
            elif isinstance(event, yaml.DocumentStartEvent) and self.documents:
                raise InvalidRepositoryError(
                    f"`{self.path}` has several documents",
                    file=self.path,
                    line=_line(event),
                    hint="Keep one document, and remove the `---` lines",
                )
        return self.documents[0] if self.documents else None

    def count(self, size: int, event: yaml.Event) -> None:
        """Aliases of aliases would make gigabytes out of a few lines."""
        self.values += size
        if self.values > MAX_VALUES:
            raise self.error(f"it has more than {MAX_VALUES:,} values, with those that aliases repeat", event)

    def name(self, anchor: str | None, value: Yaml, size: int) -> None:
        """Only what is complete can be named by an alias: nothing contains itself."""
        if anchor is not None:
            self.anchors[anchor] = (value, size)

    def add(self, value: Yaml, event: yaml.Event) -> None:
        parent = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is not None:
            parent.value[parent.key] = value
            parent.key = None
        elif isinstance(value, Text):
            if value in parent.value:
                raise self.error(f"the key {quoted(value)} occurs twice", event)
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
