"""What package indexes say of distributions that the tables do not have: the only part of the static check with a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import Parser
from itertools import product
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import urljoin

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from r2i.check.answer_cache import AnswerCache
from r2i.check.facts.answers import ABSENT, NOBODY, Answer, Online, Question
from r2i.check.facts.distributions import distributions
from r2i.check.missing import unknown_and_needed
from r2i.check.on_binder import default_python, python_of_binder
from r2i.check.simple_index import OUT_OF_TIME, NotOnIndexError, SimpleIndex, UnreachableError
from r2i.check.subject import Subject
from r2i.check.wheel_parts import wheel
from r2i.formats.requirements.specifiers import MAX_REQUIREMENT, MAX_SPECIFIER, normalised
from r2i.host.indexes import Indexes

#: The most that is asked: distributions, and seconds for all of them.
MOST_NAMES, MOST_SECONDS = 60, 20.0

#: Requirements of more are no list that a person wrote.
MOST_REQUIREMENTS = 1_000

#: What is needed on any of these is taken as needed: too much is better than an import that is called missing.
PYTHONS = tuple(f"3.{minor}" for minor in range(6, 15))
LINUX = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_machine": "x86_64",
}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A file of an index; `metadata` is the address of its metadata, empty where the index does not serve it, and `wheel` its
    own, empty where it is none."""

    version: Version
    wheel: str
    metadata: str
    digest: str
    yanked: bool


@dataclass
class _Search:
    """What is known so far, and who was asked."""

    python: str
    cache: AnswerCache
    until: float
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: dict[str, list[str]] = field(default_factory=dict)
    cached: dict[str, list[str]] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def ask(subject: Subject, indexes: Indexes, cache: AnswerCache) -> Online:
    """What the indexes know of the unknown distributions behind which an import may hide; nothing is asked where there is none.

    Never raises for what an index answers: what cannot be read is not known.
    """
    names = unknown_and_needed(subject)
    if not names:
        return NOBODY
    if not indexes.indexes:
        return Online(unanswered=names, failure="no index of this machine can be asked")
    search = _Search(python_of_binder(subject) or default_python(), cache, monotonic() + MOST_SECONDS)
    wanted = {one.name: one.specifier for one in subject.declared if one.installer == "pip"}
    extras = [one.name for one in subject.declared if one.extras]
    failures: list[str] = []

    def work() -> None:
        with SimpleIndex.opened(indexes, until=search.until) as clients:
            try:
                _answer(search, clients, names, wanted, extras)
            except UnreachableError as error:
                failures.append(str(error))

    # A name server that does not answer obeys no time limit.
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(MOST_SECONDS)
    if thread.is_alive():
        failures.append(OUT_OF_TIME)
    cache.sweep()
    return Online(
        answers=dict(search.answers),
        questions=tuple(
            Question(index=index, names=tuple(names), cached=tuple(search.cached.get(index, ())))
            for index, names in [*search.asked.items()]
        ),
        unanswered=tuple(search.unanswered),
        absent=_of_indexes(subject, search.absent),
        failure=next(iter(failures), ""),
    )


def _of_indexes(subject: Subject, names: Iterable[str]) -> tuple[str, ...]:
    """Those that a file requires from an index: conda packages have channels, and others an address."""
    asked = {one.name for one in subject.declared if one.installer == "pip" and not one.url}
    return tuple(name for name in names if name in asked)


def _answer(
    search: _Search,
    clients: tuple[SimpleIndex, ...],
    names: Iterable[str],
    wanted: Mapping[str, str],
    extras: Iterable[str],
) -> None:
    pending, seen = [*names], {*names}
    extras = {*extras}
    while pending:
        name = pending.pop(0)
        if len(search.answers) + len(search.unanswered) >= MOST_NAMES:
            raise UnreachableError(f"only the first {MOST_NAMES} packages were asked about")
        answer = _of_any(search, clients, name, wanted.get(name, ""))
        if answer is None or answer == ABSENT:
            search.unanswered.append(name)
            search.absent += [name] if answer else []
            continue
        search.answers[name] = answer
        extras |= {*answer.extended, *(answer.extended_by_extras if name in extras else ())}
        needed = {*answer.requires, *(answer.of_extras if name in extras else ())}
        more = needed - seen - distributions().keys()
        seen |= more
        pending += sorted(more)


def _of_any(search: _Search, clients: tuple[SimpleIndex, ...], name: str, specifier: str) -> Answer | None:
    """`ABSENT` where each index says that it does not have it."""
    has = False
    for client in clients:
        key = (client.address, name, specifier, search.python)
        known, answer = search.cache.get(key)
        search.asked.setdefault(client.address, []).append(name)
        if known:
            search.cached.setdefault(client.address, []).append(name)
        else:
            answer = _of_index(client, name, specifier, search.python)
            search.cache.put(key, answer)
        if answer is not None and answer != ABSENT:
            return answer
        has |= answer is None
    return None if has else ABSENT


def _of_index(client: SimpleIndex, name: str, specifier: str, python: str) -> Answer | None:
    """`ABSENT` where it does not have the distribution, None where it has no wheel of the release that is installed."""
    try:
        page = client.page(name)
    except NotOnIndexError:
        return ABSENT
    if page is None:
        return None
    candidates = [*_candidates(page, client.page_address(name), python)]
    chosen = _newest(candidates, specifier)
    if chosen is None:
        return None
    version = str(chosen.version)
    if parts := wheel(client, chosen.wheel):
        text, modules = parts
        return answer_in(text, version, modules)
    metadata = client.metadata(chosen.metadata, chosen.digest) if chosen.metadata else None
    return answer_in(metadata, version) if metadata is not None else None


def _candidates(page: Mapping[str, Any], address: str, python: str) -> Iterator[Candidate]:
    files = page.get("files")
    for file in files if isinstance(files, list) else ():
        if not isinstance(file, dict):
            continue
        name, url, needs = file.get("filename"), file.get("url"), file.get("requires-python")
        if not isinstance(name, str) or not isinstance(url, str):
            continue
        version = _version(name)
        if version is None or not _admits(needs, python):
            continue
        metadata = file.get("core-metadata", file.get("dist-info-metadata", False))
        digest = metadata.get("sha256", "") if isinstance(metadata, dict) else ""
        own = urljoin(address, url.partition("#")[0])
        yield Candidate(
            version=version,
            wheel=own if name.endswith(".whl") else "",
            metadata=f"{own}.metadata" if metadata else "",
            digest=digest if isinstance(digest, str) else "",
            yanked=bool(file.get("yanked")),
        )


def _version(filename: str) -> Version | None:
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _admits(needs: object, python: str) -> bool:
    if not isinstance(needs, str) or not needs or len(needs) > MAX_SPECIFIER:
        return True
    try:
        return SpecifierSet(needs).contains(f"{python}.99")
    except InvalidSpecifier:
        return True


def _newest(candidates: Iterable[Candidate], specifier: str) -> Candidate | None:
    """A wheel of the release that an installer would take; None where that release has none."""
    try:
        allowed = SpecifierSet(specifier[:MAX_SPECIFIER])
    except InvalidSpecifier:
        return None
    exact = specifier.startswith("==") and "*" not in specifier
    left = [one for one in candidates if exact or not one.yanked]
    versions = [*allowed.filter({one.version for one in left})]
    if not versions:
        return None
    newest = max(versions)
    return next((one for one in left if one.version == newest and one.wheel), None)


def answer_in(metadata: str, version: str, modules: tuple[str, ...] = ()) -> Answer | None:
    """What the metadata of a release says that it needs; None where it says so only when it is built."""
    headers = Parser().parsestr(metadata, headersonly=True)
    if any(value.lower() == "requires-dist" for value in headers.get_all("Dynamic") or ()):
        return None
    requires, of_extras, extended, extended_by_extras = set[str](), set[str](), set[str](), set[str]()
    for text in (headers.get_all("Requires-Dist") or [])[:MOST_REQUIREMENTS]:
        try:
            one = Requirement(str(text)[:MAX_REQUIREMENT])
        except InvalidRequirement:
            return None
        name = normalised(one.name)
        if _holds(one, {""}):
            requires.add(name)
            extended |= {name} if one.extras else set()
        elif _holds(one, headers.get_all("Provides-Extra") or ()):
            of_extras.add(name)
            extended_by_extras |= {name} if one.extras else set()
    return Answer(
        version=version,
        requires=tuple(sorted(requires)),
        of_extras=tuple(sorted(of_extras)),
        extended=tuple(sorted(extended)),
        extended_by_extras=tuple(sorted(extended_by_extras)),
        modules=modules,
    )


def _holds(requirement: Requirement, extras: Iterable[object]) -> bool:
    """Whether it is needed on some Python of Linux, with one of these extras."""
    marker = requirement.marker
    if marker is None:
        return "" in {*extras}
    try:
        return any(
            marker.evaluate(
                {**LINUX, "python_version": python, "python_full_version": f"{python}.9", "extra": str(extra)}
            )
            for python, extra in product(PYTHONS, extras)
        )
    except UndefinedEnvironmentName:
        return True
