"""The instructions of a Dockerfile by stage, and which of them an engine's `STEP 3/7` is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO

#: What BuildKit numbers beside the base image; all else is only configuration to it.
NUMBERED = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})

HEREDOC = re.compile(r"""\d*<<-?(['"]?)([A-Za-z_][\w.]*)\1""")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """`line` is where it begins, counted from 1; `value` has its continuation lines joined."""

    keyword: str
    value: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A `FROM` and what follows it. `base` is as written; `inherits` says that it is an earlier stage."""

    name: str
    base: str
    inherits: bool
    instructions: tuple[Instruction, ...]

    @property
    def numbered(self) -> tuple[Instruction, ...]:
        """The instructions that BuildKit numbers: a base that is no image has no step of its own."""
        own = tuple(i for i in self.instructions[1:] if i.keyword in NUMBERED)
        return own if self.inherits or self.base == "scratch" else (self.instructions[0], *own)


def stages(text: str) -> tuple[Stage, ...]:
    """Take a Dockerfile apart; what comes before the first `FROM` belongs to no stage."""
    from dockerfile_parse import DockerfileParser

    parser = DockerfileParser(fileobj=BytesIO())
    parser.content = _without_heredocs(text)
    groups: list[list[Instruction]] = []
    for row in parser.structure:
        keyword = row["instruction"].upper()
        if keyword == "FROM":
            groups.append([])
        if groups and keyword != "COMMENT":
            groups[-1].append(Instruction(keyword=keyword, value=row["value"], line=row["startline"] + 1))
    result: list[Stage] = []
    for group in groups:
        base, name = _from(group[0].value)
        inherits = base.lower() in {stage.name for stage in result if stage.name}
        result.append(Stage(name=name, base=base, inherits=inherits, instructions=tuple(group)))
    return tuple(result)


def arguments(text: str) -> dict[str, int]:
    """What the stages declare with `ARG`, and the line of each."""
    return {
        word.partition("=")[0]: instruction.line
        for stage in stages(text)
        for instruction in stage.instructions
        if instruction.keyword == "ARG"
        for word in instruction.value.split()
    }


def _from(value: str) -> tuple[str, str]:
    """The base and the name (lower case, as engines compare it) in the words after `FROM`."""
    words = [word for word in value.split() if not word.startswith("--")]
    named = len(words) == 3 and words[1].lower() == "as"
    return words[0] if words else "", words[2].lower() if named else ""


def _without_heredocs(text: str) -> str:
    """The lines of here-documents as comments: dockerfile-parse takes them for instructions."""
    result: list[str] = []
    words: list[str] = []
    pending: list[str] = []
    for line in text.splitlines():
        if pending:
            if line.strip() == pending[0]:
                pending.pop(0)
            result.append("#")
            continue
        result.append(line)
        if line.lstrip().startswith("#"):
            continue
        words += line.removesuffix("\\").split()
        if not line.rstrip().endswith("\\"):
            if words and words[0].upper() in NUMBERED:
                pending = [match[2] for word in words[1:] if (match := HEREDOC.fullmatch(word))]
            words = []
    return "\n".join(result) + "\n"
