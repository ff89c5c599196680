"""Which R: that of the base image's distribution, where the files of the repository accept it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from r2i.errors import InvalidRepositoryError
from r2i.facts.pins import image_of, title_of
from r2i.facts.r import r_facts, r_of
from r2i.formats.language_versions import agrees, minor_of, overruled, place_of, strongest
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
    base: BaseImage,
    requests: tuple[VersionRequest, ...],
    ran_on: VersionRequest | None,
    files: RFiles,
    *,
    named: bool,
) -> RVersion:
    """Raise `InvalidRepositoryError` where a file names an R that the base image does not have, if the user chose this image."""
    version, wanted, least = r_of(base), strongest(requests), least_of(files)
    other = wanted if version and wanted and not agrees(version, wanted) else None
    more = least if wanted and least and numbers(least.version) > numbers(wanted.version) else None
    if other and named and not more:
        raise _not_there(base, version, other, f"R {other.version} is requested")
    if version and least and numbers(least.version) > numbers(version):
        raise _not_there(base, version, least, f"R `>= {least.version}` is required", least=True)
    ships = f"{base.release.name} ships R {version}" if base.release and version else ""
    unknown = f"the R version of `{base.reference}` is unknown"
    locked = [*locked_in(files)]
    decides = wanted or next((one for one in locked if version and agrees(version, one)), least)
    if decides is None and base.evidence is not None:
        evidence = base.evidence
    elif decides is None and not requests:
        evidence = Evidence(why=f"no file sets a version; {ships or unknown}")
    else:
        said = (decides or requests[0]).evidence
        evidence = replace(said, why=f"{said.why}; {ships or unknown}")
    if not version:
        return RVersion(version="", evidence=evidence)
    winner = wanted.evidence if wanted else Evidence(why=ships)
    weak = [ran_on] if ran_on else []
    notices = (
        *(_instead(base, version, other, more) if other else ()),
        *overruled("R", version, winner, [*requests, *locked]),
        *overruled("R", version, winner, weak, level="info"),
    )
    return RVersion(version=version, evidence=evidence, notices=notices)


def newer_than_packages(version: str, day: RDay) -> Iterator[Notice]:
    """What is said where an R is newer than its packages, and a base image has one that is not, or at least an older one."""
    released = r_facts()["released"]
    if not version or day.day == LATEST or released[version] <= day.day:
        return
    there = r_facts()["releases"].values()
    fits = [one for one, since in released.items() if since <= day.day and one in there]
    near = max(fits, key=numbers) if fits else min(there, key=numbers)
    if near == version:
        return
    yield Notice(
        level="info" if day.guessed else "warning",
        message=f"Packages of {day.day} may not compile with R {version}, which is newer:"
        f" `--base-image {_image_with(near)}` has R {near}",
        file=day.evidence.file,
        line=day.evidence.line,
    )


def _instead(
    base: BaseImage, version: str, wanted: VersionRequest, more: VersionRequest | None
) -> Iterator[Notice]:
    """What is said where no image of Debian has the R that is asked for, or a description asks for more."""
    if more:
        why = f"{place_of(more.evidence)} {more.evidence.why}: R {version} is installed"
    else:
        near = _nearest(wanted.version, version, least=False)
        exact = f"; `--base-image {_image_with(near)}` has R {near}" if agrees(near, wanted) else ""
        name = title_of(base.release) if base.release else base.reference
        why = f"the nearest version at or above it in a base image is R {version} of {name}{exact}"
    yield Notice(
        level="warning",
        message=f"R {wanted.version} is requested, but {why}",
        file=wanted.evidence.file,
        line=wanted.evidence.line,
    )


def locked_in(files: RFiles) -> Iterator[VersionRequest]:
    """The R that wrote a lock."""
    if files.lock and (version := files.lock.version):
        evidence = Evidence(why=f"requires R {version}", file=files.lock_path, line=files.lock.line)
        yield VersionRequest(version=version, evidence=evidence)


def least_of(files: RFiles) -> VersionRequest | None:
    """The lower bound of a description."""
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
    if agrees(near, wanted) or (least and numbers(near) >= numbers(wanted.version)):
        hint = f"{build[:1].upper()}{build[1:]}, which has R {near}"
    else:
        write = f"require R {near}" if least else f"write `r-{near}{f'-{wanted.day}' if wanted.day else ''}`"
        hint = f"The nearest version in a base image is R {near}: {write}{' and ' if build else ''}{build}"
    name = title_of(base.release) if base.release else base.reference
    return InvalidRepositoryError(
        f"{what}, but {name} has R {version}",
        file=wanted.evidence.file,
        line=wanted.evidence.line,
        hint=hint,
    )


def _nearest(wanted: str, ours: str, *, least: bool) -> str:
    """Ours where it is as near as any other; for a lower bound one that satisfies it, where there is one."""
    there: list[str] = sorted(set(r_facts()["releases"].values()), key=numbers)
    enough = [one for one in there if numbers(one) >= numbers(wanted)]
    if least:
        return enough[0] if enough else there[-1]
    aim = _rank(wanted)
    return min([ours, *reversed(there)], key=lambda one: abs(_rank(one) - aim))


def _image_with(version: str) -> str:
    """An image of Debian comes first in the table."""
    return image_of(next(name for name, one in r_facts()["releases"].items() if one == version))


def _rank(version: str) -> int:
    major, minor = (*numbers(version), 0)[:2]
    return 20 * major + minor


def numbers(version: str) -> tuple[int, ...]:
    """The minor release, to compare it."""
    return tuple(int(part) for part in minor_of(version.replace("-", ".")).split(".") if part)
