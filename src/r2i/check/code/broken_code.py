"""Cells that are not Python 3: what their authors wrote instead, and what of them can be read as Python.

Only what is surely something else is named: a newer Python may know more than ours, and exercises have gaps.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

#: What a cell is that is not Python: `other` is nothing that we know.
Kind: TypeAlias = Literal["python2", "shell", "text", "other"]

#: Cells larger than this are data, in characters, and a print statement is not read for more lines.
LARGEST, MOST_LINES = 20_000, 20
#: How many ends of a statement are tried.
MOST_ENDS = 10

PRINT = re.compile(
    r"(?P<before>[ \t]*(?:[^#'\"\n]*?[:;][ \t]*)?)(?P<name>print|exec)\b[ \t]*(?![ \t(=.,:\])}>\n])(?P<rest>.*)",
    re.DOTALL,
)
#: `print("a"), x` is a tuple, and `print ("%s") % x` fails when it runs; neither is a matter of syntax.
IN_ANOTHER = re.compile(r"(.+?)[ \t]+in[ \t]+(.+)")

#: What else Python 2 wrote in another way, and how Python 3 does. In a string it does no harm: nobody runs it.
REPLACED = (
    (re.compile(r"(?m)^([ \t]*except\b[ \t]*[^:\n]{1,200}?),[ \t]*(\w+)[ \t]*:"), r"\1 as \2:"),
    (re.compile(r"(?m)^([ \t]*raise[ \t]+[\w.]+)[ \t]*,[ \t]*(.+)$"), r"\1(\2)"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"`([^`\n]{1,200})`"), r"repr(\1)"),
    (re.compile(r"(?<![\w.\"'])0([0-7]+)(?![\w.\"'])"), r"0o\1"),
    (re.compile(r"\b(\d+)[lL]\b"), r"\1"),
    (re.compile(r"\b[uU][rR](?=[\"'])"), "r"),
)

#: Commands of a shell with something that no sentence has: an option, a path, or what only they take.
PROGRAMS = (
    r"apt|apt-get|aptitude|bash|brew|cat|cd|chmod|conda|cp|curl|docker|echo|git|head|jupyter|ls|mamba|mkdir|mv|node|npm"
    r"|pip[\d.]*|pipenv|poetry|pwd|python[\d.]*|Rscript|rm|sh|source|sudo|tail|tar|unzip|uv|virtualenv|wget|which"
)
VERBS = (
    "activate|add|branch|checkout|clone|commit|config|create|env|init|install|lab|labextension|list|log|nbconvert|nbextension"
    "|notebook|pip|pull|push|run|serverextension|show|start|status|uninstall|update|upgrade"
)
SHELL = re.compile(
    rf"(?:sudo[ \t]+(?:-\w+[ \t]+)?)?(?:{PROGRAMS})(?:[ \t]+(?:{VERBS})(?![\w,.:;])(?![ \t]+(?:a|an|the|your|it|this|that|to|and|or)\b)"
    r"|[ \t]+(?:[^\n'\"]*[ \t])?(?:-{1,2}[A-Za-z][\w-]*(?:[= \t]|$)|[\w.~:-]*/\S*(?:[ \t]|$)|\.\.?(?:[ \t]|$)|[\w-]+\.\w{1,5}$))[^\n]*"
)

#: Lines of prose: words of a sentence one after the other, or the start of Markdown and HTML.
WORD = r"[^\W\d_][^\W\d_]*(?:['’-][^\W\d_]+)*"
SENTENCE = re.compile(rf"(?:[-*>][ \t]+|\d+[.)][ \t]+)?(?:{WORD}[,;:]?[ \t]+){{4,}}{WORD}.*")
OF_A_SENTENCE = re.compile(
    r"(?i)\b(?:the|a|an|of|to|is|are|we|you|this|that|these|which|with|das|der|die|und|le|la|les|des|est|el|los|una|que|es)\b"
)
#: What is a subtraction or a division for Python where a command stands alone on a line: `ls -la`, `cd /tmp`.
SUBTRACTED = re.compile(
    r"(?m)^(?P<program>cat|cd|df|du|free|git|head|ls|mkdir|ps|python[\d.]*|pwd|rm|tail|tree|uname|which)[ \t]+"
    r"(?:-[A-Za-z]{1,4}|/[a-z]\w*(?:/\w+)*)[ \t]*$"
)

MARKUP = re.compile(
    r"</?(?:a|b|br|center|div|font|h[1-6]|hr|i|img|li|p|span|table|td|tr|ul)\b[^\n]*>[^\n]*|\$\$[^\n]*"
)

#: What stands where something has to be filled in.
GAP = re.compile(r"(?i)\b(?:todo|your|here|fill|replace|insert|answer|solution|exercise)\b|\.\.\.|…|__|\?\?")

#: Top-level imports, with what a bracket goes on in.
IMPORT = re.compile(
    r"(?m)^(?:import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import[ \t(*])(?:[^\n(]*\([^)]{0,2000}\))?[^\n]*"
)


#: What stands in code that may be known to be something else: to look for it is many times as fast as to parse.
WORDS_OF_PYTHON_2 = ("print ", "exec ", "except ", "raise ")
MAY_BE_PYTHON_2 = re.compile(
    r"(?m)^[ \t]*(?:print|exec)[ \t]+[^\s=(.,:\]})]|[:;][ \t]*(?:print|exec)[ \t]+[\w\"']|^[ \t]*except\b[^:\n]*,|^[ \t]*raise[ \t]+[\w.]+[ \t]*,"
)
MAY_BE_OTHER = re.compile(
    rf"(?:sudo[ \t]+)?(?:{PROGRAMS})[ \t]+[^\s=(.,:]|</?[a-z]|\$\$"
    r"|(?!(?:from|import|for|if|while|with|return|assert|class|def|del|not|lambda|async|await)\b)"
    r"(?:[-*>][ \t]+|\d+[.)][ \t]+)?(?:[^\W\d_][\w'’,;-]*[ \t]+){4}[^\W\d_]"
)
#: How no line begins that is for a shell, or a sentence.
OF_CODE = frozenset(" \t#@()[]{}\"'%!")


@dataclass(frozen=True, kw_only=True)
class BrokenCode:
    """`line` is the first that is not Python, counted from 1, and `python` what can be read, with as many lines."""

    kind: Kind
    line: int
    python: str


def broken_code(source: str) -> BrokenCode:
    """What code is that is not Python 3."""
    found = None
    if len(source) <= LARGEST:
        found = _of_python_2(source) or _of_a_shell(source) or _of_text(source)
    return found or BrokenCode(kind="other", line=1, python=_imports(source))


def may_be_known(source: str) -> bool:
    """Whether code may be something else than Python 3 that we know."""
    if "<>" in source or "`" in source or ("\n\t" in source and "\n " in source):
        return True
    if any(word in source for word in WORDS_OF_PYTHON_2) and MAY_BE_PYTHON_2.search(source):
        return True
    lines = (line for line in source.split("\n") if line and line[0] not in OF_CODE)
    return any(map(MAY_BE_OTHER.match, lines))


def command_lines(source: str) -> list[tuple[int, str]]:
    """Lines of Python that their author meant for a shell, counted from 1, and the names that they begin with."""
    found = SUBTRACTED.finditer(source) if " -" in source or " /" in source else ()
    return [(source.count("\n", 0, match.start()) + 1, match["program"]) for match in found]


def _parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _of_python_2(source: str) -> BrokenCode | None:
    """Code that becomes Python 3 where what only Python 2 had is written anew."""
    before = source.split("\n")
    text, tried = "\n".join(_without_statements(before)), source
    for pattern, new in ((None, ""), *REPLACED):
        text = pattern.sub(new, text) if pattern else text
        if text == tried:
            continue
        tried = text
        if _parses(text):
            changed = zip(before, text.split("\n"), strict=False)
            line = next((n for n, (old, new) in enumerate(changed, 1) if old != new), 1)
            return BrokenCode(kind="python2", line=line, python=text)
    tabs = source.expandtabs(8)
    if "\t" in source and _parses(tabs):
        line = next(n for n, one in enumerate(before, 1) if "\t" in one)
        return BrokenCode(kind="python2", line=line, python=tabs)
    return None


def _without_statements(lines: list[str]) -> Iterator[str]:
    """The lines with calls in the place of `print` and `exec`."""
    at = 0
    while at < len(lines):
        match = PRINT.fullmatch(lines[at])
        end, text = (_call(match, lines, at) if match else None) or (at + 1, lines[at])
        yield text
        at = end


def _call(match: re.Match[str], lines: list[str], at: int) -> tuple[int, str] | None:
    """Where the statement ends, and the call that is the same."""
    for end in range(at + 1, min(at + MOST_LINES, len(lines)) + 1):
        body = "\n".join([match["rest"], *lines[at + 1 : end]])
        ends = islice(re.finditer(r"[ \t;]#|;", body), MOST_ENDS)
        for cut in (len(body), *(found.start() for found in ends)):
            said, after = body[:cut].rstrip(), body[cut:]
            if match["name"] == "exec":
                said = IN_ANOTHER.sub(r"\1, \2", said)
            if said and _parses(f"{match['name']}({said})"):
                return end, f"{match['before']}{match['name']}({said}){after}"
    return None


def _of_a_shell(source: str) -> BrokenCode | None:
    return _with_others(source, "shell", SHELL)


def _of_text(source: str) -> BrokenCode | None:
    if GAP.search(source):
        return None
    return _with_others(source, "text", MARKUP) or _with_others(source, "text", SENTENCE)


def _with_others(source: str, kind: Kind, pattern: re.Pattern[str]) -> BrokenCode | None:
    """The code without lines that are something else, if it is Python then."""
    kept, first = [], 0
    for number, line in enumerate(source.split("\n"), 1):
        is_other = pattern.fullmatch(line.rstrip()) is not None and not _parses(line)
        if is_other and pattern is SENTENCE:
            is_other = len(OF_A_SENTENCE.findall(line)) > 1
        kept.append("" if is_other else line)
        first = first or (number if is_other else 0)
    text = "\n".join(kept)
    return BrokenCode(kind=kind, line=first, python=text) if first and _parses(text) else None


def _imports(source: str) -> str:
    """The imports at the top level, each at its line, and nothing else."""
    lines = [""] * (source.count("\n") + 1)
    for match in IMPORT.finditer(source[:LARGEST]):
        text = match[0]
        if _parses(text):
            at = source.count("\n", 0, match.start())
            lines[at : at + text.count("\n") + 1] = text.split("\n")
    return "\n".join(lines)
