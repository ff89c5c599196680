"""Evidence for RStudio and Shiny: links that open them, programs that install their proxies, and apps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Evidence

#: How a link opens another interface than Jupyter, as in badges: `?urlpath=rstudio`.
LINK = re.compile(r"[?&]urlpath=(?:%2F|/)?(?P<name>rstudio|shiny)\b", re.IGNORECASE)
READMES = ("README.md", "README.rst", "README")

#: What `postBuild` installs to have them, and the names of these on conda channels.
PROXY = re.compile(r"\b(?P<proxy>jupyter-(?P<name>rsession|shiny)-proxy|nbrsessionproxy)\b")
PROXIES = {"jupyter-rsession-proxy": "rstudio", "nbrsessionproxy": "rstudio", "jupyter-shiny-proxy": "shiny"}

#: What makes a directory a Shiny app, where it loads Shiny, or has the other half of it.
APP = re.compile(rb"\b(?:shinyApp\s*\(|(?:library|require)\s*\(\s*[\"']?shiny\b|shiny::)")
APPS = ("app.R", "app.r", "server.R", "server.r")


def find_interfaces(checkout: Checkout, conda: frozenset[str]) -> dict[str, Evidence]:
    """`rstudio` and `shiny`, each with the first evidence for it; `conda` are the names of conda packages."""
    found: dict[str, Evidence] = {}
    for name, evidence in _evidence(checkout, conda):
        found.setdefault(name, evidence)
    return found


def _evidence(checkout: Checkout, conda: frozenset[str]) -> Iterator[tuple[str, Evidence]]:
    for path in filter(checkout.has, READMES):
        for link, line in _matches(checkout, path, LINK):
            name = link["name"].lower()
            yield name, Evidence(why=f"a link opens `{name}`", file=path, line=line)
    if script := checkout.config("postBuild"):
        for proxy, line in _matches(checkout, script, PROXY):
            why = f"it mentions `{proxy['proxy']}`"
            yield PROXIES[proxy["proxy"]], Evidence(why=why, file=script, line=line)
    for package in sorted(conda & PROXIES.keys()):
        yield PROXIES[package], Evidence(why=f"`{package}` is a conda package of the environment")
    for path in _apps(checkout):
        yield "shiny", Evidence(why="it is a Shiny app", file=path)


def _matches(checkout: Checkout, path: str, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], int]]:
    with suppress(R2iError):  # whatever is wrong with it is no concern of an interface
        text = checkout.read(path)
        for found in pattern.finditer(text):
            yield found, text.count("\n", 0, found.start()) + 1


def _apps(checkout: Checkout) -> Iterator[str]:
    """Those in the root and in the directories there."""
    top = [name for name in checkout.entries("") if name[0] != "."]
    for directory in ("", *(name for name in top if checkout.is_dir(name))):
        for name in APPS:
            path = f"{directory}/{name}" if directory else name
            if not checkout.has(path):
                continue
            with suppress(R2iError):
                if name.startswith("server") or APP.search(checkout.read_bytes(path)):
                    yield path
