"""Dependency groups (PEP 735) and optional dependencies, with what includes what resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from r2i.errors import InvalidRepositoryError
from r2i.formats.projects.project import HEAD, distribution, requirement
from r2i.formats.projects.toml import Toml
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import normalised

#: An author's groups seldom include each other more than twice over.
MAX_REQUIREMENTS = 10_000
MAX_DEPTH = 100
MAX_EXTRAS = 1_000


def dependency_groups(doc: Toml) -> dict[str, tuple[Line, ...]]:
    """The groups of `[dependency-groups]` by their normalised names."""
    names = _unique(doc, "The dependency groups", "dependency-groups")
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
                f"The group {quoted(names[key])} has a table that does not include a group",
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
        if len(parents) > MAX_DEPTH:
            raise doc.error("Groups include each other too deeply", *place, hint="Merge some of them")
        return lines(target, (*parents, key))

    return {key: lines(key, ()) for key in names}


def optional_dependencies(doc: Toml) -> dict[str, tuple[Line, ...]]:
    place = ("project", "optional-dependencies")
    if len(doc.table(*place)) > MAX_EXTRAS:
        raise doc.error(f"There are more than {MAX_EXTRAS:,} extras", *place, hint="Merge some of them")
    return {
        key: tuple(requirement(line) for line in doc.strings(*place, name))
        for key, name in _unique(doc, "The extras", *place).items()
    }


def _unique(doc: Toml, what: str, *place: str) -> dict[str, str]:
    """The keys of a table by their normalised names, of which none may be there twice (PEP 685, PEP 735)."""
    names: dict[str, str] = {}
    for name in doc.table(*place):
        other = names.setdefault(normalised(name), name)
        if other != name:
            message = f"{what} {quoted(other)} and {quoted(name)} have the same name"
            raise doc.error(message, *place, name, hint="Rename one of them")
    return names


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
                if len(seen) > MAX_DEPTH:
                    raise line.error(
                        f"More than {MAX_DEPTH} extras include each other", hint="Merge some of them"
                    )
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
