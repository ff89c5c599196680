"""F419: base images of a release of Debian, Ubuntu or CentOS whose packages are no longer where it looks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache

from r2i.check.dockerfile import ParsedDockerfile, own_dockerfile
from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.facts.tables import read_table

#: Commands that fetch lists of packages, by the distribution.
FETCHES = {
    "CentOS": re.compile(r"\b(?:yum|dnf)\b[^|;&]*\s(?:install|update|groupinstall|makecache)\b"),
    "": re.compile(r"\bapt(?:-get|itude)?\b[^|;&]*\s(?:update|install|upgrade|build-dep)\b"),
}

#: How a file names other servers, or asks none.
ELSEWHERE = re.compile(
    r"old-releases|archive\.debian|snapshot\.|vault\.|sources\.list|yum\.repos\.d|--no-download"
)

#: Images of the distributions themselves.
OF_DISTRIBUTIONS = {"debian": "Debian", "ubuntu": "Ubuntu", "centos": "CentOS"}

#: What to build on instead.
INSTEAD = {"Debian": "debian:13", "Ubuntu": "ubuntu:24.04", "CentOS": "almalinux:9"}


def _ended(subject: Subject) -> Iterator[Finding]:
    path = subject.config("Dockerfile")
    text = subject.text(path) if path else None
    own = own_dockerfile(path, text) if path and text else None
    if own is None or not own.chain or ELSEWHERE.search(own.text):
        return
    release = ended_release(own.base)
    if release is None:
        return
    distribution = release.partition(" ")[0]
    pattern = FETCHES.get(distribution, FETCHES[""])
    fetch = next((match for i in own.all_of("RUN") if (match := pattern.search(i.value))), None)
    if fetch is None:
        return
    yield Finding(
        message=f"`FROM {own.chain[0].base}`: {release} has ended and its packages are no longer on its servers, so `{_program(fetch)}` fails",
        file=own.path,
        line=own.chain[0].instructions[0].line,
        hint=_hint(own, distribution),
    )


def _program(fetch: re.Match[str]) -> str:
    return " ".join((fetch[0].split()[0], fetch[0].split()[-1]))


def _hint(own: ParsedDockerfile, distribution: str) -> str:
    if _name(own.base).partition(":")[0] in OF_DISTRIBUTIONS:
        return f"Build on a release with packages, such as `{INSTEAD[distribution]}`"
    return "Use a newer tag of the image"


def ended_release(image: str) -> str | None:
    """The release that an image is of, if it has ended; None also where its name does not tell."""
    name = _name(image)
    if "@" in image or "$" in image:
        return None
    if found := next((release for pattern, release in _bases().items() if fnmatchcase(name, pattern)), None):
        return found
    repository, _, tag = name.partition(":")
    words = set(re.split(r"[-_]", tag))
    for release, codename in _releases().items():
        distribution, version = release.split()
        own = OF_DISTRIBUTIONS.get(repository) == distribution
        if codename and codename in words and (own or "/" not in repository):
            return release
        if own and any(word == version or word.startswith(f"{version}.") for word in words):
            return release
    return None


def _name(image: str) -> str:
    return re.sub(r"^(?:(?:index\.)?docker\.io/)?(?:library/)?", "", image)


@cache
def _releases() -> Mapping[str, str]:
    found: Mapping[str, str] = read_table("r2i.check.facts", "base_images.toml")["ended"]
    return found


@cache
def _bases() -> Mapping[str, str]:
    found: Mapping[str, str] = read_table("r2i.check.facts", "base_images.toml")["ended-bases"]
    return found


RULES = (
    Rule(
        code="F419",
        name="ended-release",
        severity="error",
        why="The servers of a distribution remove releases that have ended, so nothing can be installed on such an image.",
        find=_ended,
    ),
)
