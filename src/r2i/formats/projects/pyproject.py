"""`pyproject.toml`: the standard tables (PEP 621, PEP 735), and what Poetry, PDM and uv add to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.projects import poetry
from r2i.formats.projects.groups import dependency_groups, optional_dependencies, without_itself
from r2i.formats.projects.project import Project, python_constraint, requirement
from r2i.formats.projects.setuptools_files import SetupMetadata, file_requirements
from r2i.formats.projects.toml import Toml
from r2i.formats.projects.uv import pdm_settings, sources, uv_settings
from r2i.formats.requirements.lines import Line
from r2i.formats.requirements.reading import MAX_FILES
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Evidence, PythonConstraint

NAME_HINT = 'Add `name = "my-project"` and `version = "0.1.0"`'


def declares(doc: Toml) -> bool:
    """Whether there is more than the settings of tools."""
    return bool(
        "project" in doc.data
        or doc.table("dependency-groups")
        or doc.table("tool", "poetry")
        or doc.table("tool", "pdm", "dev-dependencies")
        or doc.array("tool", "uv", "dev-dependencies")
        or doc.table("tool", "flit", "metadata")
    )


def read_pyproject(doc: Toml, checkout: Checkout, *, directory: str, setup: SetupMetadata) -> Project:
    """All that the file says; `setup` is what `setup.py` and `setup.cfg` say of what it leaves open."""
    by_poetry = bool(doc.table("tool", "poetry"))
    if "project" in doc.data:
        project = _standard(doc, checkout, directory=directory, setup=setup)
    elif by_poetry:
        project = _by_poetry(doc)
    else:
        known = not doc.table("tool", "flit", "metadata")
        project = Project(file=doc.path, dependencies=() if known else None, extras={} if known else None)
    groups, default_groups = _groups(doc, by_poetry=by_poetry)
    settings, notices = uv_settings(doc, checkout)
    given: dict[str, Any] = pdm_settings(doc) | (poetry.settings(doc) if by_poetry else {}) | settings
    from_index = (poetry.sources(doc) if by_poetry else {}) | sources(doc)
    return Project(
        file=doc.path,
        directory=directory,
        name=project.name,
        dependencies=project.dependencies,
        extras=project.extras,
        groups={
            key: without_itself(lines, name=project.name, extras=project.extras or {})
            for key, lines in groups.items()
        },
        default_groups=default_groups,
        python=project.python or _poetry_python(doc, by_poetry=by_poetry),
        uv=given,
        sources=from_index,
        evidence=project.evidence,
        notices=notices,
    )


def _standard(doc: Toml, checkout: Checkout, *, directory: str, setup: SetupMetadata) -> Project:
    name = doc.string("project", "name")
    if name is None:
        raise doc.error("The table `project` has no `name`", "project", hint=NAME_HINT)
    dynamic = {line.text for line in doc.strings("project", "dynamic")}
    evidence: list[Evidence] = []
    dependencies: tuple[Line, ...] | None = tuple(
        requirement(line) for line in doc.strings("project", "dependencies")
    )
    extras: Mapping[str, tuple[Line, ...]] | None = optional_dependencies(doc)
    if "dependencies" in dynamic:
        dependencies = _dynamic(doc, checkout, evidence, "dependencies", directory=directory)
        if dependencies is None:
            dependencies = setup.dependencies if setup.found else _poetry_dependencies(doc)
    if "optional-dependencies" in dynamic:
        extras = _dynamic_extras(doc, checkout, evidence, directory=directory)
        if extras is None and setup.found:
            extras = setup.extras
    return Project(
        file=doc.path,
        name=normalised(name),
        dependencies=_flat(dependencies, name, extras),
        extras={key: _flat(lines, name, extras) or () for key, lines in extras.items()}
        if extras is not None
        else None,
        python=_python(doc) or (setup.python if "requires-python" in dynamic else None),
        evidence=(*evidence, *(setup.evidence if dynamic else ())),
    )


def _flat(
    lines: tuple[Line, ...] | None, name: str, extras: Mapping[str, tuple[Line, ...]] | None
) -> tuple[Line, ...] | None:
    return None if lines is None else without_itself(lines, name=normalised(name), extras=extras or {})


def _poetry_dependencies(doc: Toml) -> tuple[Line, ...] | None:
    if not doc.table("tool", "poetry", "dependencies"):
        return None
    return tuple(line for lines in poetry.main_dependencies(doc).values() for line in lines)


def _by_poetry(doc: Toml) -> Project:
    name = doc.string("tool", "poetry", "name")
    return Project(
        file=doc.path,
        name=normalised(name) if name else None,
        dependencies=_poetry_dependencies(doc) or (),
        extras=poetry.optional_dependencies(doc),
    )


def _groups(doc: Toml, *, by_poetry: bool) -> tuple[dict[str, tuple[Line, ...]], tuple[str, ...]]:
    """The groups, and those that the author's tool installs unasked: Poetry and PDM all, uv the one named `dev`."""
    found = dependency_groups(doc)
    if by_poetry:
        of_poetry, default = poetry.groups(doc)
        optional = {
            normalised(name)
            for name in doc.table("tool", "poetry", "group")
            if doc.flag("tool", "poetry", "group", name, "optional")
        }
        standard = tuple(key for key in found if key not in optional)
        return _joined(found, of_poetry), tuple(dict.fromkeys((*standard, *default)))
    if doc.table("tool", "pdm"):
        found = _joined(found, _pdm_groups(doc))
        return found, tuple(found)
    if extra := doc.strings("tool", "uv", "dev-dependencies"):
        found = _joined(found, {"dev": tuple(requirement(line) for line in extra)})
    return found, _uv_default(doc, found)


def _uv_default(doc: Toml, groups: dict[str, tuple[Line, ...]]) -> tuple[str, ...]:
    chosen = doc.table("tool", "uv").get("default-groups")
    if chosen == "all":
        return tuple(groups)
    if chosen is None:
        return ("dev",) if "dev" in groups else ()
    names = doc.strings("tool", "uv", "default-groups")
    for line in names:
        if normalised(line.text) not in groups:
            raise line.error(f"There is no group `{line.text}`", hint="Correct `default-groups`")
    return tuple(normalised(line.text) for line in names)


def _pdm_groups(doc: Toml) -> dict[str, tuple[Line, ...]]:
    return {
        normalised(name): tuple(
            _of_pdm(line) for line in doc.strings("tool", "pdm", "dev-dependencies", name)
        )
        for name in doc.table("tool", "pdm", "dev-dependencies")
    }


def _of_pdm(line: Line) -> Line:
    """PDM also takes `-e file:///${PROJECT_ROOT}/pkg#egg=name`."""
    if not line.text.startswith(("-e ", "--editable ")):
        return requirement(line)
    path = line.text.partition(" ")[2].removeprefix("file:///${PROJECT_ROOT}").lstrip("/")
    return Line(file=line.file, number=line.number, text=f"-e ./{path}")


def _joined(
    first: dict[str, tuple[Line, ...]], second: dict[str, tuple[Line, ...]]
) -> dict[str, tuple[Line, ...]]:
    return first | {key: (*first.get(key, ()), *lines) for key, lines in second.items()}


def _python(doc: Toml) -> PythonConstraint | None:
    text = doc.string("project", "requires-python")
    if not text or not text.strip():
        return None
    return python_constraint(doc.line(text, "project", "requires-python"))


def _poetry_python(doc: Toml, *, by_poetry: bool) -> PythonConstraint | None:
    line = poetry.python(doc) if by_poetry else None
    return python_constraint(line) if line and line.text else None


def _dynamic(
    doc: Toml, checkout: Checkout, evidence: list[Evidence], *keys: str, directory: str
) -> tuple[Line, ...] | None:
    """The requirements in the files that setuptools is told to read, None where it is told of none."""
    place = ("tool", "setuptools", "dynamic", *keys)
    if not doc.table(*place):
        return None
    value = doc.table(*place).get("file")
    files = [doc.word(item, *place) for item in (value if isinstance(value, list) else [value])]
    if len(files) > MAX_FILES:
        raise doc.error(
            f"There are more than {MAX_FILES} files with requirements", *place, hint="Merge some of them"
        )
    lines: list[Line] = []
    for file in files:
        found = file_requirements(checkout, file, directory=directory)
        evidence.append(Evidence(why=f"read for `{doc.path}`, line {file.number}", file=found.file))
        lines += found.lines
    return tuple(lines)


def _dynamic_extras(
    doc: Toml, checkout: Checkout, evidence: list[Evidence], *, directory: str
) -> dict[str, tuple[Line, ...]] | None:
    names = doc.table("tool", "setuptools", "dynamic", "optional-dependencies")
    if not names:
        return None
    return {
        normalised(name): _dynamic(
            doc, checkout, evidence, "optional-dependencies", name, directory=directory
        )
        or ()
        for name in names
    }


def missing_version(doc: Toml) -> InvalidRepositoryError | None:
    """The error of every build backend where nothing tells the version."""
    if "project" not in doc.data or doc.string("project", "version") is not None:
        return None
    if "version" in {line.text for line in doc.strings("project", "dynamic")}:
        return None
    return doc.error("The table `project` has no `version`", "project", hint='Add `version = "0.1.0"`')
