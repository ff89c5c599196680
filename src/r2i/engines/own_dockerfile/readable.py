"""Whether every engine reads a repository's own Dockerfile in the same way: where that is in doubt, it is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.engines.own_dockerfile.refusals import RefusedError
from r2i.formats.dockerfile import (
    HEREDOC,
    WITH_HEREDOCS,
    Instruction,
    directives,
    instructions,
    is_json,
    shell_words,
)

#: Docker's own frontends, by the names under which its registry has them.
FRONTEND = re.compile(
    r"(?:(?:index\.)?docker\.io/)?docker/dockerfile(?:-upstream)?(?P<tag>:[\w.-]+)?(?P<digest>@sha256:[0-9a-f]{64})?"
)

#: Those that read a Dockerfile as Docker's built-in frontend does, here-documents included.
CURRENT = re.compile(r":(?:latest|labs|master|1(?:-labs)?|1\.(?:[4-9]|\d\d+)(?:\.\d+)?(?:-labs)?)|")

ANY_DIRECTIVE = re.compile(r"\s*(?:#|//)\s*(?P<name>syntax|escape)\s*=\s*(?P<value>.*)", re.IGNORECASE)

#: What ends a line or parts words for some programs and not for others.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")

KEYWORDS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)

MOST_CHARACTERS = 250_000


def check_directives(text: str) -> bool:
    """Whether all readers of this file read it in the same way; more lines count here than for any frontend."""
    if len(text) > MOST_CHARACTERS:
        size = f"{MOST_CHARACTERS // 1000} kB"
        raise RefusedError(1, f"The `Dockerfile` has more than {size}", "Move what it writes to files")
    known = {line: value for line, name, value in directives(text) if name == "escape"}
    current = True
    for number, row in _lines(text):
        line = row.strip()
        if number == 1 and line.startswith(("{", "#!")):
            raise RefusedError(
                number, "The first line of the `Dockerfile` is invalid", "Begin it with a comment or `FROM`"
            )
        if line and not line.startswith(("#", "//")):
            break
        match = ANY_DIRECTIVE.fullmatch(line)
        if match is None:
            continue
        name, value = match["name"].lower(), match["value"]
        if name == "escape" and known.get(number) not in {"`", "\\"}:
            raise RefusedError(
                number, f"`{line}` is interpreted differently by different engines", "Delete this line"
            )
        if name == "syntax":
            current = _check_frontend(number, value) and current
    return current


def _check_frontend(number: int, value: str) -> bool:
    """Whether it reads as the built-in one."""
    frontend = FRONTEND.fullmatch(value)
    if frontend is None:
        raise RefusedError(
            number,
            f"`# syntax={value}` names another build program for Docker to run",
            "Delete this line, or use `docker/dockerfile:1`",
        )
    return frontend["digest"] is None and CURRENT.fullmatch(frontend["tag"] or "") is not None


def check_readable(text: str) -> None:
    """Refuse what versions of engines have read in different ways."""
    escape = next((value for _, name, value in directives(text) if name == "escape"), "\\")
    for number, row in _lines(text):
        if found := CONTROL.search(row):
            raise RefusedError(number, f"There is a control character ({found[0]!r})", "Delete it")
        if row.rstrip(" \t").endswith(escape * 2):
            raise RefusedError(
                number,
                f"`{escape * 2}` at the end of a line is interpreted differently by different engines",
                "End the line differently",
            )
    for instruction in instructions(text):
        inner = instruction.trigger or instruction
        if not {instruction.keyword, inner.keyword} <= KEYWORDS:
            raise RefusedError(instruction.line, f"`{inner.keyword}` is not an instruction", "Correct it")
        if any(not flag.isascii() for flag in inner.flags) or inner.arguments.startswith("--"):
            raise RefusedError(
                instruction.line, "The options of this instruction cannot be read", "Write them plainly"
            )
        if inner.keyword in WITH_HEREDOCS and "<<" in inner.value and not is_json(inner.arguments):
            _check_heredocs(inner)


def _check_heredocs(instruction: Instruction) -> None:
    """Whether the words that begin a here-document are the same, however quotes are understood."""
    plain = [word for word in instruction.value.split() if HEREDOC.fullmatch(word)]
    read = [word for word in shell_words(instruction.value) if re.fullmatch(r"\d*<<-?[^<]+", word)]
    if plain != read:
        raise RefusedError(
            instruction.line,
            "The here-document of this instruction is ambiguous",
            "Write it like `RUN <<EOF`",
        )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """As engines count them."""
    return enumerate((row.removesuffix("\r") for row in text.removeprefix("\ufeff").split("\n")), start=1)
