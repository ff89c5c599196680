"""Dependency groups (PEP 735) and optional dependencies, with what includes what resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from r2i.errors import InvalidRepositoryError
from r2i.projects.project import HEAD, distribution, requirement
from r2i.projects.toml import Toml
from r2i.requirements.lines import Line, quoted
from r2i.requirements.specifiers import normalised

#: An author's groups seldom include each other more than twice over.
MAX_REQUIREMENTS = 10_000


def dependency_groups(doc: Toml) -> dict[str, tuple[Line, ...]]:
    """The groups of `[dependency-groups]` by their normalised names."""
    names = {normalised(name): name for name in doc.table("dependency-groups")}
    done: dict[str, tuple[Line, ...]] = {}

    def lines(key: str, parents: tuple[str, ...]) -> tuple[Line, ...]:
        if key not in done:
            done[key] = _limited(
                line
                for item in doc.array("dependency-groups", names[key])
                for line in members(item, key, parents)
            )
        return done[key]

    def members(item: object, key: str, parents: tuple[str, ...]) -> Iterable[Line]:
        place = ("dependency-groups", names[key])
        if not isinstance(item, dict):
            return (requirement(doc.word(item, *place)),)
        included = item.get("include-group")
        if set(item) != {"include-group"} or not isinstance(included, str):
            raise doc.error(
                f"The group {quoted(names[key])} has a table that includes no group",
                *place,
                hint='Write `{include-group = "name"}`, or a requirement in quotes',
            )
        target = normalised(included)
        if target not in names:
            raise doc.line(included, *place).error(
                f"There is no group {quoted(included)} to include", hint="Correct the name, or add the group"
            )
        if target in (key, *parents):
            raise doc.line(included, *place).error(
                f"The group {quoted(included)} includes itself", hint="Remove one of the includes"
            )
        return lines(target, (*parents, key))

    return {key: lines(key, ()) for key in names}


def optional_dependencies(doc: Toml) -> dict[str, tuple[Line, ...]]:
    return {
        normalised(name): tuple(
            requirement(line) for line in doc.strings("project", "optional-dependencies", name)
        )
        for name in doc.table("project", "optional-dependencies")
    }


def without_itself(
    lines: Iterable[Line], *, name: str | None, extras: Mapping[str, tuple[Line, ...]]
) -> tuple[Line, ...]:
    """Put an extra's requirements where a project asks for itself with that extra (`all = ["project[a,b]"]`)."""
    seen: set[str] = set()

    def replaced(line: Line) -> Iterable[Line]:
        if name is None or distribution(line) != name:
            yield line
            return
        found = HEAD.fullmatch(line.text)
        for extra in filter(None, (word.strip() for word in (found[2] or "").split(","))) if found else ():
            key = normalised(extra)
            if key not in seen:
                seen.add(key)
                yield from _each(extras.get(key, ()), replaced)

    return _limited(_each(lines, replaced))


def _each(lines: Iterable[Line], function: Callable[[Line], Iterable[Line]]) -> Iterable[Line]:
    for line in lines:
        yield from function(line)


def _limited(lines: Iterable[Line]) -> tuple[Line, ...]:
    result: dict[Line, None] = {}
    for line in lines:
        result[line] = None
        if len(result) > MAX_REQUIREMENTS:
            raise _too_many(line)
    return tuple(result)


def _too_many(line: Line) -> InvalidRepositoryError:
    return line.error(
        f"There are more than {MAX_REQUIREMENTS:,} requirements", hint="Keep only what is needed"
    )
