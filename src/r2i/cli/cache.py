"""`r2i cache`: what is kept between builds, and how to remove it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from r2i.cli.common import counted, size
from r2i.cli.themes import Command
from r2i.quoting import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from r2i.sources.web.kept import DownloadCache, KeptFile

#: More files than anybody reads; `--json` has all of them.
MOST_LINES = 50


@click.command(cls=Command, epilog="r2i cache\nr2i cache --clear")
@click.option("--clear", is_flag=True, help="Remove everything.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def cache(*, clear: bool, as_json: bool) -> int:
    """List what r2i keeps between builds, or remove it.

    Files of published records and archives are kept by their checksum, so that the next build does not download them. If they exceed
    the limit of `R2I_CACHE_LIMIT` (10g unless it is set), r2i removes the files that were used longest ago. Podman keeps what build steps
    download and compile in a directory of r2i. Docker keeps it itself: `docker builder prune` removes it.
    """
    from r2i.engines import podman_caches
    from r2i.sources.web.kept import download_cache

    downloads = download_cache(os.environ)
    steps = podman_caches.size(os.environ)
    freed = downloads.shrink(limit=0) if clear else None
    if clear:
        podman_caches.remove(os.environ)
    entries = downloads.entries()
    if as_json:
        import json

        click.echo(json.dumps(_document(downloads, entries, freed, steps=steps), indent=2))
        return 0
    if freed is None:
        lines = _lines(downloads, entries)
        lines += [f"Build steps of Podman: {size(steps)} in `{podman_caches.place()}`"] if steps else []
    else:
        lines = [f"Removed {size(freed)} from `{downloads.directory}`"]
        lines += [f"Removed {size(steps)} from `{podman_caches.place()}`"] if steps else []
    for line in lines:
        click.echo(line)
    return 0


def _lines(downloads: DownloadCache, entries: Sequence[KeptFile]) -> list[str]:
    total = sum(entry.size for entry in entries)
    head = f"{counted(len(entries), 'file')}, {size(total)} of at most {size(downloads.limit)}, in `{downloads.directory}`"
    recent = list(reversed(entries))[:MOST_LINES]
    widest = max((len(entry.host) for entry in recent), default=0)
    rows = [
        f"{size(entry.size):>11}  {_day(entry)}  {printable(entry.host):<{widest}}  {printable(entry.name)}"
        for entry in recent
    ]
    more = len(entries) - len(recent)
    return [head, *rows, *([f"{more} more: `r2i cache --json` lists them all"] if more else [])]


def _document(
    downloads: DownloadCache, entries: Sequence[KeptFile], freed: int | None, *, steps: int
) -> dict[str, object]:
    from r2i.engines import podman_caches

    return {
        "version": 1,
        "directory": str(downloads.directory),
        "limit": downloads.limit,
        "size": sum(entry.size for entry in entries),
        "removed": freed or 0,
        "files": [
            {
                "name": entry.name,
                "host": entry.host,
                "checksum": entry.checksum,
                "size": entry.size,
                "used": datetime.fromtimestamp(entry.used, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for entry in reversed(entries)
        ],
        "podman": {
            "directory": str(podman_caches.place()),
            "size": 0 if freed is not None else steps,
            "removed": steps if freed is not None else 0,
        },
    }


def _day(entry: KeptFile) -> str:
    return datetime.fromtimestamp(entry.used, UTC).strftime("%Y-%m-%d")
