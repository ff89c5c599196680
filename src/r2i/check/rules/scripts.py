"""F30: `postBuild` and `start` as files: Linux runs them by what their first bytes say."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from r2i.check.findings import Edit, Finding, Fix, Rule
from r2i.check.scripts import NAMES, Script, bytes_of, scripts
from r2i.check.subject import Subject

SHEBANG = "#!/bin/bash"

#: Where a byte order mark is a part of the first word.
MARKED = (*NAMES, "apt.txt", "runtime.txt")

#: Beyond this, line ends are changed in one piece.
MOST_EDITS = 500


def _not_executable(subject: Subject) -> Iterator[Finding]:
    for script in scripts(subject):
        path = script.path
        mode = subject.git.modes.get(path) if subject.git else None
        if not subject.checkout.is_executable(path):
            yield Finding(
                message=f"`{path}` is not executable",
                file=path,
                hint=f"Run `chmod +x {path}`" + (f" and `git add --chmod=+x {path}`" if mode else ""),
                fix=Fix(title=f"Make `{path}` executable", executable=(path,)),
            )
        elif mode == "100644":
            yield Finding(
                message=f"`{path}` is executable here, but not in git",
                file=path,
                hint=f"Run `git add --chmod=+x {path}`",
            )


def _without_shebang(subject: Subject, name: str, message: str) -> Iterator[Finding]:
    for script in scripts(subject):
        if script.path.endswith(name) and not script.text.startswith("#!"):
            first = Edit(file=script.path, start=0, end=0, text=f"{SHEBANG}\n".encode())
            yield Finding(
                message=f"`{script.path}` {message}",
                file=script.path,
                line=1,
                hint=f"Begin it with `{SHEBANG}`, or the interpreter that it is for",
                fix=Fix(title=f"Begin `{script.path}` with `{SHEBANG}`", edits=(first,)),
            )


def _post_build_without_shebang(subject: Subject) -> Iterator[Finding]:
    return _without_shebang(
        subject, "postBuild", "names no interpreter: Binder runs it by `sh`, not by `bash`"
    )


def _start_without_shebang(subject: Subject) -> Iterator[Finding]:
    return _without_shebang(
        subject, "start", "names no interpreter: Binder cannot run it, and nothing starts"
    )


def _windows_line_ends(subject: Subject) -> Iterator[Finding]:
    for script in scripts(subject):
        found = [match.start() for match in re.finditer(b"\r\n", script.data)]
        if not found:
            continue
        edits = tuple(Edit(file=script.path, start=at, end=at + 1, text=b"") for at in found)
        if len(edits) > MOST_EDITS:
            whole = script.data.replace(b"\r\n", b"\n")
            edits = (Edit(file=script.path, start=0, end=len(script.data), text=whole),)
        yield Finding(
            message=f"`{script.path}` has Windows line ends: {_with_line_ends(script)}",
            file=script.path,
            line=1,
            hint=f"Save it with Unix line ends, and add `{script.path} text eol=lf` to `.gitattributes`",
            fix=Fix(title=f"Give `{script.path}` Unix line ends", edits=edits),
        )


def _with_line_ends(script: Script) -> str:
    first = script.text.partition("\n")[0]
    if not first.startswith("#!"):
        return "the shell takes them for a part of every last word"
    return f"Linux looks for `{first[2:].strip()}\\r`"


def _byte_order_mark(subject: Subject) -> Iterator[Finding]:
    for name in () if subject.config("Dockerfile") else MARKED:
        path = subject.config(name)
        if path and (bytes_of(subject, path) or b"").startswith(codecs.BOM_UTF8):
            mark = Edit(file=path, start=0, end=len(codecs.BOM_UTF8), text=b"")
            yield Finding(
                message=f"`{path}` begins with a byte order mark, which Binder takes for a part of the first word",
                file=path,
                line=1,
                hint="Save it as UTF-8 without the mark",
                fix=Fix(title=f"Take the byte order mark from `{path}`", edits=(mark,)),
            )


RULES = (
    Rule(
        code="F301",
        name="script-not-executable",
        severity="info",
        why="Binder and r2i make it executable; nobody else who runs it does.",
        find=_not_executable,
    ),
    Rule(
        code="F302",
        name="post-build-without-interpreter",
        severity="warning",
        why="A script without `#!` is run by whatever shell there is, on Binder by `sh`.",
        find=_post_build_without_shebang,
    ),
    Rule(
        code="F303",
        name="start-without-interpreter",
        severity="error",
        why="The program that Binder starts must be one that Linux can run.",
        find=_start_without_shebang,
    ),
    Rule(
        code="F304",
        name="windows-line-ends",
        severity="error",
        why="To Linux, the carriage return is a part of the interpreter's name and of every last word.",
        find=_windows_line_ends,
    ),
    Rule(
        code="F305",
        name="byte-order-mark",
        severity="error",
        why="Linux looks for `#!` in the first two bytes, and Binder for a name in the first word.",
        find=_byte_order_mark,
    ),
)
