"""Reads `environment.yml`: channels, conda's packages, the lines for pip, variables, and what is said of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.conda.channels import complete, parse_channel
from r2i.formats.conda.platforms import KEPT, elsewhere, exporter, selected
from r2i.formats.conda.specs import Spec, parse_spec
from r2i.formats.requirements.lines import MAX_LINES, Line, quoted
from r2i.formats.yaml_text import Text, Yaml, parse_yaml
from r2i.model import Notice

#: Several times the longest export of a full environment; YAML takes long to read.
MAX_CHARACTERS = 120_000
LONGEST_COMMENT = 200

#: conda asks each of them for each package.
MAX_CHANNELS = 1_000

#: The last two are conda-lock's.
KEYS = {"channels", "dependencies", "variables", "platforms", "category"}
NULL = ("", "~", "null", "Null", "NULL")

#: What the image itself decides.
OURS = {"PATH", "HOME", "USER", "SHELL", "LANG", "LC_ALL", "NB_USER", "NB_UID", "REPO_DIR", "CONDA_PREFIX"}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

EXAMPLE = "Write a list such as `dependencies: [python=3.12, numpy]`"


@dataclass(frozen=True, kw_only=True)
class Dependency:
    spec: Spec
    line: Line


@dataclass
class EnvironmentYml:
    """`pip` are lines of a requirements file, `variables` those of the environment as the file orders them.

    `foreign` are packages that are left out, with the platform that they are for; `exported_on` is the platform on which
    the whole file was written, if that is another one, and `builds` are the packages that it names with builds of its own.
    """

    path: str
    source: list[str]
    channels: tuple[str, ...] = ()
    dependencies: list[Dependency] = field(default_factory=list)
    pip: list[Line] = field(default_factory=list)
    foreign: list[tuple[Dependency, str]] = field(default_factory=list)
    exported_on: str | None = None
    builds: list[Dependency] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)

    def line(self, value: Yaml | None, *, text: str | None = None) -> Line:
        number = _number(value)
        return Line(file=self.path, number=number, text=" ".join((text or str(value)).split()))

    def end_of_line(self, number: int) -> str:
        """Where the comments stand; a line may be as long as the file, and be asked for by each of its items."""
        return self.source[number - 1][-LONGEST_COMMENT:]


def read_environment_yml(checkout: Checkout, path: str) -> EnvironmentYml:
    """Read the file; raise `InvalidRepositoryError` where it is not what conda takes. Nobody may change what it returns."""
    return _read(checkout.read(path), path)


@lru_cache(maxsize=2)
def _read(text: str, path: str) -> EnvironmentYml:
    if len(text) > MAX_CHARACTERS:
        raise InvalidRepositoryError(
            f"`{path}` has {len(text):,} characters, too many for an environment file",
            file=path,
            hint="Check that it is the right file",
        )
    found = EnvironmentYml(path=path, source=text.splitlines())
    content = parse_yaml(text, path)
    if content is None or (isinstance(content, Text) and content in NULL):
        content = {}
    if not isinstance(content, dict):
        raise InvalidRepositoryError(
            f"`{path}` is not a mapping with `dependencies`", file=path, line=_number(content), hint=EXAMPLE
        )
    _channels(found, content.get(Text("channels")))
    _dependencies(found, content.get(Text("dependencies")))
    _variables(found, content.get(Text("variables")))
    prefix = content.get(Text("prefix"))
    _for_this_platform(found, prefix if isinstance(prefix, Text) else "")
    for key in content:
        _about(found, key)
    return found


def _channels(found: EnvironmentYml, value: Yaml | None) -> None:
    items = _items(found, value, "channels", "Write a list such as `channels: [conda-forge]`")
    if len(items) > MAX_CHANNELS:
        raise _wrong(
            found, items, f"There are more than {MAX_CHANNELS:,} channels", "Keep those that are needed"
        )
    lines = [found.line(_text(found, item, "channels")) for item in items]
    names = tuple(line.text if line.text == "nodefaults" else parse_channel(line) for line in lines)
    found.channels, notices = complete(names, lines[0] if lines else None)
    found.notices += notices


def _dependencies(found: EnvironmentYml, value: Yaml | None) -> None:
    for item in _items(found, value, "dependencies", EXAMPLE):
        if isinstance(item, dict):
            for name, content in item.items():
                _of_mapping(found, name, content)
        elif isinstance(item, Text):
            if item in NULL:
                found.notices.append(found.line(item).info("An empty item in `dependencies` is ignored"))
                continue
            _dependency(found, found.line(item))
        else:
            raise _wrong(found, item, "A list in `dependencies` is not a package", EXAMPLE)
        _check_number(found, item)


def _check_number(found: EnvironmentYml, item: Yaml) -> None:
    if len(found.dependencies) + len(found.pip) > MAX_LINES:
        raise _wrong(
            found,
            item,
            f"There are more than {MAX_LINES:,} packages",
            "Keep only the packages that are needed",
        )


def _of_mapping(found: EnvironmentYml, key: Text, content: Yaml) -> None:
    """What is no plain package: the list for pip, or one for some platform only."""
    if key == "pip":
        hint = "Write a list below `- pip:`, one requirement an item"
        for item in _items(found, content, "pip", hint):
            found.pip += _pip_lines(found, _text(found, item, "pip"))
            _check_number(found, item)
        return
    selector = re.fullmatch(r"sel\((.*)\)", key)
    if selector and isinstance(content, Text):
        line = found.line(key, text=content)
        if selected(selector[1]):
            _dependency(found, line)
        else:
            found.notices.append(
                line.info(f"{quoted(line.text)} is skipped: it is only for {quoted(selector[1])}")
            )
        return
    raise _wrong(
        found,
        key,
        f"{quoted(str(key))} is written as a key",
        f"Write `- {key}={content}`"
        if isinstance(content, Text) and content
        else f"Write `- {key}`, without a colon",
    )


def _pip_lines(found: EnvironmentYml, item: Text) -> Iterator[Line]:
    """An item may be a block of several lines; they are read as those of a requirements file later."""
    number = _number(item)
    if re.search(r"[|>][+-]?\d?\s*(?:#.*)?$", found.end_of_line(number)):
        number += 1  # the first line of a block only says that it is one
    for offset, text in enumerate(str(item).splitlines()):
        if text.strip():
            yield Line(file=found.path, number=number + offset, text=text)


def _dependency(found: EnvironmentYml, line: Line) -> None:
    selector = _selector(found.end_of_line(line.number))
    if selector is not None and not selected(selector):
        found.notices.append(line.info(f"{quoted(line.text)} is skipped: its comment is `[{selector}]`"))
        return
    spec = parse_spec(line)
    if spec.without_extras:
        message = f"{quoted(line.text)} installs `{spec.name}` alone: packages of conda have no extras"
        found.notices.append(line.warning(message))
    found.dependencies.append(Dependency(spec=spec, line=line))


def _selector(end: str) -> str | None:
    """What a comment such as `# [linux]` at the end of a line says; one pattern for all of it would start at each `#`."""
    words = end.rstrip()
    if not words.endswith("]"):
        return None
    last = words[:-1].rpartition("]")[2]
    comment = re.search(r"#\s*\[", last)
    return last[comment.end() :] if comment else None


def _variables(found: EnvironmentYml, value: Yaml | None) -> None:
    if value is None or (isinstance(value, Text) and value in NULL):
        return
    if not isinstance(value, dict):
        raise _wrong(found, value, "`variables` is not a mapping", "Write `NAME: value` below it")
    for name, content in value.items():
        if not VARIABLE.fullmatch(name) or not isinstance(content, Text):
            raise _wrong(
                found, name, f"{quoted(str(name))} is not a variable with a value", "Write `NAME: value`"
            )
        if name in OURS:
            found.notices.append(found.line(name).warning(f"`{name}` is ignored: the image sets it"))
        elif not content.isprintable():
            raise _wrong(found, name, f"The value of `{name}` has special characters", "Write it on one line")
        else:
            found.variables[str(name)] = str(content)


def _for_this_platform(found: EnvironmentYml, prefix: str) -> None:
    """An export of macOS or Windows has builds, and packages, that only these have."""
    kept = []
    found.exported_on = exporter((dependency.spec for dependency in found.dependencies), prefix)
    for dependency in found.dependencies:
        other = elsewhere(dependency.spec.name, exported_on=found.exported_on)
        if other is None:
            kept.append(dependency)
            continue
        found.foreign.append((dependency, other))
        found.notices.append(
            dependency.line.warning(f"`{dependency.spec.name}` is skipped: it is only for {other}")
        )
    builds = [d for d in kept if d.spec.build and d.spec.name not in KEPT and "*" not in d.spec.build]
    if found.exported_on and builds:
        found.builds, others = builds, {*builds}
        found.notices.append(
            builds[0].line.warning(
                f"The environment was exported on {found.exported_on}: r2i keeps the versions but not the builds, which are specific"
                f" to {found.exported_on}; `conda env export --from-history` writes a portable file"
            )
        )
        kept = [
            Dependency(
                spec=Spec(name=d.spec.name, version=d.spec.version, channel=d.spec.channel), line=d.line
            )
            if d in others
            else d
            for d in kept
        ]
    found.dependencies = kept


def _about(found: EnvironmentYml, key: Text) -> None:
    line = found.line(key)
    if key in ("name", "prefix"):
        found.notices.append(line.info(f"`{key}` has no effect: the environment is `/srv/env`"))
    elif key not in KEYS:
        found.notices.append(line.warning(f"{quoted(key)} is not a conda key and is ignored"))


def _items(found: EnvironmentYml, value: Yaml | None, name: str, hint: str) -> list[Yaml]:
    if value is None or value == {} or (isinstance(value, Text) and value in NULL):
        return []
    if not isinstance(value, list):
        raise _wrong(found, value, f"`{name}` is not a list", hint)
    return value


def _text(found: EnvironmentYml, item: Yaml, name: str) -> Text:
    if not isinstance(item, Text) or item in NULL:
        raise _wrong(found, item, f"An item of `{name}` is not text", "Write one line of text per item")
    return item


def _wrong(found: EnvironmentYml, value: Yaml, message: str, hint: str) -> InvalidRepositoryError:
    return InvalidRepositoryError(message, file=found.path, line=_number(value), hint=hint)


def _number(value: Yaml | None) -> int:
    """The line of a value: of a collection, that of the first text in it."""
    while not isinstance(value, Text):
        if not value:
            return 1
        value = next(iter(value))
    return value.line
