"""What variables stand for in an own Dockerfile, as far as its text tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from r2i.formats.dockerfile import (
    Instruction,
    instructions,
)

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?-)([^${}]*))?\})", re.ASCII)

#: A variable with its value in simple quotes or none; what is written otherwise is not read alike everywhere.
PAIR = re.compile(r"""(\w+)=(?:"([^"\\`]*)"|'([^'\\`]*)'|([^\s"'\\`]*))(?:\s+|\Z)""", re.ASCII)

#: None where nothing is known of any.
DockerfileVariables: TypeAlias = "dict[str, str] | None"


def plainly(text: str) -> str:
    """Without quotes and escapes: what is refused like this is refused with them."""
    return re.sub(r"[\"'\\`]", "", text)


def declared_arguments(text: str, build_args: Mapping[str, str], *, legacy: bool) -> DockerfileVariables:
    """What the `ARG`s before the first `FROM` say; None where one of them cannot be read."""
    found: dict[str, str] = {}
    for instruction in instructions(text, legacy=legacy):
        if instruction.keyword == "FROM":
            break
        if instruction.keyword != "ARG":
            continue
        if re.fullmatch(r"[\w ]+", instruction.value, re.ASCII) and not found.keys() & set(
            instruction.value.split()
        ):
            names = instruction.value.split()
        elif assigned(instruction.value, found) is not None:
            names = [match[1] for match in PAIR.finditer(instruction.value)]
        else:
            return None
        found |= {name: build_args[name] for name in names if name in build_args}
    return found


def assigned(value: str, variables: dict[str, str]) -> DockerfileVariables:
    """The variables, with those of an `ENV` or `ARG` added; None where it is not plainly written."""
    added: dict[str, str] = {}
    end = 0
    while end < len(value):
        match = PAIR.match(value, end)
        if match is None or not match[0].isascii():
            return None
        added[match[1]] = expanded(match[2] or match[3] or match[4] or "", variables)
        end = match.end()
    variables.update(added)
    return variables


def base_image(word: str, variables: DockerfileVariables) -> str | None:
    """A word of `FROM`, None where it cannot be told."""
    if word[:1] == word[-1:] and word[:1] in {'"', "'"}:
        word = word[1:-1]
    value = word if variables is None else expanded(word, variables)
    return None if "$" in value else value


def expanded(word: str, variables: Mapping[str, str], *, complete: bool = True) -> str:
    """With the values of simple variables; a `$` is left where nothing says what it stands for.

    Without `complete`, there may be other variables, so that none is known to be unset.
    """

    def value(match: re.Match[str]) -> str:
        name, operator, default = match[1] or match[2], match[3], match[4]
        known = variables.get(name)
        if operator and (known is None if operator == "-" else not known):
            return str(default) if complete or known is not None else match[0]
        return match[0] if known is None else known

    return VARIABLE.sub(value, word)[:4096]


def platform_of(instruction: Instruction, variables: Mapping[str, str]) -> str:
    """What a `FROM` says of it; the engine's variables are those of the machine, since nobody asks for another one."""
    word = next(iter(instruction.values_of("--platform")), "")
    value = expanded(word, variables)
    return "" if re.fullmatch(r"\$\{?(?:BUILD|TARGET)PLATFORM\}?", value) else value
