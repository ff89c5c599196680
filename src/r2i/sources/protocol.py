"""What a provider of repositories is: the contract that every provider of this package fulfils."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from r2i.checkout import Checkout
from r2i.model import Source


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What the user typed, free of control characters; `ref` and `subdirectory` are checked and normalised."""

    text: str
    ref: str | None
    subdirectory: str
    cwd: Path


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A source pinned down.

    `content_id` names the content for ever: the full id of a commit, the version of a published record; it is None
    for a local directory. `ref` is the full name of what led to it (`refs/heads/main`), or the id itself. `source` is
    the source as it is now known: the end of a link is split into its ref and its subdirectory, a DOI is the record
    that it leads to. So name images by this source, and fetch this one, and not the one that was parsed.
    """

    source: Source
    content_id: str | None
    ref: str | None


@dataclass(frozen=True, kw_only=True)
class LastChange:
    """The last commit that changed some files, or the record that they were published in.

    `commit` is an id, `record` the page of a version; one of them is empty. `edited` are files that were changed since
    and not committed.
    """

    moment: datetime
    commit: str = ""
    record: str = ""
    edited: tuple[str, ...] = ()

    @property
    def happened(self) -> str:
        """What happened on that day, as the end of a sentence about files or a repository."""
        return "published" if self.record else "last changed"

    @property
    def cause(self) -> str:
        """What tells it, for people."""
        return self.record or f"commit {self.commit[:12]}"


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Why there is no such commit, and what to do."""

    reason: str
    hint: str


def silent(_sentence: str) -> None:
    """What to pass as `report` where nobody listens."""


class Provider(Protocol):
    @property
    def name(self) -> str:
        """What `Source.provider` says."""

    def read(self, typed: Typed) -> Source | None:
        """Understand what was typed; None where it is for another provider. Pure but for looking at directories."""

    def resolve(
        self, source: Source, *, environ: Mapping[str, str], report: Callable[[str], None] = silent
    ) -> Revision:
        """Find out which revision is meant, without fetching it; `report` is told what was chosen, and what takes long."""

    def fetched(
        self,
        source: Source,
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
        revision: Revision | None = None,
    ) -> AbstractContextManager[Checkout]:
        """Fetch what is meant; whatever was made for it is gone when the context is left."""

    def last_change(
        self,
        source: Source,
        checkout: Checkout,
        files: Iterable[str],
        *,
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> LastChange | Unknown:
        """Find the last commit that changed one of these files of its checkout, or when they were published."""
