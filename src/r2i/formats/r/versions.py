"""Which R: that of the base image's distribution, where the files of the repository take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from r2i.errors import InvalidRepositoryError
from r2i.facts.pins import image_of
from r2i.facts.r import r_facts, r_of
from r2i.formats.language_versions import agrees, minor_of, overruled, strongest
from r2i.formats.r.days import LATEST, RDay
from r2i.formats.r.files import RFiles
from r2i.model import BaseImage, Evidence, Notice, VersionRequest


@dataclass(frozen=True, kw_only=True)
class RVersion:
    """A minor release, empty where that of the base image is unknown, why it is taken, and what says otherwise."""

    version: str
    evidence: Evidence
    notices: tuple[Notice, ...] = ()


def choose_r(
    base: BaseImage, requests: tuple[VersionRequest, ...], ran_on: VersionRequest | None, files: RFiles
) -> RVersion:
    """Raise `InvalidRepositoryError` where a file names an R that the base image does not have."""
    version, wanted, least = r_of(base), strongest(requests), _least(files)
    if version and wanted and not agrees(version, wanted):
        raise _not_there(base, version, wanted, f"R {wanted.version} is requested")
    if version and least and _numbers(least.version) > _numbers(version):
        raise _not_there(base, version, least, f"R `>= {least.version}` is required", least=True)
    ships = f"{base.release.name} ships R {version}" if base.release and version else ""
    unknown = f"the R version of `{base.reference}` is unknown"
    locked = [*_locked(files)]
    decides = wanted or next((one for one in locked if version and agrees(version, one)), least)
    if decides is None:
        evidence = Evidence(why=f"no file sets a version; {ships or unknown}")
    else:
        evidence = replace(decides.evidence, why=f"{decides.evidence.why}; {ships or unknown}")
    if not version:
        return RVersion(version="", evidence=evidence)
    winner = wanted.evidence if wanted else Evidence(why=ships)
    weak = [ran_on] if ran_on else []
    notices = (
        *overruled("R", version, winner, [*requests, *locked]),
        *overruled("R", version, winner, weak, level="info"),
    )
    return RVersion(version=version, evidence=evidence, notices=notices)


def newer_than_packages(version: str, day: RDay) -> Iterator[Notice]:
    """What is said where an R is newer than its packages, and a base image has one that is not, or at least an older one."""
    released = r_facts()["released"]
    if not version or day.day == LATEST or released[version] <= day.day:
        return
    fits = [one for one, since in released.items() if since <= day.day]
    near = max(fits, key=_numbers) if fits else min(released, key=_numbers)
    if near == version:
        return
    yield Notice(
        level="info" if day.guessed else "warning",
        message=f"Packages of {day.day} may not compile with R {version}, which is newer:"
        f" `--base-image {_image_with(near)}` has R {near}",
        file=day.evidence.file,
        line=day.evidence.line,
    )


def _locked(files: RFiles) -> Iterator[VersionRequest]:
    if files.lock and (version := files.lock.version):
        evidence = Evidence(why=f"requires R {version}", file=files.lock_path, line=files.lock.line)
        yield VersionRequest(version=version, evidence=evidence)


def _least(files: RFiles) -> VersionRequest | None:
    found = files.description
    if found is None or not found.minimum:
        return None
    why = f"requires R `>= {found.minimum}`"
    evidence = Evidence(why=why, file=files.description_path, line=found.minimum_line)
    return VersionRequest(version=found.minimum, evidence=evidence)


def _not_there(
    base: BaseImage, version: str, wanted: VersionRequest, what: str, *, least: bool = False
) -> InvalidRepositoryError:
    """With the nearest R that a base image has, and that image."""
    near = _nearest(wanted.version, version, least=least)
    build = "" if near == version else f"build with `--base-image {_image_with(near)}`"
    if agrees(near, wanted) or (least and _numbers(near) >= _numbers(wanted.version)):
        hint = f"{build[:1].upper()}{build[1:]}, which has R {near}"
    else:
        write = f"require R {near}" if least else f"write `r-{near}{f'-{wanted.day}' if wanted.day else ''}`"
        hint = f"The nearest version in a base image is R {near}: {write}{' and ' if build else ''}{build}"
    name = base.release.name if base.release else base.reference
    return InvalidRepositoryError(
        f"{what}, but {name} has R {version}",
        file=wanted.evidence.file,
        line=wanted.evidence.line,
        hint=hint,
    )


def _nearest(wanted: str, ours: str, *, least: bool) -> str:
    """Ours where it is as near as any other; for a lower bound one that satisfies it, where there is one."""
    there: list[str] = sorted(set(r_facts()["releases"].values()), key=_numbers)
    enough = [one for one in there if _numbers(one) >= _numbers(wanted)]
    if least:
        return enough[0] if enough else there[-1]
    aim = _rank(wanted)
    return min([ours, *reversed(there)], key=lambda one: abs(_rank(one) - aim))


def _image_with(version: str) -> str:
    """An image of Debian comes first in the table."""
    return image_of(next(name for name, one in r_facts()["releases"].items() if one == version))


def _rank(version: str) -> int:
    major, minor = (*_numbers(version), 0)[:2]
    return 20 * major + minor


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor_of(version.replace("-", ".")).split(".") if part)
