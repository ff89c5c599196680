"""`pixi.toml`, or `[tool.pixi]` in `pyproject.toml`: what the default environment asks for on Linux."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.formats.conda.channels import parse_channel
from r2i.formats.conda.specs import Spec, parse_spec
from r2i.formats.projects.groups import dependency_groups, optional_dependencies
from r2i.formats.projects.project import requirement
from r2i.formats.projects.toml import Toml, read_toml
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import NAME, normalised, specifier_set
from r2i.model import Notice

#: From the general to the special, which wins.
TARGETS = ("unix", "linux", "linux-64")
KINDS = ("dependencies", "host-dependencies", "build-dependencies")

#: What of a conda dependency's table counts, and what would have to be built.
KNOWN = {"version", "build", "channel"}
BUILT = {"git", "path", "url"}

MOMENT = re.compile(
    r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?:[T ]([0-2]\d:[0-5]\d:[0-5]\d)(?:Z|\+00:00))?"
)
GIT = re.compile(r"[A-Za-z0-9._/+-]+")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """`pypi` are lines in pip's format, options among them; `editable` are the distributions to be installed so."""

    file: str
    channels: tuple[str, ...]
    conda: tuple[tuple[Spec, Line], ...]
    pypi: tuple[Line, ...]
    editable: frozenset[str]
    options: tuple[str, ...]
    cuda: str | None
    exclude_newer: str | None
    notices: tuple[Notice, ...]


def find_manifest(checkout: Checkout) -> str | None:
    """The manifest of pixi, which prefers its own file."""
    if path := checkout.config("pixi.toml"):
        return path
    path = checkout.config("pyproject.toml")
    return path if path is not None and is_manifest(checkout, path) else None


def is_manifest(checkout: Checkout, path: str) -> bool:
    """Whether a `pyproject.toml` has tables of pixi; one that is no TOML is for those to refuse who need it."""
    try:
        return bool(read_toml(checkout, path).table("tool", "pixi"))
    except R2iError:
        return False


def read_manifest(checkout: Checkout, path: str) -> Manifest:
    doc = read_toml(checkout, path)
    return _ManifestReader(doc, ("tool", "pixi") if path.endswith("pyproject.toml") else ()).read()


class _ManifestReader:
    """`top` is the place of pixi's own tables in the file."""

    def __init__(self, doc: Toml, top: tuple[str, ...]) -> None:
        self.doc = doc
        self.top = top
        self.workspace = (*top, "workspace" if doc.table(*top, "workspace") else "project")
        self.notices: list[Notice] = []

    def read(self) -> Manifest:
        features = self.features()
        places = [place for place, _ in features]
        conda = [wish for place in places for wish in self.conda(place)]
        pypi = [line for place, name in features for line in (*self.of_project(name), *self.pypi(place))]
        if self.top and not any(spec.name == "python" for spec, _ in conda):
            conda += self.python()
        return Manifest(
            file=self.doc.path,
            channels=self.channels(places),
            conda=tuple(conda),
            pypi=(*self.indexes(places), *pypi),
            editable=frozenset(self.editable(places)),
            options=tuple(self.options(places)),
            cuda=self.cuda(places),
            exclude_newer=self.exclude_newer(),
            notices=tuple(self.notices),
        )

    def features(self) -> list[tuple[tuple[str, ...], str]]:
        """The tables whose contents make the default environment, with the names of their features."""
        given = self.doc.table(*self.top, "environments").get("default", [])
        place = (*self.top, "environments", "default")
        plain = given.get("no-default-feature") is not True if isinstance(given, dict) else True
        names = given.get("features", []) if isinstance(given, dict) else given
        if not isinstance(names, list):
            raise self.doc.error("The environment `default` is not a list of features", *place)
        found = [(self.top, "default")] if plain else []
        of_project = self.groups() if self.top else {}
        for line in (self.doc.word(name, *place) for name in names):
            table = (*self.top, "feature", line.text)
            if not isinstance(self.doc.table(*self.top, "feature").get(line.text), dict) and (
                normalised(line.text) not in of_project
            ):
                raise line.error(
                    f"There is no feature {quoted(line.text)}", hint="Correct the name, or add it"
                )
            found.append((table, line.text))
        return found

    def merged(self, place: tuple[str, ...], *kinds: str) -> Mapping[str, tuple[Any, tuple[str, ...]]]:
        """The values of tables by their keys, with their places; what is for Linux alone replaces what is for all."""
        found: dict[str, tuple[Any, tuple[str, ...]]] = {}
        for base in (place, *((*place, "target", target) for target in TARGETS)):
            for kind in kinds:
                for name, value in self.doc.table(*base, kind).items():
                    found[name] = value, (*base, kind, name)
        return found

    def conda(self, place: tuple[str, ...]) -> Iterator[tuple[Spec, Line]]:
        for name, (value, where) in self.merged(place, *KINDS).items():
            table = {"version": value} if isinstance(value, str) else value
            if not isinstance(table, dict):
                raise self.doc.error(f"{quoted(name)} has no version", *where, hint='Write `"*"` for any')
            yield self.spec(name, table, where)

    def spec(self, name: str, table: dict[str, Any], where: tuple[str, ...]) -> tuple[Spec, Line]:
        if BUILT & table.keys():
            raise self.doc.error(
                f"{quoted(name)} does not come from a channel, and r2i does not build conda packages",
                *where,
                hint="Set its version, or move it to `[pypi-dependencies]`",
            )
        words = [self.doc.word(table.get(key, ""), *where).text for key in ("version", "build", "channel")]
        version, build, channel = words
        line = self.doc.line(" ".join(filter(None, (name, version or (build and "*"), build))), *where)
        line = Line(file=line.file, number=self.doc.line(version, *where).number, text=line.text)
        for key in sorted(table.keys() - KNOWN):
            self.notices.append(line.warning(f"`{key}` of {quoted(name)} is ignored"))
        spec = parse_spec(line)
        if channel:
            channel = parse_channel(Line(file=line.file, number=line.number, text=channel))
        return Spec(name=spec.name, version=spec.version, build=spec.build, channel=channel), line

    def python(self) -> Iterator[tuple[Spec, Line]]:
        """What the project requires is what pixi takes where no dependency says it."""
        text = self.doc.string("project", "requires-python") or "*"
        line = self.doc.line(f"python {text}", "project", "requires-python")
        yield parse_spec(line), line

    def groups(self) -> dict[str, tuple[Line, ...]]:
        extras, groups = optional_dependencies(self.doc), dependency_groups(self.doc)
        return {name: (*extras.get(name, ()), *groups.get(name, ())) for name in {**extras, **groups}}

    def of_project(self, feature: str) -> tuple[Line, ...]:
        """Dependencies of the project itself; its extras and groups are features of their names."""
        if not self.top:
            return ()
        if feature == "default":
            return tuple(requirement(line) for line in self.doc.strings("project", "dependencies"))
        return self.groups().get(normalised(feature), ())

    def pypi(self, place: tuple[str, ...]) -> Iterator[Line]:
        for name, (value, where) in self.merged(place, "pypi-dependencies").items():
            if not re.fullmatch(NAME, name, re.ASCII):
                raise self.doc.error(f"{quoted(name)} is not the name of a distribution", *where)
            table = {"version": value} if isinstance(value, str) else value
            if not isinstance(table, dict):
                raise self.doc.error(f"{quoted(name)} has no version", *where, hint='Write `"*"` for any')
            if "index" in table:
                yield self.doc.line(f"--extra-index-url {self.word(table, 'index', where)}", *where)
            yield self.doc.line(self.requirement(name, table, where), *where)

    def requirement(self, name: str, table: dict[str, Any], where: tuple[str, ...]) -> str:
        """One of pixi's tables as pip writes it."""
        extras = table.get("extras", [])
        if not isinstance(extras, list) or not all(
            isinstance(e, str) and re.fullmatch(NAME, e, re.ASCII) for e in extras
        ):
            raise self.doc.error(f"The extras of {quoted(name)} are not a list of names", *where)
        full = f"{name}[{','.join(extras)}]" if extras else name
        if "path" in table:
            prefix = "-e " if table.get("editable") is True else ""
            path = self.word(table, "path", where)
            path = path if path.startswith((".", "/", "~")) else f"./{path}"
            return f"{prefix}{path}{full.removeprefix(name)}"
        marker = self.word(table, "env-markers", where)
        condition = f" ; {marker}" if marker else ""
        if "git" in table:
            return f"{full} @ {self.git(table, where)}{condition}"
        if "url" in table:
            return f"{full} @ {self.word(table, 'url', where)}{condition}"
        return f"{full}{self.versions(table, where)}{condition}"

    def versions(self, table: dict[str, Any], where: tuple[str, ...]) -> str:
        text = self.word(table, "version", where).strip()
        try:
            # Beside a name without an operator, a version would be part of the name.
            return "" if text == "*" else str(specifier_set(text))
        except ValueError as error:
            raise self.doc.error(
                f"{quoted(text)} is not a set of versions (PEP 440)",
                *where,
                hint='Write it like `"==1.0"` or `">=1.0"`',
            ) from error

    def git(self, table: dict[str, Any], where: tuple[str, ...]) -> str:
        url = self.word(table, "git", where).removeprefix("git+")
        revision = next((r for key in ("rev", "tag", "branch") if (r := self.word(table, key, where))), "")
        folder = self.word(table, "subdirectory", where)
        if revision and not GIT.fullmatch(revision):
            raise self.doc.error(f"{quoted(revision)} is not a revision", *where)
        return f"git+{url}{f'@{revision}' if revision else ''}{f'#subdirectory={folder}' if folder else ''}"

    def word(self, table: dict[str, Any], key: str, where: tuple[str, ...]) -> str:
        return self.doc.word(table.get(key, ""), *where).text

    def editable(self, places: Iterable[tuple[str, ...]]) -> Iterator[str]:
        for place in places:
            for name, (value, _) in self.merged(place, "pypi-dependencies").items():
                if isinstance(value, dict) and value.get("editable") is True:
                    yield normalised(name)

    def channels(self, places: list[tuple[str, ...]]) -> tuple[str, ...]:
        """In the order of their priority; those of a feature come before those of the workspace."""
        found: list[tuple[int, str]] = []
        owners = [place for place in reversed(places) if place != self.top]
        for place in (*((*owner, "channels") for owner in owners), (*self.workspace, "channels")):
            for item in self.doc.array(*place):
                table = item if isinstance(item, dict) else {"channel": item}
                line = self.doc.word(table.get("channel"), *place)
                priority = table.get("priority", 0)
                found.append((-priority if isinstance(priority, int) else 0, parse_channel(line)))
        if not found:
            raise self.doc.error(
                "The file lists no channels",
                *self.workspace,
                hint='Add `channels = ["conda-forge"]` to `[workspace]`',
            )
        return tuple(dict.fromkeys(name for _, name in sorted(found, key=lambda pair: pair[0])))

    def settings(self, places: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
        for place in (self.workspace, *places):
            yield (*place, "pypi-options")

    def indexes(self, places: list[tuple[str, ...]]) -> Iterator[Line]:
        for place in self.settings(places):
            table = self.doc.table(*place)
            if url := self.word(table, "index-url", place):
                yield self.doc.line(f"--index-url {url}", *place)
            for line in self.doc.strings(*place, "extra-index-urls"):
                yield Line(file=line.file, number=line.number, text=f"--extra-index-url {line.text}")
            for item in self.doc.array(*place, "find-links"):
                found = item if isinstance(item, dict) else {}
                where = self.word(found, "url", place) or self.word(found, "path", place)
                yield self.doc.line(f"--find-links {where}", *place, "find-links")
            for key, option in (("no-binary", "--no-binary"), ("no-build", "--only-binary")):
                value = table.get(key, False)
                names = [":all:"] if value is True else self.doc.strings(*place, key) if value else []
                for name in names:
                    yield self.doc.line(
                        f"{option} {name if isinstance(name, str) else name.text}", *place, key
                    )

    def options(self, places: list[tuple[str, ...]]) -> Iterator[str]:
        for place in self.settings(places):
            value = self.doc.table(*place).get("no-build-isolation", False)
            if value is True:
                yield "--no-build-isolation"
            for line in self.doc.strings(*place, "no-build-isolation") if value and value is not True else ():
                if re.fullmatch(NAME, line.text, re.ASCII):
                    yield f"--no-build-isolation-package={line.text}"

    def cuda(self, places: list[tuple[str, ...]]) -> str | None:
        """The version that a card's driver has: only where it is named, packages for one are taken."""
        for place in reversed(places):
            value = self.doc.table(*place, "system-requirements").get("cuda")
            if value is not None:
                if not re.fullmatch(r"\d+(\.\d+)*", str(value)):
                    raise self.doc.error(
                        "`cuda` is not a version", *place, "system-requirements", hint='Write it like `"12"`'
                    )
                return str(value)
        return None

    def exclude_newer(self) -> str | None:
        """A day is in it to its end."""
        value = self.doc.table(*self.workspace).get("exclude-newer")
        if value is None:
            return None
        if found := MOMENT.fullmatch(str(value)):
            return f"{found[1]}T{found[2] or '23:59:59'}Z"
        self.notices.append(
            self.doc.line("", *self.workspace, "exclude-newer").warning(
                "`exclude-newer` is ignored because it is not a date; use `--as-of` instead"
            )
        )
        return None
