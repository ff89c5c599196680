"""Reads a requirements file and all that it includes, and sorts what it finds by who can install it when.

From outside (an index, an URL) is early and cached; what lies in the repository comes after it was copied.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from r2i.checkout import MAX_CONFIG_BYTES, Checkout
from r2i.formats.requirements.lines import MAX_LINES, Line, logical_lines, quoted, text_of
from r2i.formats.requirements.local import argument, is_path, local, without_extras
from r2i.formats.requirements.options import OF_REQUIREMENT, WITHOUT_EFFECT, split_line
from r2i.formats.requirements.settings import Settings
from r2i.formats.requirements.specifiers import NAME, Named, named, normalised
from r2i.formats.requirements.urls import direct_url, has_credentials, is_url
from r2i.model import Evidence, Notice, Pin, PipInstall, PythonEnvironment

MAX_FILES = 100

EntryKind: TypeAlias = Literal["requirement", "constraint"]

REMOTE = re.compile(r"https?://[^\s/]+/\S+", re.IGNORECASE)
AT = re.compile(rf"({NAME}) ?(\[[^\]]*\])? ?@ ?(.+)", re.ASCII)
HASH = re.compile(
    r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})", re.ASCII | re.IGNORECASE
)
CONFIG_SETTING = re.compile(r"[\w.-]+=[\w ./:=,@%+-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A line of the result; `name` is None where only the installer can find it out."""

    text: str
    name: str | None = None
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Include:
    option: Literal["-r", "-c"]
    target: tuple[str, EntryKind]


@dataclass
class Reading:
    """What was read so far. `files` are the lines of each file by its path and whether it constrains."""

    checkout: Checkout
    files: dict[tuple[str, EntryKind], list[Wanted | Include]] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    local: list[str] = field(default_factory=list)
    names: dict[str, Evidence] = field(default_factory=dict)
    pins: list[Pin] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    lines: int = 0
    characters: int = 0


def read_requirements(checkout: Checkout, path: str) -> tuple[PythonEnvironment, tuple[Notice, ...]]:
    """Read the file at `path` below the checkout's root; give what to install, and what to tell the user."""
    return read_lines(checkout, path, logical_lines(path, text_of(checkout, path)))


def read_lines(
    checkout: Checkout, path: str, lines: Iterable[Line]
) -> tuple[PythonEnvironment, tuple[Notice, ...]]:
    """As `read_requirements`, of lines that were made of the file at `path`, whatever its format."""
    reading = Reading(checkout)
    start: tuple[str, EntryKind] = (path, "requirement")
    _read(reading, start, lines, parents=())
    _keep_with_local_archives(reading)
    support = _support(reading, start)
    environment = PythonEnvironment(
        buildpack="requirements",
        defined_by=path,
        evidence=(Evidence(why=_summary(reading), file=path), *reading.evidence),
        names=reading.names,
        # A constraint on what nobody asks for may never count.
        pins=tuple(pin for pin in reading.pins if pin.name in reading.names),
        exact=_is_exact(reading),
        install=PipInstall(
            entry=next(iter(support), None),
            support=support,
            options=reading.settings.arguments(),
            local=tuple(reading.local),
        ),
    )
    return environment, tuple(dict.fromkeys(reading.notices))


def _is_exact(reading: Reading) -> bool:
    """pip takes nothing without a hash where there is any: such a file names what the others depend on, too."""
    wanted = [item for items in reading.files.values() for item in items if isinstance(item, Wanted)]
    return bool(wanted) and not reading.local and all(item.hashes for item in wanted)


def _summary(reading: Reading) -> str:
    early = sum(
        isinstance(item, Wanted)
        for (_, kind), items in reading.files.items()
        for item in items
        if kind == "requirement"
    )
    late = sum(not word.startswith("-") for word in reading.local)
    return f"requires {early + late} package{'' if early + late == 1 else 's'}"


def _read(
    reading: Reading, target: tuple[str, EntryKind], lines: Iterable[Line], *, parents: tuple[str, ...]
) -> None:
    path, kind = target
    items: list[Wanted | Include] = []
    reading.files[target] = items
    for line in lines:
        reading.lines += 1
        if reading.lines > MAX_LINES:
            raise line.error(f"There are more than {MAX_LINES:,} lines", hint="Keep only what is needed")
        text, options, overlooked = split_line(line)
        if overlooked:
            reading.notices.append(line.warning(f"{quoted(' '.join(overlooked))} is ignored, as in pip"))
        if text:
            items += _requirement(reading, text, options, line, kind=kind)
        for name, value in options:
            if text and name in OF_REQUIREMENT:
                continue
            if name in ("requirement", "constraint"):
                items += _include(reading, value, line, kind=name, parents=(*parents, path))
            elif name == "editable":
                items += _editable(reading, value, line, kind=kind)
            elif name in WITHOUT_EFFECT or name in OF_REQUIREMENT:
                reading.notices.append(_without_effect(name, line))
            else:
                reading.notices += reading.settings.add(name, value, line, reading.checkout)


def _include(
    reading: Reading, value: str, line: Line, *, kind: str, parents: tuple[str, ...]
) -> list[Wanted | Include]:
    option: Literal["-r", "-c"] = "-c" if kind == "constraint" else "-r"
    if REMOTE.fullmatch(value):
        return _remote(reading, option, value, line)
    path = reading.checkout.inside(value.removeprefix("file:"), relative_to=line.file)
    if path is None:
        raise line.error(
            f"{quoted(f'{option} {value}')} leads out of the repository",
            hint="Use a file inside the repository",
        )
    if not reading.checkout.has(path):
        raise line.error(
            f"{quoted(f'{option} {value}')} names the file `{path}`, which does not exist",
            hint="Commit it, or correct the path, which is relative to the file that names it",
        )
    if path in parents:
        raise line.error(
            f"{quoted(f'{option} {value}')} makes `{path}` include itself", hint="Remove one of the includes"
        )
    target: tuple[str, EntryKind] = (path, "constraint" if option == "-c" else "requirement")
    if target in reading.files:
        return []
    if len(reading.files) >= MAX_FILES:
        raise line.error(f"There are more than {MAX_FILES} included files", hint="Merge some of them")
    reading.evidence.append(Evidence(why=f"included by `{line.file}`, line {line.number}", file=path))
    text = text_of(reading.checkout, path)
    reading.characters += len(text)
    if reading.characters > MAX_CONFIG_BYTES:
        raise line.error("The included files are too large together", hint="Keep only what is needed")
    _read(reading, target, logical_lines(path, text), parents=parents)
    return [Include(option=option, target=target)]


def _remote(reading: Reading, option: str, url: str, line: Line) -> list[Wanted | Include]:
    if not (url.isascii() and url.isprintable()):
        raise line.error(f"{quoted(url)} is not a valid URL", hint="Percent-encode its special characters")
    reading.notices.append(
        line.warning(f"{quoted(url)} is read only during a build, so changes to it do not trigger a new one")
    )
    if has_credentials(url):
        reading.notices.append(line.warning(f"{quoted(url)} contains a password that everybody can read"))
    return [Wanted(text=f"{option} {url}")]


def _editable(reading: Reading, value: str, line: Line, *, kind: EntryKind) -> list[Wanted | Include]:
    if kind == "constraint":
        raise line.error("A constraint cannot be editable", hint="Move the line to a requirements file")
    if not is_url(value) or value.startswith("file:"):
        found = local(value, reading.checkout, line, editable=True)
        _add_local(reading, ("-e", found.argument), found.name, found.notices, line)
        return []
    reading.notices.append(line.info(f"{quoted(value)} is installed as a normal package, not editable"))
    return [_url(reading, value, "", line)]


def _requirement(
    reading: Reading, text: str, options: tuple[tuple[str, str], ...], line: Line, *, kind: EntryKind
) -> list[Wanted | Include]:
    """What a line without its options asks for; things in the repository are put aside."""
    at = AT.fullmatch(text)
    if at and (is_url(at[3]) or is_path(at[3].partition(";")[0].strip())):
        name, extras, text = at[1], "".join((at[2] or "").split()), at[3]
    else:
        at, name, extras = None, None, ""
    if is_url(text) and not text.startswith("file:"):
        wanted = _url(reading, text, f"{name}{extras}" if name else "", line)
    elif is_path(text.partition(";")[0].strip()):
        if kind == "constraint":
            raise line.error(
                f"{quoted(text)} is a path, which cannot be a constraint",
                hint="Move it to a requirements file",
            )
        path, _, marker = (part.strip() for part in text.partition(";"))
        found = local(path, reading.checkout, line)
        word = found.argument if "[" in found.argument else found.argument + extras
        _add_local(reading, (_with_marker(word, marker, line),), name or found.name, found.notices, line)
        return []
    else:
        valid = named(text, line)
        reading.notices += valid.notices
        wanted = Wanted(text=valid.text, name=normalised(valid.name))
        if _is_left_out(reading, wanted, line):
            return []
        _add_pin(reading, valid, line)
    if wanted.name and kind == "requirement":
        reading.names.setdefault(wanted.name, line.evidence(f"requires `{wanted.name}`"))
    return [replace(wanted, hashes=_of_requirement(reading, wanted, options, line))]


def _add_pin(reading: Reading, valid: Named, line: Line) -> None:
    if valid.specifier:
        pin = Pin(
            name=normalised(valid.name),
            specifier=valid.specifier,
            evidence=line.evidence(f"requires {quoted(valid.text)}"),
            marker=valid.marker,
        )
        reading.pins.append(pin)


def _url(reading: Reading, text: str, name: str, line: Line) -> Wanted:
    """An URL with its marker; `name` (`pkg[extra]`) as far as the line itself gives one."""
    address, _, marker = (part.strip() for part in text.partition(" ;"))
    address, extras = without_extras(address)
    url = direct_url(address, line)
    reading.notices += url.notices
    known = without_extras(name)[0] or url.name
    extras = extras or url.extras
    if not name and extras and not known:
        raise line.error(
            f"{quoted(text)} has extras but no name", hint=f"Write `name{extras} @ {quoted(url.url)[1:-1]}`"
        )
    # An `egg=` is often not the real name, and uv finds that out by itself: it is used only where it must be.
    full = name or (f"{known}{extras}" if extras else "")
    wanted = Wanted(
        text=_with_marker(f"{full} @ {url.url}" if full else url.url, marker, line),
        name=normalised(known) if known else None,
    )
    if wanted.name:
        reading.names.setdefault(wanted.name, line.evidence(f"requires `{wanted.name}`"))
    return wanted


def _with_marker(text: str, marker: str, line: Line) -> str:
    if not marker:
        return text
    from packaging.markers import InvalidMarker, Marker

    try:
        Marker(marker)
    except (InvalidMarker, RecursionError, ValueError) as error:
        raise line.error(
            f"{quoted(marker)} is not a valid environment marker",
            hint='Write it like `; python_version >= "3.9"`',
        ) from error
    return f"{text} ; {marker}"


def _is_left_out(reading: Reading, wanted: Wanted, line: Line) -> bool:
    """Two names that tools and people write and that no index has."""
    if wanted.name == "python":
        raise line.error(
            "`python` is not a package that can be installed",
            hint="Put the version into `runtime.txt` or `.python-version`",
        )
    if wanted.text.replace("_", "-") == "pkg-resources==0.0.0":
        reading.notices.append(
            line.info(
                f"{quoted(wanted.text)} is skipped: old versions of `pip freeze` on Ubuntu wrote it by mistake"
            )
        )
        return True
    return False


def _of_requirement(
    reading: Reading, wanted: Wanted, options: tuple[tuple[str, str], ...], line: Line
) -> tuple[str, ...]:
    """Check the hashes of a requirement, and hand its other options to the settings."""
    hashes = []
    for name, value in options:
        if name == "hash":
            if not HASH.fullmatch(value):
                raise line.error(
                    f"{quoted('--hash=' + value)} is not a valid hash",
                    hint="Write `--hash=sha256:` and 64 hexadecimal digits",
                )
            hashes.append(value.lower())
        elif name == "config-settings":
            if not wanted.name or not CONFIG_SETTING.fullmatch(value):
                raise line.error(
                    f"{quoted('--config-settings=' + value)} cannot be used here",
                    hint="Write `name==version --config-settings=key=value`",
                )
            reading.settings.add_argument(f"--config-settings-package={wanted.name}:{value}")
        elif name in OF_REQUIREMENT:
            reading.notices.append(_without_effect(name, line))
    return tuple(hashes)


def _without_effect(name: str, line: Line) -> Notice:
    notice = line.info if WITHOUT_EFFECT.get(name) == "info" else line.warning
    if name == "require-hashes":
        return notice("`--require-hashes` is ignored; all given hashes are verified anyway")
    return notice(f"`--{name}` has no effect here")


def _add_local(
    reading: Reading, words: tuple[str, ...], name: str | None, notices: tuple[Notice, ...], line: Line
) -> None:
    if words[-1] not in reading.local:
        reading.local += words
    reading.notices += notices
    if name:
        key = normalised(name)
        reading.names.setdefault(key, line.evidence(f"requires `{key}`"))


def _keep_with_local_archives(reading: Reading) -> None:
    """Leave what a `--find-links` directory of the repository holds to the step that can see that directory."""
    settings = reading.settings
    if not settings.local_links:
        return
    held = settings.names_in_local_links(reading.checkout)
    early = []
    for (path, kind), items in reading.files.items():
        late = [
            item
            for item in items
            if isinstance(item, Wanted)
            and kind == "requirement"
            and (settings.no_index or item.name in held)
            and not item.text.startswith("-")
        ]
        early += [word for item in late for word in [item.text] if word not in reading.local]
        reading.files[path, kind] = [item for item in items if item not in late]
    links = [word for path in settings.local_links for word in ("--find-links", argument(path))]
    reading.local = links + (["--no-index"] if settings.no_index else []) + early + reading.local


def _support(reading: Reading, start: tuple[str, EntryKind]) -> dict[str, str]:
    """The text of every file that says something, the first one first, under names that need no quotes."""
    places = _places(reading)
    texts: dict[str, str] = {}

    def write(target: tuple[str, EntryKind], *, head: tuple[str, ...] = ()) -> bool:
        lines = [*head]
        here = posixpath.dirname(places[target])
        for item in reading.files[target]:
            if isinstance(item, Wanted):
                lines.append(" ".join((item.text, *(f"--hash={value}" for value in item.hashes))))
            elif write(item.target):
                lines.append(f"{item.option} {posixpath.relpath(places[item.target], here or '.')}")
        if lines:
            texts[places[target]] = "\n".join(lines) + "\n"
        return bool(lines)

    write(start, head=reading.settings.lines())
    return dict(reversed(texts.items()))


def _places(reading: Reading) -> dict[tuple[str, EntryKind], str]:
    """Give each file a path: its own, where that is plain and not taken (a file may require and constrain)."""
    taken: dict[str, tuple[str, EntryKind]] = {}
    for path, kind in reading.files:
        place = re.sub(r"[^A-Za-z0-9._/-]|(?<![^/])-", "_", path)
        while place in taken:
            place += f".{kind}"
        taken[place] = (path, kind)
    return {target: place for place, target in taken.items()}
