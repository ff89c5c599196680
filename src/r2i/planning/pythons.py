"""Which Python the repository's environment gets: decided once, from the strongest evidence that there is.

A version that is named is taken. Otherwise files allow some versions (`requires-python`, the wheels of what is
pinned), and the nearest of these to an aim is taken. Python and packages are of the same day: with `--as-of`, or where
most requirements are pinned, the aim is what the notebooks ran on, else what was a year old on that day. What is not
pinned is today's, and so is its Python: that of the base image, unless notebooks or the day of the last commit name
one that is still in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from r2i.errors import InvalidRepositoryError, UsageError
from r2i.facts.pins import pins, pythons
from r2i.facts.python_wheels import Limit, limits_of, spoken
from r2i.formats.as_of import EXACT, last_day
from r2i.formats.language_versions import minor_of, place_of
from r2i.image import version_tuple
from r2i.model import (
    BaseImage,
    Detection,
    Evidence,
    Notice,
    Options,
    Python,
    PythonConstraint,
    PythonEnvironment,
    VersionRequest,
)
from r2i.planning.python_constraints import allowed, versions_of

#: Older ones are taken only where a file leads to them: uv cannot install into them.
OLDEST_GUESS = "3.6"

#: What repo2docker installs where no file names a version.
BINDER = "3.10"

#: Installers, which environments name by habit: their versions say nothing of the day.
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})

CONDA_ONLY = "only conda-forge still provides it"

#: How many of the pins that have no wheels are named one by one.
MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Claims:
    """All that is said of the version.

    `day` is the one to look back from (`2021-03-04`), and `of` whose day it is. `dated` says that the packages are of
    that day, too. With `own`, weak evidence gives way to the base image's Python.
    """

    base: BaseImage
    requests: tuple[VersionRequest, ...]
    requires: tuple[PythonConstraint, ...]
    ran_on: VersionRequest | None
    limits: tuple[Limit, ...]
    pins: bool
    conda: bool
    day: str | None
    of: str
    dated: bool
    own: bool


@dataclass(frozen=True, kw_only=True)
class Aim:
    """The minor release to come as near to as the files allow; `evidence` is the place that names it."""

    version: str
    why: str
    evidence: Evidence | None = None


def choose_python(
    base: BaseImage,
    options: Options,
    detections: Sequence[Detection],
    *,
    date: str | None,
    date_of: str = "the last commit",
    limits: tuple[Limit, ...] = (),
) -> tuple[Python, tuple[Notice, ...]]:
    """Decide the version and who provides it; `date` is that of the last commit or of what `date_of` says,
    `limits` are those that no pin tells of.

    Raises `InvalidRepositoryError` where files of the repository allow no Python that anybody provides, `UsageError`
    where the user asks for such a one.
    """
    claims = _claims(base, options, detections, date=date, date_of=date_of, limits=limits)
    chosen, notices = _asked_for(claims) if claims.requests else _deduced(claims)
    if not claims.own:
        return chosen, notices
    without = replace(options, own_python=False)
    wanted, _ = choose_python(base, without, detections, date=date, date_of=date_of, limits=limits)
    if wanted.version == chosen.version:
        return chosen, notices
    instead = f"Python {wanted.version} could not be downloaded, so the image has Python {chosen.version}: {wanted.evidence.why}"
    return chosen, (_notice(instead, wanted.evidence),)


def other_pythons(
    base: BaseImage,
    options: Options,
    detections: Sequence[Detection],
    *,
    date: str | None,
    date_of: str = "the last commit",
) -> tuple[str, ...]:
    """What to try where the chosen one fails and no file names it: that of Binder, and that of the day."""
    claims = _claims(base, options, detections, date=date, date_of=date_of)
    if claims.requests:
        return ()
    chosen, _ = _deduced(claims)
    day = _of_the_day(claims)
    others = (BINDER, day.version if day else BINDER)
    free = versions_of(claims.requires)
    return tuple(dict.fromkeys(o for o in others if o in free and o != minor_of(chosen.version)))


def _claims(
    base: BaseImage,
    options: Options,
    detections: Sequence[Detection],
    *,
    date: str | None,
    date_of: str = "the last commit",
    limits: tuple[Limit, ...] = (),
) -> Claims:
    asked = [d.requests["python"] for d in detections if "python" in d.requests]
    if options.python is not None:
        asked.insert(0, VersionRequest(version=options.python, evidence=Evidence(why="`--python`")))
    environments = [d.environment for d in detections if d.environment is not None]
    asked = [*(e.brings for e in environments if e.brings is not None), *asked]
    conda = any(environment.manager == "conda" for environment in environments)
    day = last_day(options.as_of) if options.as_of else date
    return Claims(
        base=base,
        requests=tuple(asked),
        requires=tuple(chain.from_iterable(d.requires for d in detections)),
        ran_on=next((d.ran_on["python"] for d in detections if "python" in d.ran_on), None),
        # Conda has builds of its own.
        limits=() if conda else (*limits_of(chain.from_iterable(e.pins for e in environments)), *limits),
        pins=any(environment.pins or environment.conda_versions for environment in environments),
        conda=conda,
        day=day[:10] if day else None,
        of="the date of `--as-of`" if options.as_of else f"the date of {date_of}",
        dated=options.as_of is not None or any(_pinned(environment) for environment in environments),
        own=options.own_python,
    )


def _pinned(environment: PythonEnvironment) -> bool:
    """Whether its packages are of a day: most have a version, or one does where a solver fits the others to it."""
    exact = {pin.name for pin in environment.pins if EXACT.match(pin.specifier)}
    versions = (exact | environment.conda_versions) - INSTALLERS
    names = {*environment.names, *versions} - INSTALLERS
    enough = bool(versions) if environment.manager == "conda" else 2 * len(versions) > len(names)
    return environment.exact or enough


def _asked_for(claims: Claims) -> tuple[Python, tuple[Notice, ...]]:
    wanted = claims.requests[0]
    minor = minor_of(wanted.version)
    if minor not in pythons() and not claims.conda:
        error = UsageError if wanted.evidence.file is None else InvalidRepositoryError
        raise error(
            f"r2i cannot install Python {wanted.version}",
            file=wanted.evidence.file,
            line=wanted.evidence.line,
            hint=f"Choose {spoken(pythons(), 'or')}, such as `{pins()['defaults']['python']}`",
        )
    version = minor if _of_base(minor, claims) else wanted.version
    chosen = _provided(version, wanted.evidence, claims)
    return chosen, (*_patch_notices(chosen, wanted), *_overruled(minor, wanted.evidence, claims))


def _deduced(claims: Claims) -> tuple[Python, tuple[Notice, ...]]:
    versions = allowed(claims.requires)
    installable = _with_most_wheels(versions, claims.limits)
    aim = _aim(claims, installable)
    unlimited = _nearest(versions, _aim(claims, versions))
    minor = _nearest(installable, aim)
    limit = _tightest(claims.limits, chosen=minor, without=unlimited) if minor != unlimited else None
    evidence = limit.evidence if limit else _evidence(minor, versions, aim=aim, claims=claims)
    chosen = _provided(versions[minor], evidence, claims)
    overruled = (*_notebooks_overruled(minor, evidence, claims), *_day_overruled(minor, claims))
    return chosen, (*overruled, *_left_out(minor, claims.limits))


def _provided(version: str, evidence: Evidence, claims: Claims) -> Python:
    if claims.conda:
        return Python(version=version, provider="conda", evidence=evidence)
    if _of_base(version, claims):
        release = claims.base.release
        has_it = f"; {release.name} ships it" if release and release.name not in evidence.why else ""
        evidence = Evidence(why=f"{evidence.why}{has_it}", file=evidence.file, line=evidence.line)
        return Python(version=version, provider="base", evidence=evidence)
    provider: Literal["uv", "conda"] = (
        "conda" if pythons()[minor_of(version)]["provider"] == "conda" else "uv"
    )
    return Python(version=version, provider=provider, evidence=evidence)


def _of_base(version: str, claims: Claims) -> bool:
    release = claims.base.release
    return not claims.conda and release is not None and version == release.python


def _aim(claims: Claims, installable: Iterable[str]) -> Aim:
    """What to take where every version is allowed."""
    own, day = _own(claims.base), _of_the_day(claims)
    if claims.own:
        return own
    ran_on = claims.ran_on and Aim(
        version=minor_of(claims.ran_on.version),
        why=claims.ran_on.evidence.why,
        evidence=claims.ran_on.evidence,
    )
    if claims.dated:
        return ran_on or day or own
    in_use = {minor for minor in installable if _in_use(minor, claims)}
    return next((aim for aim in (ran_on, day) if aim and aim.version in in_use), own)


def _in_use(minor: str, claims: Claims) -> bool:
    """Whether it is alive upstream, or at least provided by others than conda."""
    return minor in pythons() and (
        pythons()[minor]["provider"] != "conda" or minor == _own(claims.base).version
    )


def _of_the_day(claims: Claims) -> Aim | None:
    """What was a year old on that day."""
    own = _own(claims.base)
    if claims.day is None:
        return None
    year_before = f"{int(claims.day[:4]) - 1:04}{claims.day[4:]}"
    known = [*pythons()]
    modern = known[known.index(OLDEST_GUESS) :]
    old = [minor for minor in modern if pythons()[minor]["released"] <= year_before]
    # What was new had no wheels yet; what the base image has costs nothing.
    if own.version in old:
        return own
    if not old:
        return Aim(version=modern[0], why=f"{modern[0]} is the nearest version to {claims.day}, {claims.of}")
    return Aim(
        version=old[-1],
        why=f"{old[-1]} was the newest version at least a year old on {claims.day}, {claims.of}",
    )


def _own(base: BaseImage) -> Aim:
    if base.release is not None:
        version = base.release.python
        return Aim(version=version, why=f"{base.release.name} ships Python {version}")
    version = str(pins()["defaults"]["python"])
    return Aim(
        version=version,
        why=f"{version} is the default because the Python version of `{base.reference}` is unknown",
    )


def _nearest(allowed: Iterable[str], aim: Aim) -> str:
    """The newest that is not newer than the aim, else the oldest; never Python 2 for 3 where there is a 3."""
    aimed = version_tuple(aim.version)
    numbers = sorted(version_tuple(minor) for minor in allowed)
    numbers = [number for number in numbers if number[0] == aimed[0]] or numbers
    older = [number for number in numbers if number <= aimed]
    return ".".join(map(str, older[-1] if older else numbers[0]))


def _with_most_wheels(versions: Iterable[str], limits: tuple[Limit, ...]) -> list[str]:
    wheels = {minor: sum(minor in limit.minors for limit in limits) for minor in versions}
    return [minor for minor, count in wheels.items() if count == max(wheels.values())]


def _tightest(limits: Iterable[Limit], *, chosen: str, without: str) -> Limit:
    """The one that leaves least between what is chosen and what would have been."""
    decisive = [limit for limit in limits if chosen in limit.minors and without not in limit.minors]
    first, last = sorted(map(version_tuple, (chosen, without)))
    return min(
        decisive,
        key=lambda limit: (
            sum(first <= version_tuple(minor) <= last for minor in limit.minors),
            len(limit.minors),
        ),
    )


def _evidence(minor: str, versions: Mapping[str, str], *, aim: Aim, claims: Claims) -> Evidence:
    """Why, where no pin made a difference."""
    if claims.requires:
        first = min(claims.requires, key=lambda constraint: len(versions_of([constraint])))
        reason = aim.why if minor == aim.version else _rank(minor, versions)
        return _because(first.evidence, f"{first.evidence.why}{'; ' if reason else ''}{reason}")
    if aim.evidence:
        reason = "" if minor == aim.version else f"; {minor} is the nearest available version"
        return _because(aim.evidence, f"{aim.why}{reason}")
    return Evidence(why=f"no file sets a version; {aim.why}")


def _because(evidence: Evidence, why: str) -> Evidence:
    return Evidence(why=why, file=evidence.file, line=evidence.line)


def _rank(minor: str, versions: Mapping[str, str]) -> str:
    oldest, *_, newest = (*versions, *versions)
    if oldest == newest or minor not in (oldest, newest):
        return ""
    return f"{minor} is the {'newest' if minor == newest else 'oldest'} of these"


def _patch_notices(chosen: Python, wanted: VersionRequest) -> Iterable[Notice]:
    if chosen.version != wanted.version:
        yield _notice(
            f"Python {wanted.version} is requested; the newest patch release of {chosen.version} is used",
            wanted.evidence,
            level="info",
        )


def _overruled(minor: str, winner: Evidence, claims: Claims) -> Iterable[Notice]:
    """What says otherwise than the version that was asked for."""
    first = claims.requests[0]
    decides = f"but {place_of(winner)} takes precedence: {first.version}"
    for other in claims.requests[1:]:
        if not f"{first.version}.".startswith(f"{other.version}."):
            where = "here" if other.evidence.file else f"by {other.evidence.why}"
            yield _notice(f"Python {other.version} is requested {where}, {decides}", other.evidence)
    for constraint in claims.requires:
        if minor not in versions_of([constraint]):
            yield _notice(
                f"Only Python `{constraint.specifier}` is allowed here, {decides}", constraint.evidence
            )
    yield from _notebooks_overruled(minor, winner, claims)
    lacking = [limit for limit in claims.limits if minor not in limit.minors]
    for limit in lacking[:MOST_NAMED]:
        yield _notice(f"{limit.evidence.why}, {decides}", limit.evidence)
    yield from _more(len(lacking) - MOST_NAMED, minor)


def _notebooks_overruled(minor: str, winner: Evidence, claims: Claims) -> Iterable[Notice]:
    said = claims.ran_on
    if said is None or said.evidence == winner or minor_of(said.version) == minor:
        return
    if winner.file == said.evidence.file and winner.line == said.evidence.line:
        return  # said with the version
    old = minor_of(said.version)
    if _passed_over(old, claims):
        known = old in pythons()
        because = f"{CONDA_ONLY} and {_unpinned(claims)}" if known else "r2i cannot install it"
        option = f"; `--python {old}` overrides this" if known else ""
        message = f"{said.evidence.why}, but {because}: the image has Python {minor}{option}"
        yield _notice(message, said.evidence, level="info")
        return
    # Most notebooks run on another Python than their authors had: that is worth knowing, and no warning.
    yield _notice(
        f"{said.evidence.why}, but {place_of(winner)} takes precedence: {minor}", said.evidence, level="info"
    )


def _day_overruled(minor: str, claims: Claims) -> Iterable[Notice]:
    day = _of_the_day(claims)
    if day is None or claims.ran_on or not _passed_over(day.version, claims):
        return
    message = (
        f"{day.why}, but {CONDA_ONLY} and {_unpinned(claims)}: the image has Python {minor};"
        f" `--as-of {claims.day}` selects the Python and packages of that day"
    )
    yield Notice(level="info", message=message)


def _passed_over(minor: str, claims: Claims) -> bool:
    """Whether weak evidence asks for it and today's packages are wanted."""
    weak = not claims.requests and not claims.dated and not claims.own
    return weak and not _in_use(minor, claims)


def _unpinned(claims: Claims) -> str:
    return "most requirements are not pinned" if claims.pins else "no requirement is pinned"


def _left_out(minor: str, limits: tuple[Limit, ...]) -> Iterable[Notice]:
    lacking = [limit for limit in limits if minor not in limit.minors]
    for limit in lacking[:MOST_NAMED]:
        message = f"{limit.evidence.why}, but most pins have wheels for {minor}"
        yield _notice(message, limit.evidence)
    yield from _more(len(lacking) - MOST_NAMED, minor)


def _more(count: int, minor: str) -> Iterable[Notice]:
    if count > 0:
        pinned = "1 more pin has" if count == 1 else f"{count} more pins have"
        yield Notice(level="warning", message=f"{pinned} no wheels for Python {minor}")


def _notice(message: str, at: Evidence, *, level: Literal["info", "warning"] = "warning") -> Notice:
    return Notice(level=level, message=message, file=at.file, line=at.line)
