"""`environment.yml` as repo2docker reads it before it hands it to mamba."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from r2i.binder.files import BinderFiles
from r2i.binder.pythons import minor_of
from r2i.binder.values import Chosen, RefusedByBinder
from r2i.binder.yaml_nodes import YamlMapping, YamlSequence, YamlText, YamlValue, parse_nodes
from r2i.facts.binder import table
from r2i.model import Evidence

PYTHON = re.compile(r"python\s*=+\s*([\d\.]*)")
#: Any requirement of Python, of any channel.
ANY_PYTHON = re.compile(r"(?:\S*::)?python(?![\w.-])\s*(?P<version>\S?)")
#: How entries begin that it looks for.
TOLD = re.compile(r"r-|(?:\S*::)?python")
#: What an entry has that begins so, or that may be a local file for `is_local`; and the keys that are looked up.
MATTERS = re.compile(r"\A(?:python|r-|\s*[-.]|(?:dependencies|pip)\Z)|:(?://|:python)")
R_BASE = re.compile(r"r-base\s*=+\s*([\d\.]*)")


@dataclass(frozen=True, kw_only=True)
class BinderEnvironment:
    """The file, and those of its dependencies that mean something to repo2docker itself, which are texts that begin so."""

    path: str
    entries: tuple[YamlText, ...]
    pip: YamlValue = None

    @property
    def r_packages(self) -> YamlText | None:
        """The first name for which repo2docker installs R, its kernel and RStudio."""
        return next((entry for entry in self.entries if entry.text.startswith("r-")), None)

    def r_version(self) -> str:
        """As it is written, empty where none is."""
        return next((match[1] for entry in self.entries if (match := R_BASE.match(entry.text))), "")

    def python(self) -> Chosen:
        for entry in self.entries:
            if match := PYTHON.match(entry.text):
                if not match[1]:
                    break
                why = f"asks for `{entry.text[:60]}`"
                evidence = Evidence(why=why, file=self.path, line=entry.line)
                return Chosen(version=minor_of(match[1], evidence), evidence=evidence)
        why = "names no Python version that repo2docker recognizes (`python=X.Y`), so it starts with its default"
        return Chosen(version=table()["python"]["default"], evidence=Evidence(why=why, file=self.path))

    def solved_python(self, taken: str) -> Evidence | None:
        """What makes mamba install another Python than the one that repo2docker takes, which it only starts with."""
        for entry in self.entries:
            match = ANY_PYTHON.match(entry.text)
            if match and match["version"] and not self._is_taken(entry, taken):
                why = f"asks for `{entry.text[:60]}`, by which mamba may replace this Python"
                return Evidence(why=why, file=self.path, line=entry.line)
        return None

    @staticmethod
    def _is_taken(entry: YamlText, taken: str) -> bool:
        match = PYTHON.match(entry.text)
        asked = f"{match[1]}." if match and match[1] else ""
        return bool(asked) and (asked.startswith(f"{taken}.") or f"{taken}.".startswith(asked))

    def check_pip(self) -> None:
        """repo2docker looks for local files in the list of pip until it finds one."""
        if not isinstance(self.pip, YamlSequence):
            return
        for item in self.pip.items:
            if not isinstance(item, YamlText) or not item.is_text:
                raise RefusedByBinder("The list of `pip` has an entry that is not text", file=self.path)
            if is_local(item.text):
                return


def environment_path(files: BinderFiles) -> str | None:
    return files.config("environment.yml") or files.config("environment.yaml")


def read_environment(files: BinderFiles) -> BinderEnvironment | None:
    """None where there is no such file."""
    path = environment_path(files)
    if path is None:
        return None
    whole = parse_nodes(files.text(path), path, MATTERS)
    if whole is None:
        return BinderEnvironment(path=path, entries=())
    if not isinstance(whole, YamlMapping):
        raise RefusedByBinder(f"`{path}` is not a mapping", file=path)
    dependencies, there = whole.get("dependencies")
    if not there:
        return BinderEnvironment(path=path, entries=())
    items = _items(dependencies, path)
    lists = [item.get("pip")[0] for item in items if isinstance(item, YamlMapping)]
    pip = next((found for found in reversed(lists) if found), None)
    texts = tuple(
        item for item in items if isinstance(item, YamlText) and item.is_text and TOLD.match(item.text)
    )
    return BinderEnvironment(path=path, entries=texts, pip=pip)


def _items(value: YamlValue, path: str) -> Sequence[YamlValue]:
    """What Python gives when it loops over the value: the keys of a mapping, the characters of a text."""
    match value:
        case YamlSequence():
            return value.items
        case YamlMapping():
            return value.keys
        case YamlText(is_text=True):
            return [YamlText(text=character, line=value.line) for character in value.text]
        case _:
            line = value.line if isinstance(value, YamlText) else None
            raise RefusedByBinder("`dependencies` is not a list", file=path, line=line)


def is_local(line: str) -> bool:
    """Whether a line of pip names a file of the repository, by the rules of repo2docker."""
    line = line.partition("#")[0].strip()
    if line.startswith(("-r", "-c", "--requirement", "--constraint")):
        return True
    if not line or line.startswith("--pre"):
        return False
    if line.startswith("--") and "=" in line:
        line = line.partition("=")[2]
    if line.startswith("-"):
        words = line.split(None, 1)
        if len(words) < 2:
            return False
        line = words[1]
    return "file://" in line or (line.partition("://")[2] if "://" in line else line).startswith(".")
