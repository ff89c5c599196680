"""What the file that defines the Python environment asks for, line by line, as its author wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from r2i.check.facts.distributions import distributions
from r2i.check.facts.provided import of_pypi
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.formats.requirements.lines import MAX_LINES, Line, logical_lines, text_of
from r2i.formats.requirements.options import split_line
from r2i.formats.requirements.reading import AT, MAX_FILES
from r2i.formats.requirements.specifiers import named, normalised
from r2i.formats.requirements.urls import direct_url, is_url
from r2i.model import Options, PythonEnvironment

if TYPE_CHECKING:
    from r2i.formats.conda.environment_yml import Dependency

EXACT = re.compile(r"===?[^*]+")
#: `=1.26` in conda's notation.
NEARLY_EXACT = re.compile(r"(?:==)?\d+\.\d[^*,|<>]*(?:\.\*)?|==.*")
#: The same without a dot: of a day or a letter (`tzdata=2022a`), or what may be all of a version.
DATED = re.compile(r"(?:\d{4,}|\d+[a-z])\w*(?:\.\*)?", re.ASCII)
WHOLE_NUMBER = re.compile(r"\d+(?:\.\*)?", re.ASCII)

COMMIT = re.compile(r"[0-9a-f]{7,40}")
TAG = re.compile(r"(?:refs/tags/.+|[\w.-]*\d\.\d[\w.-]*)", re.ASCII)
BRANCH_ARCHIVE = re.compile(
    r".*/archive/(?:refs/heads/[^/]+|main|master|HEAD|develop)\.(?:zip|tar\.gz)(?:#.*)?"
)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A requirement in a file, at a line counted from 1; `name` is normalised, and empty where only a build tells it.

    `text` is what the line says without comments and options; what only old pip took is read as `read`. A `url` is
    that of an archive or of a git repository, with what is asked for of it.
    """

    name: str
    text: str
    file: str
    line: int
    specifier: str = ""
    marker: str = ""
    extras: bool = False
    url: str = ""
    read: str = ""
    installer: Literal["pip", "conda"] = "pip"


def declared(
    checkout: Checkout, options: Options, environment: PythonEnvironment | None, *, wrong: str | None = None
) -> tuple[Declared, ...]:
    """Nothing where every release is named exactly: what a lock holds was written by a program.

    `wrong` is the file of which another rule says that it cannot be read; of requirements the other lines still can.
    """
    try:
        if environment is None and wrong and wrong.endswith(".txt"):
            return tuple(_pip_file(checkout, wrong))
        if environment is not None and not environment.exact:
            return tuple(_declared(checkout, options, environment))
    except R2iError:
        pass  # another rule says so
    return ()


def _declared(checkout: Checkout, options: Options, environment: PythonEnvironment) -> Iterator[Declared]:
    path = environment.defined_by
    if environment.buildpack == "requirements":
        yield from _pip_file(checkout, path)
    elif environment.buildpack == "conda":
        from r2i.formats.conda.environment_yml import read_environment_yml

        found = read_environment_yml(checkout, path)
        yield from map(of_conda, found.dependencies)
        yield from _pip(_with_included(checkout, path, found.pip))
    elif environment.buildpack == "package":
        from r2i.buildpacks.package import choose
        from r2i.formats.projects.reading import read_project

        if project := read_project(checkout, checkout.config_dir):
            yield from _pip(choose(project[0], options))
    else:
        for name, evidence in environment.names.items():
            pins = [pin.specifier for pin in environment.pins if pin.name == name]
            file, line = evidence.file or path, evidence.line or 1
            yield Declared(name=name, text=name, file=file, line=line, specifier=",".join(pins))


def of_conda(dependency: Dependency) -> Declared:
    return Declared(
        name=dependency.spec.name,
        text=dependency.line.text,
        file=dependency.line.file,
        line=dependency.line.number,
        specifier=dependency.spec.version,
        installer="conda",
    )


def requirements_in(checkout: Checkout, path: str) -> Iterator[Declared]:
    """What a requirements file asks for, and those that it includes; lines that cannot be read are left out."""
    try:
        yield from _pip_file(checkout, path)
    except R2iError:
        return  # another rule says so, or pip will


def _pip_file(checkout: Checkout, path: str) -> Iterator[Declared]:
    return _pip(_with_included(checkout, path, logical_lines(path, text_of(checkout, path))))


def _with_included(checkout: Checkout, path: str, lines: Iterable[Line]) -> Iterator[Line]:
    """The lines of the file at `path`, and those of the files that it includes; constraints ask for nothing."""
    pending, seen, count = [lines], {path}, 0
    while pending:
        for line in pending.pop():
            count += 1
            yield line
            for option, value in split_line(line)[1]:
                target = checkout.inside(value, relative_to=line.file) if option == "requirement" else None
                if target and target not in seen and checkout.has(target) and len(seen) < MAX_FILES:
                    seen.add(target)
                    pending.append(logical_lines(target, text_of(checkout, target)))
            if count > MAX_LINES:
                return


def _pip(lines: Iterable[Line]) -> Iterator[Declared]:
    for line in lines:
        try:
            text, options, _ = split_line(line)
            editable = next((value for name, value in options if name == "editable"), "")
            found = _requirement(text or editable, line)
        except R2iError:
            continue  # another rule says so
        if found:
            yield found


def _requirement(text: str, line: Line) -> Declared | None:
    """None for what lies in the repository, and for a line that has only options."""
    at = AT.fullmatch(text)
    address, _, marker = (at[3] if at else text).partition(" ;")
    if is_url(address) and not address.startswith("file:"):
        name = at[1] if at else direct_url(address.strip(), line).name
        return Declared(
            name=normalised(name or ""),
            text=text,
            file=line.file,
            line=line.number,
            marker=marker.strip(),
            url=address.strip(),
        )
    if not text or at or text.startswith((".", "/", "file:")) or "/" in text.partition(";")[0]:
        return None
    valid = named(text, line)
    return Declared(
        name=normalised(valid.name),
        text=text,
        read=valid.text if valid.text != text else "",
        file=line.file,
        line=line.number,
        specifier=valid.specifier,
        marker=valid.marker,
        extras="[" in valid.text.partition(";")[0],
    )


def is_exact(one: Declared) -> bool:
    if one.installer == "conda":
        if NEARLY_EXACT.fullmatch(one.specifier) or DATED.fullmatch(one.specifier):
            return True
        # `numpy=1` may be any 1.x; of most packages that no index of Python has, the number is all of the version.
        return WHOLE_NUMBER.fullmatch(one.specifier) is not None and of_pypi(one.name) not in distributions()
    return EXACT.fullmatch(one.specifier.replace(" ", "")) is not None


def moving(address: str) -> str:
    """What an address stands for that changes its content; empty where it does not."""
    if BRANCH_ARCHIVE.fullmatch(address):
        return "an archive of a branch"
    if not address.startswith(("git+", "git:", "git@", "ssh:")):
        return ""
    path = re.sub(r"^[\w+]+://[^/]*|^(?:git\+)?git@[^:/]*", "", address)
    ref = path.rpartition("@")[2] if "@" in path else ""
    if COMMIT.fullmatch(ref) or TAG.fullmatch(ref):
        return ""
    return f"the branch `{ref}` of a repository" if ref else "the default branch of a repository"
