"""What Pipenv and PDM write: entries of `Pipfile`, `Pipfile.lock` and `pdm.lock` as lines in pip's format."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from r2i.errors import InvalidRepositoryError
from r2i.formats.locks.environment import PASSWORD
from r2i.formats.locks.shapes import Table
from r2i.formats.requirements.lines import VARIABLE, Line, quoted
from r2i.formats.requirements.specifiers import NAME, normalised

#: Tables of a `Pipfile` that are no categories of packages.
SETTINGS = ("source", "requires", "scripts", "pipfile", "pipenv")

#: How the lock calls the two categories that every `Pipfile` has.
LOCKED = {"packages": "default", "dev-packages": "develop"}

#: Markers that may stand in an entry as keys of their own.
MARKERS = (
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
)


def content_hashes(pipfile: Table) -> set[str]:
    """What `Pipfile.lock` records of the `Pipfile`, by old and new releases.

    Further categories were not part of it before 2022.9, and names are normalised since 2026.
    """
    items = pipfile.items
    meta = {"sources": items.get("source", []), "requires": items.get("requires", {})}
    main = {name: items.get(key, {}) for key, name in LOCKED.items()}
    more = {key: items[key] for key in items if key not in (*SETTINGS, *LOCKED, *LOCKED.values())}
    return {
        _hash({"_meta": meta, **{name: form(value) for name, value in chosen.items()}})
        for chosen in (main, main | more)
        for form in (_as_written, _normalised)
    }


def _as_written(category: Any) -> Any:
    return category


def _normalised(category: Any) -> Any:
    if not isinstance(category, dict):
        return category
    return {normalised(name): value for name, value in category.items()}


def _hash(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def categories(pipfile: Table) -> tuple[str, ...]:
    return tuple(key for key in pipfile.items if key not in (*SETTINGS, *LOCKED))


def source_lines(holder: Table, key: str, number: int, *, main: bool = True) -> Iterator[Line]:
    """The indexes as options. The public one is left to the machine that builds, which may have a mirror of it.

    `main` says that the first one takes the place of the public one.
    """
    for source in holder.tables(key):
        url = PASSWORD.sub("", source.text("url"))
        line = Line(file=holder.file, number=number, text=url)
        if variable := VARIABLE.search(url):
            raise line.error(
                f"The variable `{variable[0]}` has no value: build steps do not see your environment variables",
                hint="Write the URL without a password, and configure the password on the build machine (`netrc`)",
            )
        if source.text("name") == "pypi" or not url:
            main = False
            continue
        option = "--index-url" if main else "--extra-index-url"
        if source.text("type") == "find_links":
            option = "--find-links"
        yield Line(file=holder.file, number=number, text=f"{option} {url}")
        if not source.flag("verify_ssl", default=True):
            host = re.sub(r"^https?://|/.*", "", url)
            yield Line(file=holder.file, number=number, text=f"--trusted-host {host}")
        main = False


def package_lines(packages: Table, lines: Mapping[str, int]) -> Iterator[Line]:
    for name, entry in packages.items.items():
        line = Line(file=packages.file, number=lines.get(name, 1), text=name)
        if not re.fullmatch(NAME, name, re.ASCII):
            raise line.error(f"{quoted(name)} is not the name of a package", hint="Correct it")
        if isinstance(entry, str):
            text = name + _versions(entry, line)
        elif isinstance(entry, dict):
            table = Table(file=packages.file, items=entry, place=f"{packages.place}.{name}")
            text = requirement(name, table, line)
        else:
            raise packages.wrong(name, "a version or a table")
        yield Line(file=line.file, number=line.number, text=" ".join(text.split()))


def _versions(text: str, line: Line) -> str:
    text = text.strip()
    if text in ("", "*"):
        return ""
    if text[0].isdigit():
        return f"=={text}"
    if text[0] not in "=<>!~":  # it would become part of the name
        raise line.error(
            f"{quoted(text)} is not a version range for `{line.text}`",
            hint='Write it like `">=1.26"`, `"==1.26.4"` or `"*"`',
        )
    return text


def requirement(name: str, entry: Table, line: Line) -> str:
    """An entry in pip's format; PDM writes the same keys."""
    extras = ",".join(entry.texts("extras"))
    full = f"{name}[{extras}]" if extras else name
    editable = entry.flag("editable")
    hashes = "".join(f" --hash={value}" for value in entry.texts("hashes"))
    for system in ("hg", "svn", "bzr"):
        if system in entry:
            raise _not_git(name, line)
    if "git" in entry:
        text = f"{full} @ {_git(entry)}"
    elif place := entry.text("path") or entry.text("file") or entry.text("url"):
        if editable and "://" not in place:
            return f"-e {_path(place)}" + (f"[{extras}]" if extras else "")
        text = f"{full} @ {PASSWORD.sub('', place) if '://' in place else _path(place)}"
    else:
        text = full + _versions(entry.text("version"), line)
    marker = _marker(entry)
    return f"{text} ; {marker}{hashes}" if marker else f"{text}{hashes}"


def _not_git(name: str, line: Line) -> InvalidRepositoryError:
    return line.error(
        f"{quoted(name)} is not a Git repository; r2i can install only from Git repositories",
        hint="Use the URL of an archive of it (`.zip`, `.tar.gz`)",
    )


def _git(entry: Table) -> str:
    url = PASSWORD.sub("", entry.text("git"))
    ref = entry.text("revision") or entry.text("ref")
    directory = entry.text("subdirectory")
    prefix = "" if url.startswith("git+") else "git+"
    return f"{prefix}{url}{f'@{ref}' if ref else ''}{f'#subdirectory={directory}' if directory else ''}"


def _path(text: str) -> str:
    return text if text.startswith((".", "/", "~")) else f"./{text}"


def _marker(entry: Table) -> str:
    parts = [text for text in [entry.text("markers")] if text]
    parts += [f"{key} {_comparison(entry.text(key))}" for key in MARKERS if key in entry]
    return " and ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts)


def _comparison(text: str) -> str:
    """`== 'win32'`, or only the value."""
    return text if re.match(r"\s*(?:[<>=!~]|in\b|not\b)", text) else f"== '{text}'"
