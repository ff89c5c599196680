"""F30: `postBuild` and `start` as files: Linux runs them by what their first bytes say."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from r2i.check.code.bashisms import bashism
from r2i.check.findings import Finding, Rule
from r2i.check.scripts import MARKED, READ_AS_UTF8, BinderScript, bytes_of, scripts, wide
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.edits.fixes import Edit, Fix

SHEBANG = "#!/bin/bash"

#: Beyond this, line ends are changed in one piece.
MOST_EDITS = 500


def _not_executable(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
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


def _without_shebang(subject: Subject, name: str) -> Iterator[BinderScript]:
    for script in subject.once(scripts):
        if script.path.endswith(name) and not script.text.startswith("#!"):
            yield script


def _with_shebang(script: BinderScript, line: int, message: str) -> Finding:
    first = Edit(file=script.path, start=0, end=0, text=f"{SHEBANG}\n".encode())
    return Finding(
        message=f"`{script.path}` {message}",
        file=script.path,
        line=line,
        hint=f"Begin it with `{SHEBANG}`, or with another interpreter",
        fix=Fix(title=f"Begin `{script.path}` with `{SHEBANG}`", edits=(first,)),
    )


def _post_build_without_shebang(subject: Subject) -> Iterator[Finding]:
    for script in _without_shebang(subject, "postBuild"):
        if found := bashism(script.raw, script.lines):
            line, words = found
            message = f"names no interpreter, so Binder runs it with `sh`, which does not know `{words}`"
            yield _with_shebang(script, line, message)


def _start_without_shebang(subject: Subject) -> Iterator[Finding]:
    for script in _without_shebang(subject, "start"):
        yield _with_shebang(script, 1, "names no interpreter, so Binder cannot run it, and no server starts")


def _windows_line_ends(subject: Subject) -> Iterator[Finding]:
    for script in subject.once(scripts):
        count = script.data.count(b"\r\n")
        if not count:
            continue
        whole = script.data.replace(b"\r\n", b"\n")
        edits: tuple[Edit, ...] = (Edit(file=script.path, start=0, end=len(script.data), text=whole),)
        if count <= MOST_EDITS:
            found = (match.start() for match in re.finditer(b"\r\n", script.data))
            edits = tuple(Edit(file=script.path, start=at, end=at + 1, text=b"") for at in found)
        yield Finding(
            message=f"`{script.path}` has Windows line ends: {_with_line_ends(script)}",
            file=script.path,
            line=1,
            hint=f"Save it with Unix line ends, and add `{script.path} text eol=lf` to `.gitattributes`",
            fix=Fix(title=f"Give `{script.path}` Unix line ends", edits=edits),
        )


def _with_line_ends(script: BinderScript) -> str:
    first = script.text.partition("\n")[0]
    if not first.startswith("#!"):
        return "the shell reads them as part of the last word of each line"
    fails = "no server starts" if script.path.endswith("start") else "the build fails"
    return f"Linux looks for `{first[2:].strip()}\\r`, which does not exist, so {fails}"


def _byte_order_mark(subject: Subject) -> Iterator[Finding]:
    own = subject.config("Dockerfile")
    for name in ("Dockerfile",) if own else READ_AS_UTF8:
        path = subject.config(name)
        data = (bytes_of(subject, path) if path else None) or b""
        if path and name in MARKED and data.startswith(codecs.BOM_UTF8):
            mark = Edit(file=path, start=0, end=len(codecs.BOM_UTF8), text=b"")
            yield Finding(
                message=f"`{path}` begins with a byte order mark, which Binder reads as part of the first word",
                file=path,
                line=1,
                hint="Save it as UTF-8 without a byte order mark",
                targets=BINDER_ONLY,
                fix=Fix(title=f"Remove the byte order mark from `{path}`", edits=(mark,)),
            )
        elif path and (encoding := wide(data)):
            yield Finding(
                message=f"`{path}` is {encoding} text, which Binder cannot read",
                file=path,
                line=1,
                hint="Save it as UTF-8",
                fix=_as_utf8(path, data, encoding),
            )


def _as_utf8(path: str, data: bytes, encoding: str) -> Fix | None:
    try:
        text = data.decode(encoding).encode()
    except UnicodeError:
        return None
    return Fix(title=f"Save `{path}` as UTF-8", edits=(Edit(file=path, start=0, end=len(data), text=text),))


RULES = (
    Rule(
        code="F301",
        name="script-not-executable",
        severity="info",
        why="Binder and r2i make it executable, but other people cannot run it.",
        find=_not_executable,
    ),
    Rule(
        code="F302",
        name="post-build-without-interpreter",
        severity="warning",
        why="Binder runs a script without `#!` with `sh`.",
        find=_post_build_without_shebang,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F303",
        name="start-without-interpreter",
        severity="error",
        why="Linux cannot run a script without `#!` as a program.",
        find=_start_without_shebang,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F304",
        name="windows-line-ends",
        severity="error",
        why="Linux reads the carriage return as part of the name of the interpreter and of the last word of each line.",
        find=_windows_line_ends,
        targets=BINDER_ONLY,
    ),
    Rule(
        code="F305",
        name="byte-order-mark",
        severity="error",
        why="Linux expects `#!` in the first two bytes, and Binder UTF-8 text that begins with a name.",
        find=_byte_order_mark,
        varying=True,
    ),
)
