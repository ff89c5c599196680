"""`setup.py` and `setup.cfg`: what setuptools would be told, as far as it can be known without running `setup.py`."""

from __future__ import annotations

import configparser
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.projects.project import python_constraint, requirement
from r2i.formats.projects.python_values import MAX_SCRIPT, UNKNOWN, FileText, literal, read_script
from r2i.formats.projects.toml import MAX_STRINGS, STRING
from r2i.formats.requirements.lines import Line, logical_lines, quoted
from r2i.formats.requirements.reading import MAX_FILES
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Evidence, PythonConstraint

#: What the files must be told of to be found without looking for them.
CONTENTS = ("packages", "py_modules")

#: Of which `configparser` takes the square of the number.
BLANKS = re.compile(r"[^\S\n]{50,}+")


@dataclass(frozen=True, kw_only=True)
class SetupMetadata:
    """`found` is the file that says something; values that only the script tells are None.

    `explicit` says that the packages are listed, or may be; `script` that there is a `setup.py`.
    """

    found: str | None = None
    script: bool = False
    name: str | None = None
    dependencies: tuple[Line, ...] | None = ()
    extras: Mapping[str, tuple[Line, ...]] | None = field(default_factory=dict)
    python: PythonConstraint | None = None
    explicit: bool = False
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileRequirements:
    file: str
    lines: tuple[Line, ...]


@dataclass
class Reader:
    """Makes lines of values; `read` are the files that were opened for it."""

    checkout: Checkout
    directory: str
    file: str
    text: str
    read: list[Evidence] = field(default_factory=list)

    def line(self, text: str, near: str = "") -> Line:
        """A text with the line on which it, or a word near it, first stands."""
        if text in self._places:
            return Line(file=self.file, number=self._places[text], text=" ".join(text.split()))
        for word in (text, near):
            at = self.text.find(word) if word else -1
            if at >= 0:
                return Line(
                    file=self.file, number=self.text.count("\n", 0, at) + 1, text=" ".join(text.split())
                )
        return Line(file=self.file, number=1, text=" ".join(text.split()))

    @cached_property
    def _places(self) -> Mapping[str, int]:
        """On which line each string, and each line, first stands."""
        found: dict[str, int] = {}
        for number, line in enumerate(self.text.split("\n"), 1):
            for one, other in STRING.findall(line):
                found.setdefault(one or other, number)
            found.setdefault(line.strip(), number)
        return found

    def requirements(self, value: Any, key: str) -> tuple[Line, ...] | None:
        """The requirements in a value of `setup()` or of `setup.cfg`, None where they are not known."""
        match value:
            case None:
                return ()
            case str():
                return self._of_strings(value, key)
            case FileText(path):
                found = file_requirements(self.checkout, self.line(path, key), directory=self.directory)
                if len(self.read) >= MAX_FILES:
                    raise self.line("", key).error(
                        f"There are more than {MAX_FILES} files with requirements", hint="Merge some of them"
                    )
                self.read.append(Evidence(why=f"read by `{self.file}`", file=found.file))
                return found.lines
            case list() if len(value) > MAX_STRINGS:
                raise self._too_many(key)
            case list() if all(isinstance(item, str | FileText) for item in value):
                return tuple(line for item in value for line in self.requirements(item, key) or ())
        if value is UNKNOWN or isinstance(value, list):
            return None
        raise self.line("", key).error(
            f"`{key}` must be a list of strings", hint=f'Write it like `{key}=["numpy>=1.26"]`'
        )

    def _of_strings(self, text: str, key: str) -> tuple[Line, ...]:
        words = text.splitlines()
        kept = [
            word.partition(" #")[0].strip()
            for word in words
            if word.strip() and not word.strip().startswith("#")
        ]
        if len(kept) > MAX_STRINGS:
            raise self._too_many(key)
        return tuple(requirement(self.line(word, key)) for word in kept)

    def _too_many(self, key: str) -> InvalidRepositoryError:
        return self.line("", key).error(
            f"`{key}` has more than {MAX_STRINGS:,} lines", hint="Keep only what is needed"
        )


def read_setup(checkout: Checkout, directory: str) -> SetupMetadata:
    """What the two files say together: where both say the same thing, `setup.py` wins, as in setuptools."""
    script_path, config_path = (posixpath.join(directory, name) for name in ("setup.py", "setup.cfg"))
    config = _read_config(checkout, config_path, directory) if checkout.has(config_path) else SetupMetadata()
    if not checkout.has(script_path):
        return config
    script = _read_script(checkout, script_path, directory)
    return SetupMetadata(
        found=script_path,
        script=True,
        name=script.name or config.name,
        dependencies=script.dependencies
        if script.dependencies is None
        else script.dependencies or config.dependencies,
        extras=None if script.extras is None or config.extras is None else {**config.extras, **script.extras},
        python=script.python or config.python,
        explicit=script.explicit or config.explicit,
        evidence=(*script.evidence, *config.evidence),
    )


def _read_script(checkout: Checkout, path: str, directory: str) -> SetupMetadata:
    text = checkout.read(path)
    calls = read_script(text, path).calls
    if len(calls) != 1:
        return SetupMetadata(found=path, dependencies=None, extras=None, explicit=True)
    values = calls[0]
    reader = Reader(checkout, directory, path, text)
    name, python = literal(values, "name"), literal(values, "python_requires")
    dependencies = reader.requirements(literal(values, "install_requires"), "install_requires")
    extras = _extras(literal(values, "extras_require"), reader)
    # An extra without a name is a condition on what is always installed.
    always = extras.pop("", ()) if extras is not None else None
    return SetupMetadata(
        found=path,
        name=normalised(name) if isinstance(name, str) else None,
        dependencies=None if dependencies is None or always is None else (*dependencies, *always),
        extras=extras,
        python=_python(python, reader, "python_requires"),
        explicit=any(literal(values, key) is not None for key in (*CONTENTS, "ext_modules")),
        evidence=tuple(reader.read),
    )


def _extras(value: Any, reader: Reader) -> dict[str, tuple[Line, ...]] | None:
    if value is None:
        return {}
    if not isinstance(value, dict):
        return None
    found = {}
    for name, wanted in value.items():
        lines = reader.requirements(wanted, "extras_require")
        if lines is None:
            return None
        extra, colon, marker = name.partition(":")
        if colon:  # `name:marker`, as setuptools wrote conditions before PEP 508
            lines = tuple(
                requirement(Line(file=line.file, number=line.number, text=f"{line.text} ; {marker}"))
                for line in lines
            )
        found[normalised(extra)] = lines
    return found


def _read_config(checkout: Checkout, path: str, directory: str) -> SetupMetadata:
    text = checkout.read(path)
    if len(text) > MAX_SCRIPT:
        raise InvalidRepositoryError(
            f"`{path}` has {len(text):,} characters, too many for a project file",
            file=path,
            hint="Check that it is the right file",
        )
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(BLANKS.sub(" ", text), path)
    except configparser.Error as error:
        lines = getattr(error, "errors", None)
        raise InvalidRepositoryError(
            f"`{path}` is not valid: {error.message.splitlines()[0].replace('`', chr(39))}",
            file=path,
            line=lines[0][0] if lines else getattr(error, "lineno", None),
            hint="Correct the syntax",
        ) from error
    if not (parser.has_section("metadata") or parser.has_section("options")):
        return SetupMetadata()
    reader = Reader(checkout, directory, path, text)
    options = dict(parser.items("options")) if parser.has_section("options") else {}
    extras = (
        dict(parser.items("options.extras_require")) if parser.has_section("options.extras_require") else {}
    )
    name = parser.get("metadata", "name", fallback=None)
    return SetupMetadata(
        found=path,
        name=normalised(name) if name else None,
        dependencies=reader.requirements(_listed(options.get("install_requires")), "install_requires"),
        extras=_extras({extra: _listed(value) for extra, value in extras.items()}, reader),
        python=_python(options.get("python_requires"), reader, "python_requires"),
        explicit=any(options.get(key) for key in CONTENTS),
        evidence=(Evidence(why="read with `setup.py` or `pyproject.toml`", file=path), *reader.read),
    )


def _listed(value: str | None) -> Any:
    """A list in `setup.cfg`: lines, or parts between semicolons on one line, or the name of a file."""
    if value is None:
        return None
    if value.startswith("file:"):
        return [FileText(name.strip()) for name in value.removeprefix("file:").split(",") if name.strip()]
    return value.splitlines() if "\n" in value else value.split(";")


def _python(value: Any, reader: Reader, key: str) -> PythonConstraint | None:
    if not isinstance(value, str) or not value.strip():
        return None
    return python_constraint(reader.line(value, key))


def file_requirements(checkout: Checkout, named: Line, *, directory: str) -> FileRequirements:
    """The requirements in a file that `named` names, relative to the project's directory."""
    path = checkout.inside(posixpath.join(directory, named.text))
    if path is None:
        raise named.error(
            f"{quoted(named.text)} leads out of the repository", hint="Use a file inside the repository"
        )
    if not checkout.has(path):
        raise named.error(f"{quoted(named.text)} does not exist", hint="Commit the file, or correct its name")
    found = [*islice(logical_lines(path, checkout.read(path)), MAX_STRINGS + 1)]
    if len(found) > MAX_STRINGS:
        raise found[-1].error(f"There are more than {MAX_STRINGS:,} lines", hint="Keep only what is needed")
    lines = tuple(map(requirement, found))
    return FileRequirements(file=path, lines=lines)
