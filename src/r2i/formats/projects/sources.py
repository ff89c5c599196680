"""Where requirements come from: an index, or a directory of the repository, whose own requirements count, too."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from r2i.checkout import Checkout
from r2i.formats.projects.project import HEAD, Project, distribution
from r2i.formats.projects.reading import read_project
from r2i.formats.projects.toml import read_toml
from r2i.formats.projects.uv import workspace_members
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Options

LOCAL = re.compile(r"(?:-e|[^ ]+ ?(?:\[[^\]]*\])? ?@) ?(\.[^\[#; ]*)(?:\[([^\]]*)\])?.*")

#: As many directories as a workspace may have.
MAX_DIRECTORIES = 200


@dataclass
class Placed:
    """Lines for pip's format; `sources` are left for uv to apply, by normalised name.

    `known` is false where a directory or an archive of the repository has requirements that only its code tells.
    """

    lines: dict[Line, None] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    known: bool = True
    directories: set[str] = field(default_factory=set)

    @property
    def indexed(self) -> Iterator[Mapping[str, Any]]:
        return (
            source
            for value in self.sources.values()
            for source in (value if isinstance(value, list) else [value])
        )


def placed(lines: tuple[Line, ...], project: Project, checkout: Checkout, options: Options) -> Placed:
    """Apply the project's sources to the requirements that are wanted."""
    result = Placed(directories={project.directory})
    _place(lines, project, checkout, options, result)
    return result


def _place(
    lines: tuple[Line, ...], project: Project, checkout: Checkout, options: Options, result: Placed
) -> None:
    for line in lines:
        name = distribution(line)
        here, elsewhere = _split(project.sources.get(name or ""), line, options)
        for source in here:
            _add(_local_line(line, source, project, checkout), checkout, options, result)
        if name and elsewhere:
            result.sources[name] = elsewhere
        if elsewhere or not here:
            _add(line, checkout, options, result)


def _add(line: Line, checkout: Checkout, options: Options, result: Placed) -> None:
    """A line, and what the directory that it may name asks for itself."""
    result.lines[line] = None
    found = LOCAL.fullmatch(line.text)
    if found is None:
        return
    directory = checkout.inside(found[1])
    if directory is None or not checkout.is_dir(directory):
        result.known = False
        return
    directory = "" if directory == "." else directory
    if directory in result.directories:
        return
    result.directories.add(directory)
    inner = read_project(checkout, directory) if len(result.directories) < MAX_DIRECTORIES else None
    if inner is None or inner[0].dependencies is None or inner[0].extras is None:
        result.known = False
        return
    extras = [normalised(extra) for extra in (found[2] or "").replace(" ", "").split(",") if extra]
    wanted = (
        *inner[0].dependencies,
        *(line for extra in extras for line in inner[0].extras.get(extra, ())),
    )
    _place(wanted, inner[0], checkout, options, result)


def _split(value: Any, line: Line, options: Options) -> tuple[list[dict[str, Any]], Any]:
    """The sources that are directories of the repository, and the others as they were given."""
    given = value if isinstance(value, list) else [value] if value is not None else []
    here: list[dict[str, Any]] = []
    elsewhere: list[dict[str, Any]] = []
    chosen = {normalised(name) for name in (*options.extras, *options.groups)}
    for source in given:
        if not isinstance(source, dict):
            raise line.error(
                f"The source of {quoted(line.text)} is not a table",
                hint='Write it like `{git = "https://…"}`',
            )
        condition = source.get("extra", source.get("group"))
        if condition is not None and normalised(str(condition)) not in chosen:
            continue
        kept = {key: item for key, item in source.items() if key not in ("extra", "group")}
        (here if kept.get("workspace") is True or "path" in kept else elsewhere).append(kept)
    return here, elsewhere if isinstance(value, list) else elsewhere[0] if elsewhere else None


def _local_line(line: Line, source: Mapping[str, Any], project: Project, checkout: Checkout) -> Line:
    found = HEAD.fullmatch(line.text)
    name, extras = (found[1], found[2]) if found else (line.text, None)
    if source.get("workspace") is True:
        path = _member(normalised(name), line, checkout)
        editable = source.get("editable") is not False
    else:
        path = posixpath.normpath(posixpath.join(project.directory, str(source["path"])))
        editable = source.get("editable") is True
    marker = source.get("marker") or (found[3].partition(";")[2].strip() if found else "")
    path = path if path.startswith(("/", "..")) else f"./{path}"
    with_extras = f"[{extras}]" if extras else ""
    text = f"-e {path}{with_extras}" if editable and not marker else f"{name}{with_extras} @ {path}"
    return Line(file=line.file, number=line.number, text=f"{text} ; {marker}" if marker else text)


def _member(name: str, line: Line, checkout: Checkout) -> str:
    """The directory of a workspace's member by its name."""
    patterns = (
        workspace_members(read_toml(checkout, "pyproject.toml")) if checkout.has("pyproject.toml") else ()
    )
    for directory in (path for pattern in patterns for path in _matching(pattern, checkout)):
        path = posixpath.join(directory, "pyproject.toml")
        if checkout.has(path):
            found = read_toml(checkout, path).string("project", "name")
            if found and normalised(found) == name:
                return directory
    raise line.error(
        f"No member of the workspace has the name `{name}`",
        hint="Add its directory to `tool.uv.workspace.members`",
    )


def _matching(pattern: str, checkout: Checkout) -> Iterator[str]:
    """The directories that a pattern (`packages/*`) names, one level for each of its parts."""
    from fnmatch import fnmatchcase

    found = [""]
    for part in [part for part in pattern.split("/") if part not in ("", ".")][:10]:
        found = [
            path
            for directory in found
            for path in checkout.entries(directory)
            if fnmatchcase(posixpath.basename(path), part) and checkout.is_dir(path)
        ][:MAX_DIRECTORIES]
    yield from found
