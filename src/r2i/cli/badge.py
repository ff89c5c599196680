"""`r2i badge`: the badge with which others open the repository."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from r2i.checkout import Checkout
from r2i.cli.common import TypedSource, source_options, warn
from r2i.cli.themes import Command
from r2i.errors import UsageError
from r2i.model import Source
from r2i.quoting import printable
from r2i.ready.badge import FORMATS, HUB, NEWEST, Launch, hub_address, opened, public_address
from r2i.ready.published import Published, cautions, on_this_machine, published
from r2i.ready.records import record_spec
from r2i.sources.pasted import pasted
from r2i.sources.pull_links import pull_path
from r2i.sources.typed import checked_ref, shown

#: What may make files that the repository does not have.
MAKING_FILES = ("Dockerfile", "postBuild", "start")


@click.command(cls=Command, epilog="r2i badge\nr2i badge owner/name --urlpath index.ipynb")
@partial(source_options, default=".")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS]),
    default="markdown",
    show_default=True,
    help="Format of the badge.",
)
@click.option(
    "--urlpath",
    default="",
    metavar="PATH",
    help="Notebook or server path to open, such as `lab/tree/data`.",
)
@click.option("--hub", default=HUB, show_default=True, metavar="URL", help="Address of the BinderHub.")
def badge(typed: TypedSource, *, urlpath: str, hub: str, form: str) -> None:
    """Print a badge that opens SOURCE on Binder.

    SOURCE is a directory with a public remote, a repository URL, a DOI or published record, or a Binder link.
    """
    hub = hub_address(hub)
    launch, warnings = launch_of(typed, urlpath=urlpath, hub=hub)
    for warning in warnings:
        warn(warning)
    click.echo(FORMATS[form](launch))


def launch_of(typed: TypedSource, *, urlpath: str, hub: str) -> tuple[Launch, tuple[str, ...]]:
    """What the hub is to open, and why that may not be what one sees here."""
    source = replace(typed, ref=None).understood()
    if source.provider == "local":
        checkout = Checkout.open(Path(source.location), subdirectory=source.subdirectory)
        wanted = NEWEST if typed.ref is None else checked_ref(typed.ref)
        found = state_of(checkout, wanted)
        launch, told = launch_of_directory(checkout, found, wanted, urlpath=urlpath, hub=hub)
        return launch, (*told, *(cautions(found, wanted) if found else ()))
    path = _path_of(source, urlpath)
    text = pasted(typed.source).strip()
    if source.provider != "git":
        return _launch_of_record(source, text, typed, urlpath=path, hub=hub)
    address = public_address(source, text)
    return Launch(address=address, ref=_ref_of(source, typed.ref), urlpath=path, hub=hub), tuple(
        _told(source)
    )


def _path_of(source: Source, urlpath: str) -> str:
    """What is opened: of `--urlpath`, else of a link, with the content that the link pulls before."""
    prefix = f"{source.subdirectory}/" if source.subdirectory else ""
    path = opened(urlpath, has=None, prefix=prefix) if urlpath else source.opens
    if source.content is None:
        return path
    pulled = replace(source.content.source, location=public_address(source.content.source, ""))
    return pull_path(replace(source.content, source=pulled), path)


def _launch_of_record(
    source: Source, text: str, typed: TypedSource, *, urlpath: str, hub: str
) -> tuple[Launch, tuple[str, ...]]:
    launch = Launch(record=record_spec(source, text), urlpath=urlpath, hub=hub)
    if typed.ref or typed.subdir:
        raise UsageError("`--ref` and `--subdir` cannot be used with a published record", hint="Remove them")
    if source.provider != "doi":
        return launch, ()
    return launch, (f"the badge works only if a Dataverse has `{printable(text)}`",)


def state_of(checkout: Checkout, ref: str) -> Published | None:
    from r2i.sources.git_program import looking_git

    return published(checkout, looking_git(os.environ, checkout.root), ref)


def launch_of_directory(
    checkout: Checkout, found: Published | None, ref: str, *, urlpath: str, hub: str
) -> tuple[Launch, tuple[str, ...]]:
    """What the hub is to open of the directory's remote; raise `UsageError` where it has none."""
    from r2i.sources import parse

    remote = _remote(found)
    origin = parse(remote, cwd=checkout.root)
    path = opened(
        urlpath,
        has=partial(_lies_in, checkout),
        prefix=found.prefix if found else "",
        complete=not any(map(checkout.config, MAKING_FILES)),
    )
    launch = Launch(address=public_address(origin, remote), ref=ref, urlpath=path, hub=hub)
    return launch, tuple(_told(origin))


def _remote(found: Published | None) -> str:
    if found is None:
        raise UsageError(
            "The directory is not part of a git repository, so a hub cannot fetch it",
            hint="Publish it with git, or pass the published repository: `r2i badge owner/name`",
        )
    if found.remote is None:
        raise UsageError(
            "The repository has no remote, so a hub cannot fetch it",
            hint="Add a remote with `git remote add origin URL`, or pass the published repository: `r2i badge owner/name`",
        )
    if on_this_machine(found.remote):
        raise UsageError(
            f"The remote `{shown(found.remote)}` is a directory on this machine, which a hub cannot fetch",
            hint="Push the repository to a server and run `git remote set-url origin URL`, or pass it: `r2i badge owner/name`",
        )
    return found.remote


def _lies_in(checkout: Checkout, path: str) -> bool:
    return bool(path) and checkout.inside(path) is not None and checkout.has(path)


def _ref_of(source: Source, ref: str | None) -> str:
    """The ref that was typed, or that of a link."""
    if ref is not None:
        return checked_ref(ref)
    if "/" in source.ref_path:
        raise UsageError(
            "The link does not show where the ref ends and the path begins",
            hint="Pass the repository URL, the ref with `--ref` and the path with `--urlpath`",
        )
    return source.ref or source.ref_path or NEWEST


def _told(source: Source) -> list[str]:
    """A hub has no key: what is reached by SSH is taken to be there for all."""
    known = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gist.github.com")
    if source.location.startswith(("http:", "https:")) or any(host in source.location for host in known):
        return []
    return [f"the badge works only if `{printable(source.location)}` is also public over HTTPS"]
