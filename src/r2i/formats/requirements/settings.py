"""What options in requirements files say about the whole installation, in the words of uv."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError
from r2i.formats.requirements.lines import Line, quoted
from r2i.formats.requirements.local import locate
from r2i.formats.requirements.specifiers import NAME, normalised
from r2i.formats.requirements.urls import ARCHIVES, archive_name, has_credentials
from r2i.model import Notice

HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?", re.ASCII)


@dataclass
class Settings:
    """As in pip, they hold for everything, wherever they stand; what comes later wins.

    Indexes become lines of the first file and no arguments, because they may hold passwords.
    """

    index_url: str | None = None
    extra_index_urls: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    local_links: list[str] = field(default_factory=list)
    no_index: bool = False
    binary: dict[str, list[str]] = field(default_factory=lambda: {"no-binary": [], "only-binary": []})
    words: list[str] = field(default_factory=list)

    def add(self, name: str, value: str, line: Line, checkout: Checkout) -> list[Notice]:
        match name:
            case "index-url":
                self.index_url = _index(value, line)
                return _about_credentials(value, line)
            case "extra-index-url":
                _append(self.extra_index_urls, _index(value, line))
                return _about_credentials(value, line)
            case "find-links":
                return self._add_links(value, line, checkout)
            case "no-index":
                self.no_index = True
                return [
                    line.warning(
                        "`--no-index` applies only to packages in the repository: the Jupyter kernel needs an index"
                    )
                ]
            case "no-binary" | "only-binary":
                self._add_binary(name, value, line)
            case "pre":
                self.add_argument("--prerelease=allow")
            case _:
                self.add_argument(f"--allow-insecure-host={_host(value, line)}")
        return []

    def add_argument(self, word: str) -> None:
        _append(self.words, word)

    def lines(self) -> tuple[str, ...]:
        """The head of the first file."""
        return (
            *([f"--index-url {self.index_url}"] if self.index_url else []),
            *(f"--extra-index-url {url}" for url in self.extra_index_urls),
            *(f"--find-links {url}" for url in self.find_links),
            *(f"--{option} {name}" for option, names in self.binary.items() for name in names),
        )

    def arguments(self) -> tuple[str, ...]:
        """Arguments of `uv pip install`; each is one word, so that no value can be taken for an option."""
        # pip takes the best version of all indexes, uv by default that of the first which has the name.
        strategy = ["--index-strategy=unsafe-best-match"] if self.extra_index_urls else []
        return (*strategy, *self.words)

    def names_in_local_links(self, checkout: Checkout) -> set[str]:
        """The distributions whose archives lie in directories that `--find-links` names."""
        found = set()
        for suffix in ARCHIVES:
            for path in checkout.glob(suffix):
                name = archive_name(path)
                if name and (posixpath.dirname(path) or ".") in self.local_links:
                    found.add(normalised(name))
        return found

    def _add_links(self, value: str, line: Line, checkout: Checkout) -> list[Notice]:
        if re.match(r"https?://", value):
            _append(self.find_links, _index(value, line))
            return _about_credentials(value, line)
        try:
            path, notices = locate(value, checkout, line)
        except InvalidRepositoryError as error:
            # pip warns and goes on, and often everything is found elsewhere.
            return [line.warning(f"`--find-links` is ignored: {error.message}")]
        _append(self.local_links, path)
        return [*notices]

    def _add_binary(self, option: str, value: str, line: Line) -> None:
        """`:none:` empties a list, `:all:` replaces both, and a name stands in the list that named it last."""
        mine = self.binary[option]
        other = self.binary["only-binary" if option == "no-binary" else "no-binary"]
        for word in filter(None, value.split(",")):
            if word == ":none:":
                mine.clear()
            elif word == ":all:":
                other.clear()
                mine[:] = [word]
            elif re.fullmatch(NAME, word, re.ASCII):
                name = normalised(word)
                other[:] = [kept for kept in other if kept != name]
                _append(mine, name)
            else:
                raise line.error(
                    f"{quoted(word)} is not a package name", hint=f"Write `--{option} name1,name2` or `:all:`"
                )


def _append(words: list[str], word: str) -> None:
    if word not in words:
        words.append(word)


def _index(url: str, line: Line) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not (valid and url.isascii() and url.isprintable()) or set(url) & set("\"'`<>\\ "):
        raise line.error(f"{quoted(url)} is not the URL of a package index", hint="Write an `https://` URL")
    return url


def _host(value: str, line: Line) -> str:
    host = re.sub(r"^https?://", "", value).rstrip("/")
    if not HOST.fullmatch(host):
        raise line.error(
            f"{quoted(value)} is not a host name", hint="Write `--trusted-host host` or `host:port`"
        )
    return host


def _about_credentials(url: str, line: Line) -> list[Notice]:
    if not has_credentials(url):
        return []
    return [
        line.warning(
            f"{quoted(url)} contains a password that everybody can read; the build uses it but the image does not contain it"
        )
    ]
