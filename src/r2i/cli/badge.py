"""`r2i badge`: the badge with which others open the repository."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from r2i.checkout import Checkout
from r2i.cli.common import note, parsed, source_options
from r2i.errors import UsageError
from r2i.model import Source
from r2i.quoting import printable
from r2i.ready.badge import FORMATS, HUB, NEWEST, Launch, archived, hub_address, opened, public_address
from r2i.ready.published import Published, cautions, on_this_machine, published
from r2i.sources.parse import checked_ref, shown


@click.command()
@partial(source_options, default=".")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS]),
    default="markdown",
    show_default=True,
    help="Of the badge.",
)
@click.option(
    "--urlpath",
    default="",
    metavar="PATH",
    help="What to open: a notebook, or a path of the server like `lab/tree/data`.",
)
@click.option("--hub", default=HUB, show_default=True, metavar="URL", help="The BinderHub.")
def badge(source: str, ref: str | None, subdir: str, **chosen: str) -> None:
    """Print the badge that opens SOURCE on Binder.

    SOURCE is a directory whose remote others can reach, the address of a repository, or a DOI.
    """
    hub = hub_address(chosen["hub"])
    launch, warnings = launch_of(source, ref, subdir, urlpath=chosen["urlpath"], hub=hub)
    for warning in warnings:
        note(f"{click.style('Warning:', fg='yellow')} {warning}")
    click.echo(FORMATS[chosen["form"]](launch))


def launch_of(
    typed: str, ref: str | None, subdir: str, *, urlpath: str, hub: str
) -> tuple[Launch, tuple[str, ...]]:
    """What the hub is to open, and why that may not be what one sees here."""
    if (doi := archived(typed)) is not None:
        if ref or subdir:
            raise UsageError("A DOI has neither `--ref` nor `--subdir`", hint="Leave them out")
        return Launch(address=doi, urlpath=opened(urlpath, has=None), hub=hub), ()
    source = parsed(typed, None, subdir)
    if source.provider == "local":
        checkout = Checkout.open(Path(source.location), subdirectory=source.subdirectory)
        wanted = NEWEST if ref is None else checked_ref(ref)
        found = state_of(checkout, wanted)
        launch, told = launch_of_directory(checkout, found, wanted, urlpath=urlpath, hub=hub)
        return launch, (*told, *(cautions(found, wanted) if found else ()))
    address = public_address(source, typed)
    prefix = f"{source.subdirectory}/" if source.subdirectory else ""
    path = opened(urlpath, has=None, prefix=prefix)
    return Launch(address=address, ref=_ref_of(source, ref), urlpath=path, hub=hub), tuple(_told(source))


def state_of(checkout: Checkout, ref: str) -> Published | None:
    from r2i.sources.git_program import looking_git

    return published(checkout, looking_git(os.environ), ref)


def launch_of_directory(
    checkout: Checkout, found: Published | None, ref: str, *, urlpath: str, hub: str
) -> tuple[Launch, tuple[str, ...]]:
    """What the hub is to open of the directory's remote; raise `UsageError` where it has none."""
    from r2i.sources import parse

    remote = _remote(found)
    origin = parse(remote, cwd=checkout.root)
    path = opened(urlpath, has=partial(_lies_in, checkout), prefix=found.prefix if found else "")
    launch = Launch(address=public_address(origin, remote), ref=ref, urlpath=path, hub=hub)
    return launch, tuple(_told(origin))


def _remote(found: Published | None) -> str:
    if found is None:
        raise UsageError(
            "The directory is in no git repository, and a hub fetches what is published",
            hint="Publish it with git first, or name the repository: `r2i badge owner/name`",
        )
    if found.remote is None:
        raise UsageError(
            "The repository has no remote, and a hub fetches what is published",
            hint="Say where it is published: `git remote add origin URL`, or `r2i badge owner/name`",
        )
    if on_this_machine(found.remote):
        raise UsageError(
            f"The remote `{shown(found.remote)}` is a directory of this machine, which no hub can fetch",
            hint="Push the repository to a server, and say where: `git remote set-url origin URL`, or `r2i badge owner/name`",
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
            "Only the repository can tell where the ref ends in this link",
            hint="Give the URL of the repository with `--ref`, and what to open with `--urlpath`",
        )
    return source.ref or source.ref_path or NEWEST


def _told(source: Source) -> list[str]:
    """A hub has no key: what is reached by SSH is taken to be there for all."""
    known = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gist.github.com")
    if source.location.startswith(("http:", "https:")) or any(host in source.location for host in known):
        return []
    return [f"the remote `{printable(source.location)}` is taken to be public by HTTPS, too"]
