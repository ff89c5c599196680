"""Where the apt of a machine takes a release from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from r2i.errors import EngineError


def find_mirror(root: Path, codename: str) -> tuple[str, str]:
    """The address that the machine's apt takes a release from, and the keyring that it trusts it by."""
    directory = root / "etc/apt"
    files = [*sorted((directory / "sources.list.d").glob("*.sources")), directory / "sources.list"]
    for path in (*files, *sorted((directory / "sources.list.d").glob("*.list"))):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for uri, suites, keyring in _stanzas(text) if path.suffix == ".sources" else _lines(text):
            if codename in suites:
                return uri, keyring
    raise EngineError(
        f"No apt source of this machine names `{codename}`",
        hint="Correct `/etc/apt/sources.list.d`, then run `r2i setup` again",
    )


def _stanzas(text: str) -> Iterator[tuple[str, list[str], str]]:
    """The sources of a file in deb822 format."""
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            name.lower(): " ".join(value.split())
            for name, value in re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            keyring = fields.get("signed-by", "")
            uris = fields.get("uris", "").split()
            if uris:
                # A key may be written into the file itself: then apt's own keyrings have to do.
                yield uris[0], fields.get("suites", "").split(), keyring if keyring.startswith("/") else ""


def _lines(text: str) -> Iterator[tuple[str, list[str], str]]:
    """The sources of a file in the one-line format."""
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line.strip())
        if found:
            keyring = re.search(r"signed-by=(/\S+)", found[1] or "")
            yield found[2], [found[3]], keyring[1] if keyring else ""
