"""What IPython understands in a cell beyond Python, made Python line for line: magics, commands for a shell, and help.

https://ipython.readthedocs.io/en/stable/interactive/magics.html. IPython's own `TransformerManager` would do the same, but
brings twenty distributions (prompt_toolkit, jedi, pygments, …) and takes longer to import than the whole check may take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Cell magics whose body is Python that runs in the kernel, or in another Python.
PYTHON_MAGICS = frozenset(
    {
        "capture",
        "debug",
        "lprun",
        "memit",
        "mprun",
        "prun",
        "px",
        "pypy",
        "python",
        "python3",
        "time",
        "timeit",
    }
    | {"cudf.pandas.line_profile", "cudf.pandas.profile"}
    | {"heat", "notify", "pyinstrument", "scalene", "snakeviz", "wandb"}
)

#: How many cell magics one may stand in another.
DEEPEST = 5

#: Line magics whose text is a statement of Python, and their options.
STATEMENT_MAGICS = frozenset({"time", "timeit", "prun", "memit", "lprun", "snakeviz", "pyinstrument"})
OPTIONS = re.compile(r"(?:-[nrpf]\s*\S+\s+|-\w+\s+)*")

#: Magics that IPython takes without a `%` where the cell has one line, and what does not follow them: then it is Python.
WITHOUT_SIGN = re.compile(
    r"\s*(?:cat|cd|conda|config|cp|env|hist|history|ldir|less|lf|lk|ll|load|load_ext|ls|lx|mamba|man|matplotlib|micromamba"
    r"|mkdir|more|mv|pip|pwd|pylab|reload_ext|rm|rmdir|run|time|timeit|uv|who(?:s)?)"
    r"[ \t]+(?!(?:is|in|and|or|if|not|else|for)\b)[^\s!=()<>,+*/%^&|\[;][^\n]*\s*"
)
#: How such cells begin.
MAY_BE_MAGIC = frozenset("cehlmpruwt \t\n")

#: Whether a cell may have anything that is not Python.
SUSPICIOUS = re.compile(r"^[ \t]*(?:[%!?/,;]|>>> |In ?\[)|=[ \t]*[%!]|\?[ \t;]*$", re.MULTILINE)

#: One of these is in each that is: finding a string is faster.
STARTS = (",", "/", ";", " ", "\t")
MARKS = ("%", "!", "?", ">>>", "In [", "In[", "\n,", "\n/", "\n;")

PROMPT = re.compile(r"^[ \t]*(?:>>> ?|\.\.\. ?|In ?\[\d+\]: ?| {2,}\.{3,}: ?)", re.MULTILINE)
BEGINS_WITH_PROMPT = re.compile(r"\s*(?:>>>|In ?\[\d+\]:)")

#: Where a statement of its own may begin: `%magic`, `!command`, `name = %magic`, and ways to call without parentheses.
ESCAPED = re.compile(
    r"(?P<indent>[ \t]*)(?:(?P<targets>[^\W\d][\w., \t\[\]*'\"]*?)=[ \t]*(?=[%!])(?!%=))?(?P<sign>!!|[%!?/,;])"
    r"(?P<text>(?:[^\\\n]|\\(?!\n)|\\\n)*)"
)

#: The pieces by which the end of a statement is found; each always matches something, so that the time is linear.
PIECE = re.compile(
    r"""(?P<string>\"{3}(?:[^\\"]|\\.|"(?!""))*+(?:\"{3}|\\?\Z)|'{3}(?:[^\\']|\\.|'(?!''))*+(?:'{3}|\\?\Z)"""
    r"""|"(?:[^"\\\n]|\\.)*+(?:"|(?=\n)|\\?\Z)|'(?:[^'\\\n]|\\.)*+(?:'|(?=\n)|\\?\Z))"""
    r"""|(?P<comment>\#[^\n]*)|(?P<continued>\\\n)|(?P<opened>[(\[{])|(?P<closed>[)\]}])|(?P<ended>\n)"""
    r"""|(?P<help>\?)|[^"'\#\\()\[\]{}\n?]+|\\""",
    re.DOTALL,
)


#: Statements of one line as most are, to be done with at once: words, strings, and brackets that hold such.
_WORDS = r"""[^"'\#\\()\[\]{}\n?]++|"[^"\\\n]*+"(?!")|'[^'\\\n]*+'(?!')"""
SIMPLE = re.compile(rf"(?:{_WORDS}|[(\[{{](?:{_WORDS}|[(\[{{](?:{_WORDS})*+[)\]}}])*+[)\]}}])*+(?=\n|\Z)")


@dataclass(frozen=True, kw_only=True)
class IPythonCommand:
    """A line that IPython gives to a shell (`!`) or to a magic (`%`, `%%` for a whole cell): `pip install x`, at its line."""

    sign: str
    text: str
    line: int


def as_python(source: str) -> tuple[str, tuple[IPythonCommand, ...], str]:
    """The cell as Python with the same lines, what it asks of IPython, and the language of its body, lower case."""
    if source[:1] in MAY_BE_MAGIC and WITHOUT_SIGN.fullmatch(source):
        code = source.lstrip()
        source = f"{source[: len(source) - len(code)]}%{code}"
    if not ((source[:1] in STARTS or any(mark in source for mark in MARKS)) and SUSPICIOUS.search(source)):
        return _dedented(source), (), "python"
    if BEGINS_WITH_PROMPT.match(source):
        source = PROMPT.sub("", source)
    source = _dedented(source)
    commands: list[IPythonCommand] = []
    while len(commands) < DEEPEST and (match := re.match(r"\s*%%(\S+)([^\n]*)", source)):
        line = source.count("\n", 0, match.start(1)) + 1
        commands.append(IPythonCommand(sign="%%", text=f"{match[1]}{match[2]}".strip(), line=line))
        rest = "\n" * source.count("\n", 0, match.end()) + source[match.end() :]
        if match[1] not in PYTHON_MAGICS:
            return "", tuple(commands), match[1].lower()
        source = rest
    lines = "".join(_statements(source, commands))
    return lines, tuple(commands), "python"


def _statements(source: str, commands: list[IPythonCommand]) -> Iterator[str]:
    """Every statement of the source with its line end, those that are not Python replaced; `commands` gets what they say."""
    at, line = 0, 1
    while at < len(source):
        if match := ESCAPED.match(source, at):
            text = match[0]
            yield _replaced(match, commands, line)
            end = match.end()
        else:
            end, is_help = _end_of_statement(source, at)
            text = source[at:end]
            yield "\n" * text.count("\n") if is_help else text
        line += text.count("\n")
        at = end
        if at < len(source) and source[at] == "\n":
            yield "\n"
            line += 1
            at += 1


def _end_of_statement(source: str, at: int) -> tuple[int, bool]:
    """Where it ends, before its line end, and whether it asks for help (`numpy.array?`)."""
    if simple := SIMPLE.match(source, at):
        return simple.end(), False
    depth, is_help = 0, False
    while match := PIECE.match(source, at):
        kind = match.lastgroup
        if kind == "ended" and depth <= 0:
            break
        depth += (kind == "opened") - (kind == "closed")
        is_help |= kind == "help"
        at = match.end()
    return at, is_help


def _replaced(match: re.Match[str], commands: list[IPythonCommand], line: int) -> str:
    """Python that has as many lines and the same indentation."""
    sign, text = match["sign"], re.sub(r"\\\n[ \t]*", " ", match["text"]).strip()
    ends = "\n" * match[0].count("\n")
    if sign in ("%", "!", "!!"):
        commands.append(IPythonCommand(sign=sign[0], text=text, line=line))
    if match["targets"]:
        return f"{match['indent']}{match['targets']}= None{ends}"
    name, _, statement = text.partition(" ")
    if sign == "%" and name in STATEMENT_MAGICS and "\n" not in statement:
        options = OPTIONS.match(statement)
        statement = statement[options.end() :] if options else statement
        return f"{match['indent']}{statement.strip() or 'pass'}{ends}"
    return f"{match['indent']}pass{ends}"


def _dedented(source: str) -> str:
    """IPython takes the indentation of the first line from all of them."""
    match = re.match(r"(?:[ \t]*\n)*([ \t]+)\S", source) if source[:1].isspace() else None
    if match is None:
        return source
    return "\n".join(line.removeprefix(match[1]) for line in source.split("\n"))
