"""`apt.txt`: packages of the base image's distribution, one a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from r2i.buildpacks.apt_names import TIME64, Gone, Renamed, compiles, locale_of, look_up
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.facts.pins import base_image, base_of, image_of, title_of
from r2i.formats.language_versions import place_of
from r2i.model import BaseChoice, BaseImage, Detection, Evidence, Layer, Notice, Options, Release, Stage

FILE = "apt.txt"

#: A package as `apt-get install` takes it: `name[:architecture][=version|/suite]` (Debian Policy 5.6.7 and 5.6.12).
#: A name that ends with `-` would be removed by apt instead of installed; `*` is apt's own, for `=1.2.*`.
SPEC = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*[a-z0-9+.])"
    r"(?::(?P<architecture>[a-z][a-z0-9-]*))?"
    r"(?:=(?P<version>(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*\*?)|/(?P<suite>[a-z][a-z0-9.-]*))?"
)
NUMBER = re.compile(r"[0-9]+")
LFS_POINTER = "version https://git-lfs.github.com/spec/"
#: What Binder generates in every image.
DEFAULT_LOCALE = "en_US.UTF-8"
LOCALE = re.compile(r"[a-z]{2,3}_[A-Z]{2}\.UTF-8")

#: What r2i does in any case; people write it, since repo2docker passed every line on to `apt-get install`.
POINTLESS = frozenset({"-y", "--yes", "--assume-yes", "-q", "-qq", "--quiet", "--no-install-recommends"})
#: Any other option, and those whose value is the next word.
OPTION = re.compile(r"-{1,2}[A-Za-z]\S*", re.ASCII)
WITH_VALUE = frozenset(
    {"-t", "--target-release", "--default-release", "-o", "--option", "-c", "--config-file"}
)
COMMAND = re.compile(r"\s*(?:sudo\s+)?apt(?:-get)?\s+(?:-\S+\s+)*(?P<verb>update|upgrade|install)\b")

#: Longer than any real list by an order of magnitude, and short enough for a command line.
MOST_PACKAGES = 2_000
MOST_LINES = 100_000
LONGEST = 200

#: Of the release on which repo2docker builds.
UBUNTU = "docker.io/library/ubuntu:24.04"

#: Images that have no packages but their release's own.
PLAIN_IMAGES = frozenset({"debian", "ubuntu", "buildpack-deps"})

FONTS = frozenset({"ttf-mscorefonts-installer", "msttcorefonts"})


@dataclass(frozen=True, kw_only=True)
class AptPackage:
    """One package that `apt.txt` asks for, and where."""

    name: str
    line: int
    qualifier: str = ""
    version: str = ""
    suite: str = ""

    @property
    def spec(self) -> str:
        pin = f"={self.version}" if self.version else f"/{self.suite}" if self.suite else ""
        return f"{self.name}{self.qualifier}{pin}"


class Apt:
    name = "apt"
    files = (FILE,)

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        path = checkout.config(FILE)
        if path is None:
            return None
        base = base_of(options)
        notices: list[Notice] = []
        asked = list(packages_in(_list(checkout, path), path, notices))
        if options.as_repo2docker and options.base_image is None and (better := _of_ubuntu(asked, path)):
            return Detection(base=better)
        if base.reference == UBUNTU and (because := options.base_evidence) is not None:
            notices.append(Notice(level="warning", message=because.why, file=path, line=because.line))
        packages = [new for package in asked for new in _in_release(package, base, path, notices)]
        packages = _merge(packages, path)
        locales = tuple(sorted({locale for p in asked if (locale := _locale(p, base))}))
        if not packages:
            notices.append(Notice(level="info", message=f"`{path}` lists no packages", file=path))
            return Detection(notices=tuple(notices))
        count = "1 package" if len(packages) == 1 else f"{len(packages)} packages"
        layer = Layer(
            buildpack=self.name,
            stage=Stage.APT,
            title=f"{FILE}: {count}",
            template="apt",
            variables={"packages": tuple(p.spec for p in packages), "locales": locales},
            evidence=tuple(Evidence(why=f"`{p.spec}`", file=path, line=p.line) for p in _by_line(packages)),
            resources=("apt-install",),
        )
        return Detection(
            layers=(layer,),
            notices=tuple(notices),
            compiles=_compilers(packages, path),
            packages=frozenset(package.name for package in packages),
        )


def _list(checkout: Checkout, path: str) -> str:
    text = checkout.read(path)
    if text.startswith(LFS_POINTER):
        raise InvalidRepositoryError(
            f"`{path}` is a Git LFS pointer, not the list itself",
            file=path,
            line=1,
            hint="Commit the list itself, or install `git-lfs` and fetch the repository again",
        )
    return text


def _of_ubuntu(packages: Iterable[AptPackage], path: str) -> BaseChoice | None:
    """The base image of repo2docker, where the default one has no longer what it has."""
    own, ubuntu = base_image(None).release, base_image(UBUNTU)
    assert own is not None  # noqa: S101 - r2i knows its own defaults
    assert ubuntu.release is not None  # noqa: S101
    for package in packages:
        if why := _why_ubuntu(package, own=own, ubuntu=ubuntu.release):
            title = title_of(ubuntu.release)
            evidence = Evidence(
                why=f"{why}: the image is built on {title}, as in repo2docker", file=path, line=package.line
            )
            return BaseChoice(reference=ubuntu.reference, evidence=evidence, firm=False)
    return None


def _why_ubuntu(package: AptPackage, *, own: Release, ubuntu: Release) -> str:
    """Empty where the default image has the same, if perhaps by a new name."""
    if package.suite:
        return ""
    if package.version and "ubuntu" not in package.version:
        return f"`{package.spec}` is a version that repo2docker looks for in {title_of(ubuntu)}"
    there, here = look_up(package.name, ubuntu.name), look_up(package.name, own.name)
    is_gone = isinstance(here, Gone) and here.certain and ubuntu.name in here.releases
    if is_gone or (there is None and isinstance(here, Renamed) and _is_other_version(package.name, here)):
        return f"`{package.name}` is in {title_of(ubuntu)} and not in {title_of(own)}"
    return ""


def _is_other_version(name: str, new: Renamed) -> bool:
    """A new name with another number in it is another version."""
    before, after = ([*NUMBER.findall(each.removesuffix(TIME64))] for each in (name, " ".join(new.to)))
    return new.guess or (bool(before and after) and before != after)


def packages_in(text: str, path: str, notices: list[Notice] | None = None) -> Iterator[AptPackage]:
    """The packages of a list, as written; notices are added to those given. Raises `InvalidRepositoryError` for what is no name."""
    notices = [] if notices is None else notices
    count = 0
    options: list[tuple[str, int]] = []
    for number, words in _lines(text, path, notices):
        for before, word in zip(("", *words), words, strict=False):
            if before in WITH_VALUE:
                continue
            if word in POINTLESS:
                message = f"`{word}` is an option, not a package; r2i always installs this way"
                notices.append(Notice(level="info", message=message, file=path, line=number))
                continue
            if OPTION.fullmatch(word):
                options.append((word, number))
                continue
            count += 1
            if count > MOST_PACKAGES:
                raise InvalidRepositoryError(
                    f"`{path}` lists more than {MOST_PACKAGES:,} packages",
                    file=path,
                    line=number,
                    hint="Check that it is the right file",
                )
            yield _package(word, path, number)
    if options and not count:
        _package(options[0][0], path, options[0][1])  # raises: the file is no list of packages
    for word, number in options:
        message = f"`{_printable(word)}` is an option, not a package; r2i installs without it"
        notices.append(Notice(level="warning", message=message, file=path, line=number))


def _lines(text: str, path: str, notices: list[Notice]) -> Iterator[tuple[int, list[str]]]:
    """The words of each line, without comments and `apt-get install`."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        raise InvalidRepositoryError(
            f"`{path}` has more than {MOST_LINES:,} lines",
            file=path,
            line=MOST_LINES + 1,
            hint="Check that it is the file you meant",
        )
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0]
        if command := COMMAND.match(words):
            message = f"r2i runs `apt-get {command['verb']}` itself and uses only the packages on this line"
            notices.append(Notice(level="info", message=message, file=path, line=number))
            words = words[command.end() :] if command["verb"] == "install" else _nothing_more(words, command)
        yield number, words.split()


def _nothing_more(words: str, command: re.Match[str]) -> str:
    """What follows `apt-get update`, where that is not another option of it."""
    return " ".join(word for word in words[command.end() :].split() if word not in POINTLESS)


def _package(word: str, path: str, line: int) -> AptPackage:
    match = SPEC.fullmatch(word) if len(word) <= LONGEST else None
    if match is None:
        raise InvalidRepositoryError(
            f"`{path}` has an invalid package name: `{_printable(word)}`",
            file=path,
            line=line,
            hint=_what_is_wrong(word),
        )
    architecture = match["architecture"]
    return AptPackage(
        name=match["name"],
        line=line,
        qualifier=f":{architecture}" if architecture else "",
        version=match["version"] or "",
        suite=match["suite"] or "",
    )


def _what_is_wrong(word: str) -> str:
    if SPEC.fullmatch(word.lower()) and len(word) <= LONGEST:
        return f"Write `{word.lower()}`: package names are lower-case"
    if word.startswith("-"):
        return f"Remove it: `{FILE}` takes no `apt-get` options"
    if SPEC.fullmatch(word.rstrip(",;\\")):
        return "Separate packages only with spaces or line breaks"
    return "Write one Debian package name per line"


def _printable(word: str) -> str:
    shown = "".join(c if c.isprintable() and c != "`" else ascii(c)[1:-1] for c in word[: LONGEST // 2])
    return shown if len(word) <= LONGEST // 2 else f"{shown}…"


def _in_release(
    package: AptPackage, base: BaseImage, path: str, notices: list[Notice]
) -> Iterator[AptPackage]:
    """The packages to install for one that is asked for, under the names of the base image's release."""
    release = base.release.name if base.release else ""
    title = title_of(base.release) if base.release else ""

    def notice(message: str, *, warning: bool) -> None:
        level: Literal["info", "warning"] = "warning" if warning else "info"
        notices.append(Notice(level=level, message=message, file=path, line=package.line))

    found = look_up(package.name, release) if release and not package.suite else None
    match found:
        case Renamed():
            notice(
                _renamed(package, found, title),
                warning=found.guess or not found.to or bool(package.version),
            )
            for name in found.to:
                yield replace(package, name=name, version="")
        case Gone():
            _gone(package, found, base, path)
            notice(f"`{package.name}` is not in {title}", warning=True)
            yield package
        case None if package.version and _is_of_ubuntu(package, base):
            message = f"`{package.version}` is a version of Ubuntu: write `{package.name}`, of which r2i installs that of {title}"
            notice(message, warning=True)
            yield replace(package, version="")
        case None:
            if package.version:
                notice(
                    f"`{package.spec}` can be installed only while the release has exactly this version",
                    warning=True,
                )
            yield package
    if package.name in FONTS:
        notice(f"Installing `{package.name}` accepts the Microsoft licence for these fonts", warning=False)


def _is_of_ubuntu(package: AptPackage, base: BaseImage) -> bool:
    """Whether no release of the base image's distribution ever had the version that is asked for."""
    return base.release is not None and base.release.distribution == "debian" and "ubuntu" in package.version


def _renamed(package: AptPackage, found: Renamed, release: str) -> str:
    new = " and ".join(f"`{name}`" for name in found.to)
    verb = "becomes" if found.guess else "is"
    message = (
        f"`{package.name}` {verb} {new} in {release}" if new else f"`{package.name}` is left out in {release}"
    )
    reason = f": {found.why}" if found.why else ""
    pin = f"; its version `{package.version}` is ignored" if package.version else ""
    return f"{message}{reason}{pin}"


def _gone(package: AptPackage, found: Gone, base: BaseImage, path: str) -> None:
    """Raise where the image can only have its release's packages; elsewhere the build step will see."""
    repository = base.reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if repository not in PLAIN_IMAGES or base.release is None or not found.certain:
        return
    instead = f"Replace it: {found.instead}. " if found.instead else ""
    because = ""
    if base.evidence is not None and found.releases:
        # Another image would lack what the evidence asks for.
        because = f", the base image that {place_of(base.evidence)} leads to"
        hint = f"{instead}Remove the line, or change `{base.evidence.file}`: releases with the package are {', '.join(found.releases)}"
    elif found.releases:
        hint = f"{instead}Build with `--base-image {image_of(found.releases[0])}`, which has it, or remove the line"
    else:
        hint = f"{instead}No release known to r2i has it, or remove the line"
    raise InvalidRepositoryError(
        f"`{package.name}` is not in {title_of(base.release)}{because}",
        file=path,
        line=package.line,
        hint=hint,
    )


def _merge(packages: Iterable[AptPackage], path: str) -> list[AptPackage]:
    """Each package once, sorted, so that the order of lines does not rebuild anything; a pin wins over none."""
    merged: dict[tuple[str, str], AptPackage] = {}
    for package in packages:
        key = (package.name, package.qualifier)
        before = merged.get(key)
        if before is None or before.spec == f"{package.name}{package.qualifier}" != package.spec:
            merged[key] = package
        elif package.spec not in (before.spec, f"{package.name}{package.qualifier}"):
            raise InvalidRepositoryError(
                f"`{path}` asks for both `{before.spec}` and `{package.spec}`",
                file=path,
                line=package.line,
                hint="Keep one of the two",
            )
    return sorted(merged.values(), key=lambda package: package.spec)


def _by_line(packages: Iterable[AptPackage]) -> list[AptPackage]:
    return sorted(packages, key=lambda package: package.line)


def _locale(package: AptPackage, base: BaseImage) -> str | None:
    """The locale to generate: that of a language pack, which only Ubuntu has; for `locales` alone that of Binder."""
    if package.name == "locales":
        return DEFAULT_LOCALE
    if base.release is None or base.release.distribution != "debian":
        return None
    locale = locale_of(package.name)
    return locale if locale and LOCALE.fullmatch(locale) else None


def _compilers(packages: Iterable[AptPackage], path: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(why=f"`{FILE}` requires `{p.name}`", file=path, line=p.line)
        for p in _by_line(packages)
        if compiles(p.name)
    )
