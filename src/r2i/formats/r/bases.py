"""Which base image has the R that files ask for, where the user names none: one of Debian, the default if it fits.

Never one with an older R, where there is another: packages and code may need what the version has that is asked for, and a newer R
runs what was written for an older one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from r2i.errors import InvalidRepositoryError
from r2i.facts.pins import base_image, image_of
from r2i.facts.r import r_facts, r_of
from r2i.formats.language_versions import agrees, strongest
from r2i.formats.r.days import LATEST, RDay
from r2i.formats.r.files import RFiles
from r2i.formats.r.versions import least_of, locked_in, numbers
from r2i.model import BaseChoice, VersionRequest

REGISTRY = "docker.io/library/"


def better_base(requests: Iterable[VersionRequest], files: RFiles, day: RDay) -> BaseChoice | None:
    """The image that fits best; None where this is the default.

    What decides is the first of: a version that is requested, that of a lock, the R of the day that a file or the user names.
    A description sets a lower bound. Raises `InvalidRepositoryError` where no image has an R that is new enough.
    """
    own, wanted, least = r_of(base_image(None)), strongest(requests), least_of(files)
    aim = wanted or next(locked_in(files), None) or _of_day(day)
    enough = least is None or numbers(own) >= numbers(least.version)
    if enough and (aim is None or agrees(own, aim)):
        return None
    there = _debian_images()
    newest = max(there, key=numbers)
    for bound in filter(None, (wanted, least)):
        if not agrees(newest, bound) and numbers(newest) < numbers(bound.version):
            raise _too_new(bound, newest, least=bound is least)
    fitting = [one for one in there if least is None or numbers(one) >= numbers(least.version)]
    nearest = [one for one in fitting if aim is None or _reaches(one, aim)]
    version = min(nearest, key=numbers) if nearest else newest
    if version == own:
        return None
    decides = wanted or (aim if enough else least)
    assert decides is not None  # noqa: S101 - else the default is enough
    why = f"{decides.evidence.why}; {_said(version, decides)} {there[version]}"
    return BaseChoice(
        reference=f"{REGISTRY}{image_of(there[version])}",
        evidence=replace(decides.evidence, why=why),
        firm=wanted is not None or not enough,
    )


def _debian_images() -> dict[str, str]:
    """The releases of Debian by their R."""
    releases = r_facts()["releases"].items()
    return {version: name for name, version in releases if image_of(name).startswith("debian:")}


def _reaches(version: str, aim: VersionRequest) -> bool:
    return agrees(version, aim) or numbers(version) >= numbers(aim.version)


def _of_day(day: RDay) -> VersionRequest | None:
    """The R of a day that somebody names."""
    if day.guessed or day.day == LATEST:
        return None
    released = r_facts()["released"].items()
    version = max((one for one, since in released if since <= day.day), key=numbers, default="")
    newest = f"R {version} was the newest" if version else "R was older than 4.0"
    by = f"{day.evidence.why}: " if day.evidence.file is None else ""
    why = f"{by}packages are of {day.day}, when {newest}"
    return VersionRequest(version=version or "0", evidence=replace(day.evidence, why=why))


def _said(version: str, aim: VersionRequest) -> str:
    return f"R {version} is in" if agrees(version, aim) else f"the nearest is R {version} of"


def _too_new(bound: VersionRequest, newest: str, *, least: bool) -> InvalidRepositoryError:
    what = f"`>= {bound.version}` is required" if least else f"{bound.version} is requested"
    day = f"-{bound.day}" if bound.day else ""
    hint = f"Require R {newest}" if least else f"Write `r-{newest}{day}`"
    return InvalidRepositoryError(
        f"R {what}, but the newest version in a base image is R {newest}",
        file=bound.evidence.file,
        line=bound.evidence.line,
        hint=hint,
    )
