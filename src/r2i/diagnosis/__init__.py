"""Why a build step or a notebook failed, from what it printed: a cause, and the smallest change that mends it.

The table of builds is `rules.toml`, that of notebooks `notebooks.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from r2i.diagnosis.conflicts import summary
from r2i.diagnosis.rules import CauseRule, LookUp, filled, looked_up, rules, words
from r2i.model import Change, Diagnosis

__all__ = ["diagnose"]

#: What is looked at: the beginning of the log, where the first of many errors may stand, and its end.
MAX_HEAD, MAX_TAIL = 200_000, 400_000
MAX_LINE = 2_000

#: How often a pattern may fit with words that no table knows before the next one is tried.
MAX_MATCHES = 50

#: How pip says it at the end; `words.ini` has how uv and pip say it at once.
BUILT = re.compile(r"Failed to build (?P<package>[A-Za-z0-9][\w.-]*)$", re.MULTILINE)

#: How R says that a package did not compile.
BUILT_BY_R = re.compile(
    r"^ERROR: (?:compilation|configuration) failed for package .(?P<package>[\w.]+).$", re.MULTILINE
)

#: `build_as_user.py` asks the index when something could not be compiled.
WHEELS = re.compile(r"^r2i: `[^`]+` has wheels for Python (?P<wheels>\d[\d., ]*\d)$", re.MULTILINE)

NEAR = re.compile(r"^r2i: nearest to `[^`]+`: (?P<near>.+)$", re.MULTILINE)

#: A frame of a traceback, in the library that it is of.
FRAME = re.compile(r"^File \S*/site-packages/(\w+)", re.MULTILINE)

ABI_TAG = re.compile(r"`cp(\d)(\d+)\w*`")


def diagnose(
    log: Iterable[str],
    *,
    pythons: Sequence[str],
    current: str | None = None,
    table: Sequence[CauseRule] | None = None,
    look_ups: Mapping[str, LookUp] = MappingProxyType({}),
    values: Mapping[str, str] = MappingProxyType({}),
) -> Diagnosis | None:
    """The first rule that fits; None where none does.

    `log` are the lines of the failed step, without control characters; `pythons` are those that could be installed,
    the oldest first (`3.8`), and `current` is the one that was. `table` is that of builds where no other is given, and
    `look_ups` are what its rules can ask beyond the tables beside them, `values` what they know from the beginning.
    """
    text = _bounded(log)
    known = {**values, **_known(text, pythons=pythons, current=current)}
    for rule in rules() if table is None else table:
        for pattern in rule.patterns:
            for count, match in enumerate(pattern.finditer(text)):
                if count == MAX_MATCHES:
                    break
                if found := _applied(rule, match, known, pythons=pythons, current=current, look_ups=look_ups):
                    return found
    return None


def _applied(
    rule: CauseRule,
    match: re.Match[str],
    known: Mapping[str, str],
    *,
    pythons: Sequence[str],
    current: str | None,
    look_ups: Mapping[str, LookUp],
) -> Diagnosis | None:
    if rule.temporary and "wheels" in known:
        return None  # the index answered: what cannot be reached is what the package's own build fetches
    matched = _matched(match)
    values = {**known, **matched}
    values.setdefault("what", ".".join(values[name] for name in ("module", "name") if name in matched))
    if rule.look_up:
        found = _found(rule, values, look_ups)
        if found is None:
            return None
        values["found"] = found
    if rule.also and (more := looked_up(rule.also, values, look_ups)) is not None:
        values["also"] = more
    values |= _concluded(matched, match, pythons=pythons, current=current)
    return _diagnosis(rule, values, evidence=_line(match), current=current)


def _matched(match: re.Match[str]) -> dict[str, str]:
    """What the log itself says, by the names that the pattern gives it."""
    groups = {name: value.strip() for name, value in match.groupdict().items() if value}
    if "path" in groups:
        groups["path"] = groups["path"].replace("\\\\", "\\")  # as `repr` writes it
    return groups


def _found(rule: CauseRule, values: Mapping[str, str], look_ups: Mapping[str, LookUp]) -> str | None:
    answers = (looked_up(where, values, look_ups) for where in rule.look_up)
    return next((answer for answer in answers if answer is not None), None)


def _concluded(
    matched: Mapping[str, str], match: re.Match[str], *, pythons: Sequence[str], current: str | None
) -> Iterator[tuple[str, str]]:
    """What follows from it: names and values."""
    if (wanted := matched.get("pythons")) and (python := _nearest_python(wanted, pythons, current)):
        yield "python", python
    if "," in matched.get("near", "") and "version" in matched:
        yield "near", _nearest(matched["version"], matched["near"])
    if "conflict" in matched:
        yield "summary", summary(match.string[match.start() :][:20_000])


def _diagnosis(
    rule: CauseRule, values: Mapping[str, str], *, evidence: str, current: str | None
) -> Diagnosis:
    changes = tuple(_changes(rule, values, current))
    message = _message(rule, values)
    if "wheels" in values and changes and changes[0].option == "python":
        message += f"; there are wheels for Python {values['wheels']}"
    return Diagnosis(
        cause=rule.cause,
        message=message,
        evidence=evidence,
        hint=filled(rule.hint, values) or rule.otherwise or None,
        changes=changes,
        package=values.get("package") or values.get("name", ""),
        temporary=rule.temporary,
    )


def _changes(rule: CauseRule, values: Mapping[str, str], current: str | None) -> Iterable[Change]:
    changes = [
        Change(option=template.option, value=value)
        for template in rule.changes
        if (value := filled(template.value, values)) is not None
    ]
    # The Python that failed is no way out, nor is an older one than that which the rule names in general.
    return dict.fromkeys(c for c in changes if c.option != "python" or c.value != current)


def _message(rule: CauseRule, values: Mapping[str, str]) -> str:
    """Where the log does not tell a value, words for it."""
    spoken = {"built": "a package", "name": "it", "package": "a package", "version": "", **values}
    text = filled(rule.message, spoken) or rule.explanation.rstrip(".")
    text = re.sub(r"`(a package|it)`", r"\1", text).replace(" ``", "")
    return text[:1].upper() + text[1:]


def _known(text: str, *, pythons: Sequence[str], current: str | None) -> dict[str, str]:
    """What the log tells of the package that could not be built."""
    known: dict[str, str] = {}
    patterns = (*words()["not-built"], *words()["not-built-by-pip"], BUILT, BUILT_BY_R)
    if matches := [match for pattern in patterns if (match := pattern.search(text))]:
        built = min(matches, key=re.Match.start).groupdict()
        known |= {"built": built.get("built", built["package"]), "name": built["package"]}
    if frames := FRAME.findall(text):
        known["library"] = frames[-1]
    if near := NEAR.search(text):
        known["near"] = near["near"]
    if wheels := WHEELS.search(text):
        known["wheels"] = wheels["wheels"]
        minors = {minor.strip() for minor in wheels["wheels"].split(",")}
        if python := _nearest_of([minor for minor in pythons if minor in minors], current):
            known["python"] = python
    return known


def _nearest_python(wanted: str, pythons: Sequence[str], current: str | None) -> str | None:
    """Of the Pythons that a specifier (`>=3.6,<3.10`) or a list of tags (`cp36m`, `cp38`) allows, that next to ours."""
    tags = {f"{major}.{minor}" for major, minor in ABI_TAG.findall(wanted)}
    return _nearest_of(
        [minor for minor in pythons if minor in tags] if tags else _allowed(wanted, pythons), current
    )


def _nearest_of(usable: Sequence[str], current: str | None) -> str | None:
    """The newest of those that are older than ours, else the oldest that is newer."""
    from packaging.version import Version

    ours = Version(current or "99")
    older = [minor for minor in usable if Version(minor) < ours]
    newer = [minor for minor in usable if Version(minor) > ours]
    return older[-1] if older else newer[0] if newer else None


def _allowed(specifier: str, pythons: Sequence[str]) -> list[str]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(specifier.strip().rstrip(",.;)"))
        # Of each minor release there will be a patch release that fits, or none.
        return [
            minor for minor in pythons if any(wanted.contains(f"{minor}.{patch}") for patch in (0, 1, 30))
        ]
    except (InvalidSpecifier, ValueError):  # ValueError: more digits than Python reads
        return []


def _nearest(wanted: str, listed: str) -> str:
    """Of all versions that pip lists, those around the one that is not there."""
    from packaging.version import InvalidVersion, Version

    known = []
    for text in listed.split(","):
        with suppress(InvalidVersion):
            known.append(Version(text.strip()))
    try:
        version = Version(wanted.lstrip("<>=!~ "))
    except InvalidVersion:
        version = max(known)
    near = [*sorted(v for v in known if v < version)[-1:], *sorted(v for v in known if v > version)[:1]]
    return " and ".join(f"`{one}`" for one in near)


def _line(match: re.Match[str]) -> str:
    """The line of the log in which a match begins."""
    text = match.string
    start = match.start() + len(match[0]) - len(match[0].lstrip())
    end = text.find("\n", start)
    return text[text.rfind("\n", 0, start) + 1 : end if end >= 0 else None].strip()[:300]


def _bounded(log: Iterable[str]) -> str:
    """The log as one text of bearable length."""
    text = "\n".join(line[:MAX_LINE] for line in log)
    if len(text) <= MAX_HEAD + MAX_TAIL:
        return text
    head, tail = text[:MAX_HEAD], text[-MAX_TAIL:]
    return head[: head.rfind("\n") + 1] + tail[tail.find("\n") + 1 :]
