"""What a text may take of a parser's time and memory, looked at before it is parsed."""

from __future__ import annotations

import re

from r2i.errors import InvalidRepositoryError

#: More keys, values and tables than real files have, locks of 6 MB included: each takes hundreds of bytes once it is read.
MAX_TOML_VALUES = 250_000

#: To read a key of several parts takes the square of their number.
MAX_KEY_PARTS = 32

#: More than real Dockerfiles have: characters, and lines of one instruction, which are joined one by one.
MAX_DOCKERFILE = 500_000
MAX_CONTINUED = 5_000

#: Strings and comments of TOML, closed or not.
QUOTED = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^']++|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]++|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
LONG_KEY = re.compile(
    rf'(?<![A-Za-z0-9_"-])(?:[A-Za-z0-9_"-]++[ \t]*+\.[ \t]*+){{{MAX_KEY_PARTS}}}', re.ASCII
)


def check_toml(text: str, path: str, *, most: int) -> None:
    """Raise `InvalidRepositoryError` where the text or the values of a TOML file are too many, or a key has too many parts."""
    if len(text) > most:
        raise InvalidRepositoryError(
            f"`{path}` has {len(text):,} characters, too many for a project file",
            file=path,
            hint="Check that it is the right file",
        )
    plain = QUOTED.sub('""', text)
    if sum(map(plain.count, "=[{,.")) > MAX_TOML_VALUES:
        raise InvalidRepositoryError(
            f"`{path}` has more than {MAX_TOML_VALUES:,} values",
            file=path,
            hint="Check that it is the right file",
        )
    if LONG_KEY.search(plain):
        lines = QUOTED.sub(lambda match: '""' + "\n" * match[0].count("\n"), text)
        found = LONG_KEY.search(lines)
        raise InvalidRepositoryError(
            f"A key of `{path}` has more than {MAX_KEY_PARTS} parts",
            file=path,
            line=lines.count("\n", 0, found.start()) + 1 if found else None,
            hint="Correct the key",
        )


def check_dockerfile(text: str, path: str) -> None:
    """Raise `InvalidRepositoryError` where a Dockerfile, or an instruction of it, is longer than anybody reads."""
    if len(text) > MAX_DOCKERFILE:
        raise InvalidRepositoryError(
            f"`{path}` has {len(text):,} characters, too many for a Dockerfile",
            file=path,
            hint="Move programs and data to separate files, and copy them",
        )
    continued = 0
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if bare.endswith(("\\", "`")):
            continued += 1
        elif bare and not bare.startswith("#"):
            continued = 0
        if continued > MAX_CONTINUED:
            raise InvalidRepositoryError(
                f"An instruction of `{path}` has more than {MAX_CONTINUED:,} lines",
                file=path,
                line=number,
                hint="Move the commands to a script, and copy it",
            )
