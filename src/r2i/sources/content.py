"""A second repository in a directory of a checkout, as an nbgitpuller link puts it there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from r2i.checkout import Checkout
from r2i.errors import FetchError, R2iError, TemporaryError
from r2i.model import Content
from r2i.sources import git_fetch, git_refs
from r2i.sources.protocol import Revision


def settled(content: Content, *, environ: Mapping[str, str]) -> Content:
    """The same, with the commit that is meant as its ref."""
    revision = _resolved(content, environ)
    source = replace(revision.source, ref=revision.content_id)
    return replace(content, source=source, led_by=revision.ref or "")


@contextmanager
def with_content(
    fetched: AbstractContextManager[Checkout],
    content: Content,
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> Iterator[Checkout]:
    """A private checkout with the content in it. Raises `FetchError` where something is in its place already."""
    with fetched as checkout:
        place = _made(checkout, content.directory)
        revision = _resolved(content, environ)
        git = git_fetch.program(content.source, environ)
        try:
            whole = git_fetch.fetch_into(place, git, revision, environ=environ, report=report)
        except R2iError as error:
            raise _failed(content, error) from error
        commit = f"{content.source.location}@{revision.content_id}"
        yield replace(checkout, complete=checkout.complete and whole, content=f"{commit} {content.directory}")


def _resolved(content: Content, environ: Mapping[str, str]) -> Revision:
    if content.led_by:
        return Revision(source=content.source, content_id=content.source.ref, ref=content.led_by)
    try:
        return git_refs.resolve(content.source, git_fetch.program(content.source, environ))
    except R2iError as error:
        raise _failed(content, error) from error


def _failed(content: Content, error: R2iError) -> R2iError:
    kind = TemporaryError if isinstance(error, TemporaryError) else FetchError
    message = error.message[:1].lower() + error.message[1:]
    return kind(
        f"The content for `{content.directory}` cannot be fetched: {message}",
        hint=error.hint or "Correct the link",
    )


def _made(checkout: Checkout, directory: str) -> Path:
    """The new directory, below real directories of the checkout: a link could lead anywhere."""
    place = checkout.root
    *above, last = PurePosixPath(directory).parts
    for name in above:
        place = place / name
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            raise _in_use(directory)
        place.mkdir(exist_ok=True)
    place = place / last
    if os.path.lexists(place):
        raise _in_use(directory)
    place.mkdir()
    return place


def _in_use(directory: str) -> FetchError:
    return FetchError(
        f"The repository already has `{directory}`, where the link puts its content",
        hint="Choose another directory with `targetPath` in the link",
    )
