"""A Dockerfile as engines read it: its instructions by stage, and which of them an engine's `STEP 3/7` is.

It follows BuildKit's own parser, so that what we allow is what is built
(https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/parser.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: What BuildKit numbers beside the base image; all else is only configuration to it.
NUMBERED = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})

#: What can have here-documents.
WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})

HEREDOC = re.compile(r"""\d*<<(-?)(['"]?)([A-Za-z_][\w.-]*)\2""")

#: Lines at the very top that are no comments: `# escape=`, `# syntax=`, `# check=`.
DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+)")

BLANKS = re.compile(r"[\t\v\f\r ]+")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """`line` is where it begins, counted from 1; `value` has its continuation lines joined."""

    keyword: str
    value: str
    line: int

    @property
    def trigger(self) -> Instruction | None:
        """What an `ONBUILD` holds for the images that build on this one."""
        return _instruction(self.value, self.line) if self.keyword == "ONBUILD" else None

    @property
    def flags(self) -> tuple[str, ...]:
        """The words that begin with `--` before all others, without the quotes and escapes in them."""
        return _flags(self.value)[0]

    @property
    def arguments(self) -> str:
        """What follows the flags."""
        return _flags(self.value)[1]

    def values_of(self, flag: str) -> tuple[str, ...]:
        return tuple(value.partition("=")[2] for value in self.flags if value.partition("=")[0] == flag)


@dataclass(frozen=True, kw_only=True)
class BuildStage:
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


def stages(text: str, *, legacy: bool = False) -> tuple[BuildStage, ...]:
    """Take a Dockerfile apart; what comes before the first `FROM` belongs to no stage."""
    groups: list[list[Instruction]] = []
    for instruction in instructions(text, legacy=legacy):
        if instruction.keyword == "FROM":
            groups.append([])
        if groups:
            groups[-1].append(instruction)
    result: list[BuildStage] = []
    names: set[str] = set()
    for group in groups:
        base, name = _from(group[0])
        inherits = base != "" and base.lower() in names
        result.append(BuildStage(name=name, base=base, inherits=inherits, instructions=tuple(group)))
        names.add(name)
    return tuple(result)


def instructions(text: str, *, legacy: bool = False) -> Iterator[Instruction]:
    """All instructions in their order.

    `legacy` is how Docker read them before BuildKit 0.10, and how Podman 4 does: without here-documents, and a comment
    between the lines of an instruction is one only where the line begins with its `#`.
    """
    rows = enumerate(text.removeprefix("\ufeff").split("\n"), start=1)
    escape = re.escape(_escape(text))
    continued = re.compile(rf"(^|[^{escape}]){escape}[ \t]*\Z")
    for number, row in rows:
        line = row.rstrip("\r").lstrip()
        if line.startswith("#") or not line:
            continue
        joined, more = _joined(line, continued)
        while more and (following := next(rows, None)) is not None:
            part = following[1].rstrip("\r")
            if (part if legacy else part.lstrip()).startswith("#") or not part.strip():
                continue
            part, more = _joined(part, continued)
            joined += part
        if joined:
            instruction = _instruction(joined, number)
            yield instruction
            for word in () if legacy else heredocs(instruction):
                _skip_heredoc(rows, word)


def heredocs(instruction: Instruction) -> list[re.Match[str]]:
    """The words that begin a here-document."""
    inner = instruction.trigger or instruction
    if inner.keyword not in WITH_HEREDOCS or "<<" not in inner.value or is_json(inner.arguments):
        return []
    return [match for word in shell_words(inner.value) if (match := HEREDOC.fullmatch(word))]


def shell_words(text: str) -> list[str]:
    """Words as a shell parts them, with their quotes and escapes left in."""
    return re.findall(r"""(?:\\.|'[^']*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)|[^\s'"\\]|\\\Z)+""", text, re.DOTALL)


def is_json(arguments: str) -> bool:
    """Whether it is a list in brackets, as engines recognise one."""
    import json

    try:
        words = json.loads(arguments)
    except (ValueError, RecursionError):
        return False
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def directives(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, name in lower case and value of the directives at the top."""
    for number, row in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = row.rstrip("\r")
        match = DIRECTIVE.fullmatch(line)
        if match is None:
            return
        yield number, match[1].lower(), match[2].strip()


def arguments(text: str) -> dict[str, int]:
    """What the stages declare with `ARG`, and the line of each."""
    return {
        re.sub(r"[\"'\\]", "", word).partition("=")[0]: instruction.line
        for stage in stages(text)
        for instruction in stage.instructions
        if instruction.keyword == "ARG"
        for word in instruction.value.split()
    }


def _escape(text: str) -> str:
    return next((value for _, name, value in directives(text) if name == "escape" and value == "`"), "\\")


def _joined(line: str, continued: re.Pattern[str]) -> tuple[str, bool]:
    """The line without the character that says that it goes on, and whether it does."""
    shorter, count = continued.subn(r"\1", line)
    return shorter, count > 0


def _instruction(text: str, line: int) -> Instruction:
    keyword, _, value = BLANKS.sub(" ", text.strip(), count=1).partition(" ")
    return Instruction(keyword=keyword.upper(), value=value.strip(), line=line)


def _skip_heredoc(rows: Iterator[tuple[int, str]], word: re.Match[str]) -> None:
    for _, row in rows:
        line = row.rstrip("\r")
        if (line.lstrip("\t") if word[1] else line) == word[3]:
            return


#: A word of flags: plain characters, escaped ones, and what stands in quotes.
FLAG = re.compile(
    r"""[ \t\n\v\f\r]*((?=--)(?:\\.|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s'"\\])+)""", re.DOTALL
)


def _flags(value: str) -> tuple[tuple[str, ...], str]:
    found: list[str] = []
    end = 0
    while match := FLAG.match(value, end):
        end = match.end()
        word = re.sub(r"""\\(.)|['"]""", lambda each: each[1] or "", match[1], flags=re.DOTALL)
        if word == "--":
            break
        found.append(word)
    return tuple(found), value[end:].strip()


def _from(instruction: Instruction) -> tuple[str, str]:
    """The base and the name (lower case, as engines compare it) in the words after `FROM`."""
    words = instruction.arguments.split()
    named = len(words) == 3 and words[1].lower() == "as"
    return words[0] if words else "", words[2].lower() if named else ""
