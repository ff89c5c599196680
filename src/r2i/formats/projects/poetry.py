"""`[tool.poetry]`: dependencies, groups and extras as requirements of PEP 508, read by Poetry's own library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from r2i.errors import InvalidRepositoryError
from r2i.formats.projects.toml import Toml
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.specifiers import MAX_SPECIFIER, normalised

#: What Poetry's library takes of a dependency's table, and what each must be.
KNOWN: Mapping[str, type] = {
    "version": str,
    "git": str,
    "branch": str,
    "tag": str,
    "rev": str,
    "subdirectory": str,
    "url": str,
    "extras": list,
    "python": str,
    "markers": str,
    "platform": str,
}

HINT = 'Write it like `"^1.26"` or `{version = "^1.26", extras = ["name"]}`'


def specifier(line: Line) -> str:
    """A constraint on versions (`^1.2`, `~1.2 || ^2`) by PEP 440; what only alternatives can say becomes their hull."""
    from poetry.core.constraints.version import VersionRange

    constraint, text = _parsed(line)
    if "||" in text:
        first, *_, last = constraint.ranges
        hull = VersionRange(first.min, last.max, include_min=first.include_min, include_max=last.include_max)
        text = str(hull)
    return "" if text == "*" else text


def alternatives(doc: Toml) -> Line | None:
    """A constraint that no metadata of a package can express, which makes pip and uv refuse it."""
    for name, value in doc.table("tool", "poetry", "dependencies").items():
        version = value.get("version") if isinstance(value, dict) else value
        if isinstance(version, str) and name != "python":
            line = doc.line(version, "tool", "poetry", "dependencies", name)
            if "||" in _parsed(line)[1]:
                return line
    return None


def _parsed(line: Line) -> tuple[Any, str]:
    """A constraint, and its text by PEP 440, or with `||` where that cannot say it."""
    from poetry.core.constraints.version import parse_constraint
    from poetry.core.packages.dependency import Dependency

    try:
        constraint = parse_constraint(line.text)
        text = Dependency("any", constraint).base_pep_508_name
    except (ValueError, AttributeError, RecursionError) as error:
        raise line.error(
            f"{quoted(line.text)} is not a valid Poetry version constraint", hint=HINT
        ) from error
    return constraint, text.partition(" ")[2].strip("()")


def main_dependencies(doc: Toml) -> dict[str, tuple[Line, ...]]:
    """The dependencies that are not optional, by normalised name; `python` is none."""
    return _dependencies(doc, "tool", "poetry", "dependencies", optional=False)


def optional_dependencies(doc: Toml) -> dict[str, tuple[Line, ...]]:
    """The extras, each a list of optional dependencies."""
    available = {
        **_dependencies(doc, "tool", "poetry", "dependencies", optional=True),
        **main_dependencies(doc),
    }
    extras = {}
    for extra in doc.table("tool", "poetry", "extras"):
        lines = [
            line
            for word in doc.strings("tool", "poetry", "extras", extra)
            for line in available.get(normalised(word.text.partition("[")[0].strip()), ())
        ]
        extras[normalised(extra)] = tuple(lines)
    return extras


def groups(doc: Toml) -> tuple[dict[str, tuple[Line, ...]], tuple[str, ...]]:
    """The groups, and those that are installed when nobody says otherwise."""
    found: dict[str, tuple[Line, ...]] = {}
    default = []
    places: dict[str, tuple[str, ...]] = (
        {"dev": ("tool", "poetry", "dev-dependencies")}
        if doc.table("tool", "poetry", "dev-dependencies")
        else {}
    )
    places |= {
        name: ("tool", "poetry", "group", name, "dependencies")
        for name in doc.table("tool", "poetry", "group")
    }
    for name, place in places.items():
        key = normalised(name)
        lines = _each(_dependencies(doc, *place, optional=False))
        found[key] = (*found.get(key, ()), *lines)
        if not doc.flag("tool", "poetry", "group", name, "optional"):
            default.append(key)
    return found, tuple(dict.fromkeys(default))


def sources(doc: Toml) -> dict[str, Any]:
    """From which index to take a distribution, in the words of `tool.uv.sources`."""
    tables: list[tuple[str, ...]] = [
        ("tool", "poetry", "dependencies"),
        ("tool", "poetry", "dev-dependencies"),
    ]
    tables += [
        ("tool", "poetry", "group", name, "dependencies") for name in doc.table("tool", "poetry", "group")
    ]
    return {
        normalised(name): {"index": value["source"]}
        for table in tables
        for name, value in doc.table(*table).items()
        if isinstance(value, dict) and isinstance(value.get("source"), str)
    }


def settings(doc: Toml) -> dict[str, Any]:
    """The package indexes of `[[tool.poetry.source]]`, in the words of `uv.toml`."""
    indexes = []
    best = False
    for source in doc.array("tool", "poetry", "source"):
        if not isinstance(source, dict):
            raise doc.error("`tool.poetry.source` must be an array of tables", "tool", "poetry", "source")
        name, url = source.get("name"), source.get("url")
        if not isinstance(name, str) or not isinstance(url, str):
            continue  # PyPI by its name: it is there anyway
        priority = source.get("priority", "default" if source.get("default") is True else "primary")
        index: dict[str, Any] = {"name": name, "url": url}
        if priority in ("explicit", "default"):
            index[priority] = True
        best = best or priority not in ("explicit", "default")
        indexes.append(index)
    # Poetry takes the best version of all its sources, uv by default that of the first which has the name.
    return ({"index": indexes} if indexes else {}) | ({"index-strategy": "unsafe-best-match"} if best else {})


def python(doc: Toml) -> Line | None:
    """The Python versions that are allowed, as a specifier of PEP 440."""
    value = doc.table("tool", "poetry", "dependencies").get("python")
    if isinstance(value, dict):
        value = value.get("version")
    if value is None:
        return None
    line = doc.word(value, "tool", "poetry", "dependencies", "python")
    return Line(file=line.file, number=line.number, text=specifier(line))


def _each(dependencies: Mapping[str, tuple[Line, ...]]) -> Iterable[Line]:
    return (line for lines in dependencies.values() for line in lines)


def _dependencies(doc: Toml, *keys: str, optional: bool) -> dict[str, tuple[Line, ...]]:
    found = {}
    for name, value in doc.table(*keys).items():
        if name.lower() == "python":
            continue
        tables = [_table(each, doc, *keys, name) for each in (value if isinstance(value, list) else [value])]
        lines = [
            _requirement(name, table, doc.line(_version(table), *keys, name))
            for table in tables
            if bool(table.get("optional")) == optional
        ]
        if lines:
            found[normalised(name)] = tuple(lines)
    return found


def _table(value: object, doc: Toml, *keys: str) -> dict[str, Any]:
    table = {"version": value} if isinstance(value, str) else value
    if isinstance(table, dict) and all(
        isinstance(table[key], KNOWN[key]) for key in table.keys() & KNOWN.keys()
    ):
        return table
    raise doc.error(f"{quoted(keys[-1])} is not a valid Poetry dependency", *keys, hint=HINT)


def _version(table: Mapping[str, Any]) -> str:
    return str(table.get("version", ""))


def _requirement(name: str, table: Mapping[str, Any], line: Line) -> Line:
    if isinstance(path := table.get("path", table.get("file")), str):
        return _local(name, path, table, line)
    text = _pep508(name, table, line)
    return Line(file=line.file, number=line.number, text=text)


def _local(name: str, path: str, table: Mapping[str, Any], line: Line) -> Line:
    path = path if path.startswith(("/", ".")) else f"./{path}"
    if isinstance(below := table.get("subdirectory"), str):
        path = f"{path}/{below}"
    words = ("-e", path) if table.get("develop") else (name, "@", path)
    return Line(file=line.file, number=line.number, text=" ".join(words))


def _pep508(name: str, table: Mapping[str, Any], line: Line) -> str:
    from packaging.requirements import Requirement
    from poetry.core.factory import Factory

    wanted: dict[str, Any] = {key: table[key] for key in table if key in KNOWN}
    if sum(len(str(value)) for value in wanted.values()) > MAX_SPECIFIER:
        raise line.error(f"The dependency {quoted(name)} is too long", hint=HINT)
    if "version" in wanted:
        constraint = Line(file=line.file, number=line.number, text=_version(table).strip() or "*")
        wanted["version"] = specifier(constraint) or "*"
    try:
        text = Factory.create_dependency(name, wanted).to_pep_508(with_extras=False)
        return str(Requirement(text))
    except InvalidRepositoryError:
        raise
    except Exception as error:  # the errors of its many parsers have no class of their own
        raise line.error(f"The dependency {quoted(name)} is not valid for Poetry", hint=HINT) from error
