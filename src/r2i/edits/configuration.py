"""Edits of `apt.txt` and `runtime.txt`, the same wherever a change of them is proposed."""

from __future__ import annotations

from collections.abc import Iterable

from r2i.checkout import Checkout
from r2i.edits.applying import first_line, line_added, line_edit
from r2i.edits.fixes import Fix
from r2i.errors import R2iError


def debian_packages(checkout: Checkout, path: str, packages: Iterable[str]) -> Fix | None:
    """Each package on a line at the end of the `apt.txt` at this path; None where all are listed."""
    try:
        text = checkout.read(path) if checkout.has(path) else ""
    except R2iError:
        return None
    there = {word for line in text.splitlines() for word in line.partition("#")[0].split()}
    wanted = [package for package in dict.fromkeys(packages) if package not in there]
    if not wanted:
        return None
    spoken = " and ".join(f"`{package}`" for package in wanted)
    edits = [edit for package in wanted for edit in line_added(checkout, path, package)]
    return Fix(title=f"Write {spoken} into `{path}`", edits=tuple(dict.fromkeys(edits)))


def python_version(checkout: Checkout, path: str, version: str) -> Fix | None:
    """The version in the `runtime.txt` at this path, in place of the one that it names.

    None where it names another language: Binder reads only one version, and no second one is put beside it.
    """
    try:
        lines = checkout.read(path).splitlines() if checkout.has(path) else []
    except R2iError:
        return None
    line = f"python-{version}"
    title = f"Write `{line}` into `{path}`"
    for number, text in enumerate(lines, 1):
        if text.strip().lower().startswith("python-"):
            return Fix(title=title, edits=(line_edit(checkout, path, number, line),))
    if any(text.strip() for text in lines):
        return None
    return Fix(title=title, edits=(first_line(checkout, path, line),))
