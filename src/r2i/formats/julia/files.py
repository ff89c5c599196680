"""`Project.toml`, `Manifest.toml` and their other names: what they ask for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from r2i.checkout import Checkout
from r2i.formats.julia.compat import Compat, parse_compat
from r2i.formats.projects.toml import Toml, read_toml, toml_text
from r2i.formats.requirements.lines import quoted
from r2i.model import Evidence, Notice, VersionRequest

#: In the order in which Julia looks for them.
PROJECTS = ("JuliaProject.toml", "Project.toml")
MANIFESTS = ("JuliaManifest.toml", "Manifest.toml")
OF_A_MINOR = re.compile(r"(?:Julia)?Manifest-v(1\.\d{1,3})\.toml", re.ASCII)

#: What Pkg reads in a project, and what people add to it.
KEYS = frozenset(
    [
        "apps",
        "author",
        "authors",
        "compat",
        "deps",
        "desc",
        "description",
        "entryfile",
        "extensions",
        "extras",
        "homepage",
        "keywords",
        "license",
        "manifest",
        "name",
        "path",
        "preferences",
        "readonly",
        "repo",
        "repository",
        "sources",
        "syntax",
        "targets",
        "uuid",
        "version",
        "weakdeps",
        "workspace",
    ]
)
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NAME = re.compile(r"[^\W\d]\w*", re.ASCII)
VERSION = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3})(?:[-+].*)?", re.ASCII)

#: What of a project changes its packages; the others are for the package that the repository itself may be.
OF_THE_ENVIRONMENT = ("deps", "weakdeps", "extras", "compat", "sources", "preferences")

#: The last release that wrote manifests of the first format, which have no version.
FIRST_FORMAT = "1.6"

#: Of so many packages a hint has the names.
MOST_NAMED = 10

HINT = 'Write an entry that Pkg understands, such as `julia = "1.10"`'


@dataclass(frozen=True, kw_only=True)
class JuliaProject:
    """`environment` is the file as far as it says which packages there are, as Pkg can read it; `package` the name of the package that
    the repository itself is, empty where it is none.

    With `local`, packages lie in the repository.
    """

    path: str
    environment: str
    package: str
    dependencies: frozenset[str]
    compat: Compat | None
    compat_evidence: Evidence
    local: bool
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JuliaManifest:
    """The versions of all packages; `request` is the Julia that it was made by, `guessed` that only its format tells."""

    path: str
    text: str
    packages: frozenset[str]
    request: VersionRequest | None
    guessed: bool
    local: bool


def read_julia_project(checkout: Checkout, path: str) -> JuliaProject | None:
    """None where the file is of another program; a broken one is an `InvalidRepositoryError`."""
    doc = read_toml(checkout, path)
    if posixpath.basename(path) != PROJECTS[0] and not _is_of_julia(doc.data):
        return None
    compat, evidence, notices = _compat(doc)
    name, sources = doc.string("name"), doc.table("sources")
    if name is not None and not NAME.fullmatch(name):
        name = None  # Pkg takes it for no package either
    return JuliaProject(
        path=path,
        environment=toml_text(_environment(doc.data, compat)),
        package=name if name and doc.string("uuid") else "",
        dependencies=frozenset(_dependencies(doc)),
        compat=compat,
        compat_evidence=evidence,
        local="workspace" in doc.data
        or any(isinstance(source, dict) and "path" in source for source in sources.values()),
        notices=notices,
    )


def _environment(data: Mapping[str, Any], compat: Compat | None) -> dict[str, Any]:
    tables = {key: data[key] for key in OF_THE_ENVIRONMENT if key in data}
    return tables | ({"compat": {**tables["compat"], "julia": compat.text}} if compat else {})


def _is_of_julia(data: Mapping[str, Any]) -> bool:
    tables = (data.get(key) for key in ("deps", "extras", "weakdeps"))
    uuids = [value for table in tables if isinstance(table, dict) for value in table.values()]
    if any(isinstance(value, str) and UUID.fullmatch(value) for value in [*uuids, data.get("uuid")]):
        return True
    return data.keys() <= KEYS


def _dependencies(doc: Toml) -> Iterable[str]:
    """Pkg reads none of them where one has no UUID."""
    deps = doc.table("deps")
    wrong = [name for name, uuid in deps.items() if not (isinstance(uuid, str) and UUID.fullmatch(uuid))]
    if wrong:
        remove = "Remove these lines" if wrong[1:] else "Remove the line"
        names = [name for name in wrong[:MOST_NAMED] if NAME.fullmatch(name)]
        raise doc.error(
            f"The dependency {quoted(' '.join(wrong[0].split()))} has no UUID",
            "deps",
            wrong[0],
            hint=f"{remove}, and run `{pkg_add(posixpath.dirname(doc.path), names)}`" if names else remove,
        )
    return deps


def pkg_add(directory: str, names: Sequence[str]) -> str:
    """The command that adds packages to the project in a directory of the repository, empty for its root."""
    listed = ", ".join(f'"{name}"' for name in names)
    return f"julia --project={directory or '.'} -e 'using Pkg; Pkg.add({f'[{listed}]' if names[1:] else listed})'"


def _compat(doc: Toml) -> tuple[Compat | None, Evidence, tuple[Notice, ...]]:
    value, at = doc.table("compat").get("julia"), doc.line("", "compat", "julia")
    if value is None:
        return None, at.evidence(""), ()
    notices: tuple[Notice, ...] = ()
    if isinstance(value, int | float) and not isinstance(value, bool):
        # `1.10` is the number 1.1 to TOML, and 1.10 to the person who wrote it.
        written = re.search(r"=\s*(\d+(?:\.\d+)?)\s*(?:#|$)", doc.text[at.number - 1])
        value = written[1] if written else value
        notices = (
            at.warning(f'`julia = {value}` is a number, which Pkg refuses: write `julia = "{value}"`'),
        )
    if not isinstance(value, str):
        raise at.error("`compat.julia` must be a string", hint=HINT)
    compat, shown = parse_compat(value), quoted(" ".join(value.split()))
    if compat is None:
        raise at.error(f"{shown} is not a version range that Pkg understands", hint=HINT)
    return compat, at.evidence(f"allows Julia {shown}"), notices


def read_manifest(checkout: Checkout, path: str) -> JuliaManifest:
    doc = read_toml(checkout, path)
    tables = doc.table("deps") if "manifest_format" in doc.data else doc.data
    entries = {name: value for name, value in tables.items() if isinstance(value, list)}
    request, guessed = _made_by(doc, path, full=bool(entries))
    return JuliaManifest(
        path=path,
        text=checkout.read(path),
        packages=frozenset(entries),
        request=request,
        guessed=guessed,
        local=any(
            isinstance(entry, dict) and "path" in entry for value in entries.values() for entry in value
        ),
    )


def _made_by(doc: Toml, path: str, *, full: bool) -> tuple[VersionRequest | None, bool]:
    """What wrote the file: it says so, or its name, or its format."""
    said = doc.data.get("julia_version")
    match = VERSION.fullmatch(said) if isinstance(said, str) else None
    if match:
        evidence = doc.line("", "julia_version").evidence(f"the packages were resolved by Julia {match[1]}")
        return VersionRequest(version=match[1], evidence=evidence), False
    if said is not None:
        raise doc.error(
            f"`julia_version` is not a version: {quoted(' '.join(str(said).split()))}",
            "julia_version",
            hint=f"Write the file again with `julia --project={posixpath.dirname(path) or '.'} -e 'using Pkg; Pkg.resolve()'`",
        )
    if named := OF_A_MINOR.fullmatch(posixpath.basename(path)):
        evidence = Evidence(why=f"the file is for Julia {named[1]}", file=path)
        return VersionRequest(version=named[1], evidence=evidence), False
    if full and "manifest_format" not in doc.data:
        why = f"the file has the format that Julia wrote up to {FIRST_FORMAT}"
        return VersionRequest(version=FIRST_FORMAT, evidence=Evidence(why=why, file=path)), True
    return None, False
