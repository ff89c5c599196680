"""Reading values out of a parsed file: each of the kind that it must be, or an error that names its line."""

from __future__ import annotations

from collections.abc import Iterator

from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import Line
from r2i.formats.yaml_text import Text, Yaml


class LockTable:
    """A mapping of a YAML file, by whose keys one asks for what is expected there."""

    def __init__(self, value: Yaml | None, path: str, what: str) -> None:
        if not isinstance(value, dict):
            line = value.line if isinstance(value, Text) else None
            raise InvalidRepositoryError(
                f"{what} is not a mapping", file=path, line=line, hint="Regenerate the lock file"
            )
        self.value = value
        self.path = path
        self.what = what

    def text(self, name: str) -> Text | None:
        """None where it is missing or null."""
        value = self.value.get(Text(name))
        if value is None or value in ("", "~", "null"):
            return None
        if not isinstance(value, Text):
            raise self.error(f"`{name}` of {self.what} is not text")
        return value

    def required(self, name: str) -> Text:
        value = self.text(name)
        if value is None:
            raise self.error(f"{self.what} has no `{name}`")
        return value

    def table(self, name: str) -> LockTable:
        """An empty one where it is missing."""
        value = self.value.get(Text(name))
        return LockTable(
            {} if value in (None, "", "~", "null") else value, self.path, f"`{name}` of {self.what}"
        )

    def items(self, name: str) -> list[Yaml]:
        value = self.value.get(Text(name))
        if value in (None, "", "~", "null"):
            return []
        if not isinstance(value, list):
            raise self.error(f"`{name}` of {self.what} is not a list")
        return value

    def tables(self, name: str, what: str) -> Iterator[LockTable]:
        return (LockTable(value, self.path, what) for value in self.items(name))

    def texts(self, name: str) -> list[Text]:
        return [value for value in self.items(name) if isinstance(value, Text)]

    def names(self) -> list[Text]:
        return list(self.value)

    def line(self, text: Text) -> Line:
        return Line(file=self.path, number=text.line, text=text)

    def error(self, message: str) -> InvalidRepositoryError:
        number = next((key.line for key in self.value), None)
        return InvalidRepositoryError(message, file=self.path, line=number, hint="Regenerate the lock file")
