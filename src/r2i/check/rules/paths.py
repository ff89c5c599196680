"""N301: paths that only the author's machine has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from r2i.check.code.credentials import FILE_OF_SECRETS, NEVER_COMMIT
from r2i.check.code.matches import numbered
from r2i.check.code.notebooks import Cell
from r2i.check.code.python_code import Facts, Literal
from r2i.check.facts.notebook_tables import Elsewhere, elsewhere, elsewhere_words
from r2i.check.findings import Finding, Rule, Severity
from r2i.check.imports import uses
from r2i.check.nearest import nearest
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.check.wording import from_notebook

#: Calls that only show their text.
SHOWING = frozenset(
    {
        "os.walk",
        "glob.glob",
        "os.path.exists",
        "os.path.isdir",
        "os.path.isfile",
        "print",
        "display",
        "warn",
        "warnings.warn",
        "input",
        "help",
        "Markdown",
        "HTML",
    }
)

#: Calls that name a directory of modules.
SEARCHING = frozenset({"sys.path.append", "sys.path.insert", "site.addsitedir"})

#: Strings of any language; a comment runs to the end of its line.
QUOTED = re.compile(r"(?m)^[ \t]*(?:#|//).*$|\"([^\"\n]{3,400})\"|'([^'\n]{3,400})'")

#: Modules whose paths are examples.
TESTS = re.compile(
    r"(?:^|/)(?:tests?|testing|docs?|examples?)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|setup)\.py$"
)

#: What no path says, and patterns do: repetitions of kinds of characters (`C:\\w+`), and calls that take a pattern.
REGULAR_EXPRESSION = re.compile(r"\\[wWdDsS](?:[+*?{]|\])|\[[^\]]+\][+*?{]|\(\?")
MATCHING = re.compile(r"(?:re|regex)\.\w+")

#: How a module asks whether it is run as a program.
MAIN = re.compile(r"^if __name__ *== *[\"']__main__[\"']", re.MULTILINE)

#: Calls that write the file that they name.
WRITING = re.compile(r"(?:.+\.)?(?:to_\w+|save\w*|imsave|imwrite|dump|write_\w+)")

#: A line that gives a string a name.
ASSIGNED = re.compile(r"([A-Za-z_]\w*)[ \t]*=[ \t]*[rRuU]?[\"']", re.ASCII)

#: Commands that look whether something is there.
ASKING = frozenset({"[", "[[", "test", "mkdir", "ls"})

#: How much of a path is shown, and how many of one notebook.
LONGEST, MOST = 60, 20


def _elsewhere(subject: Subject) -> Iterator[Finding]:
    rows = elsewhere(subject.options.user_name)
    for notebook in subject.notebooks:
        python = {cell.number: facts for cell, facts in subject.code_of.get(notebook.path, ())}
        seen: dict[tuple[str, int], tuple[Cell, int, str, Elsewhere]] = {}
        more: dict[tuple[str, int], int] = {}
        read: set[tuple[str, int]] = set()
        written = _written(python.values())
        for cell in notebook.code:
            if not any(word in cell.source for word in elsewhere_words()):
                continue
            searched = _searched(python.get(cell.number))
            for line, text in _said(cell.source, python.get(cell.number)):
                if text not in written and (found := _row(rows, text)):
                    row, root = found
                    at = subject.line_of(notebook, cell, line)
                    alike = root, _alone(subject, notebook.path, at)
                    more[alike] = more.get(alike, -1) + 1
                    read |= set() if text in searched else {alike}
                    if len(seen) < MOST:
                        seen.setdefault(alike, (cell, at, text, row))
        for alike, (cell, at, text, row) in seen.items():
            yield Finding(
                message=_message(text, row, more[alike]),
                file=notebook.path,
                line=at,
                cell=cell.number,
                hint=_hint(subject, text, notebook.path),
                severity=None if alike in read else "info",
            )
    yield from _in_modules(subject, rows)
    yield from _in_scripts(subject, rows)


def _written(cells: Iterable[Facts]) -> set[str]:
    """Paths of Windows that the notebook writes to: on Linux each is the name of a file, in the directory of the notebook."""
    found: set[str] = set()
    cells = [facts for facts in cells if ":\\" in facts.source]
    for facts in cells:
        found |= {path for name, path in _named(facts) if _is_written(facts.source, name)}
        for call in facts.calls:
            path = call.arguments[0] if call.arguments else None
            mode = call.arguments[1] if len(call.arguments) > 1 else dict(call.keywords).get("mode")
            writes = WRITING.fullmatch(call.name) or (call.name == "open" and re.match("[wax]", str(mode)))
            if isinstance(path, str) and "/" not in path and writes:
                found.add(path)
    return found


def _searched(facts: Facts | None) -> frozenset[str]:
    """Directories in which Python is told to look for modules: one that is not there is passed over."""
    if facts is None or "sys.path" not in facts.source:
        return frozenset()
    return frozenset(one.value for one in facts.literals if one.call in SEARCHING)


def _named(facts: Facts) -> Iterator[tuple[str, str]]:
    """Names that are given to paths of Windows, with the path."""
    lines = facts.source.split("\n")
    for literal in facts.literals:
        is_path = not literal.call and ":\\" in literal.value and "/" not in literal.value
        if is_path and (match := ASSIGNED.match(lines[literal.line - 1])):
            yield match[1], literal.value


def _is_written(source: str, name: str) -> bool:
    """Whether a cell opens the file of that name for writing."""
    return re.search(rf"\bopen\(\s*{name}\s*,\s*(?:mode\s*=\s*)?[\"'][wax]", source) is not None


def _in_modules(subject: Subject, rows: Iterable[Elsewhere]) -> Iterator[Finding]:
    for path in sorted(subject.once(uses).modules):
        facts = subject.modules[path]
        if TESTS.search(path) or not any(word in facts.source for word in elsewhere_words()):
            continue
        seen: dict[tuple[str, int], tuple[int, str, Elsewhere]] = {}
        searched = _searched(facts)
        guard = MAIN.search(facts.source)
        last = facts.source.count("\n", 0, guard.start()) if guard else None
        for line, text in _said(facts.source, facts):
            # What stands below the guard is not run by an import.
            if (last is None or line <= last) and (found := _row(rows, text)):
                seen.setdefault((found[0].where, _alone(subject, path, line)), (line, text, found[0]))
        for line, text, row in seen.values():
            hint = _hint(subject, text, "")
            severity: Severity | None = "info" if text in searched else None
            yield Finding(message=_message(text, row, 0), file=path, line=line, hint=hint, severity=severity)


def _in_scripts(subject: Subject, rows: Iterable[Elsewhere]) -> Iterator[Finding]:
    """Programs and directories that commands name; not where a script asks first whether they are there."""
    for script in subject.once(scripts):
        words = [(line.first, word) for line in script.lines for one in line.commands for word in one]
        asked = {word for line in script.lines for one in line.commands if one[0] in ASKING for word in one}
        seen: set[str] = set()
        for number, word in words:
            found = _row(rows, word)
            if found and found[1] not in seen and not any(one.startswith(found[1]) for one in asked):
                seen.add(found[1])
                hint = "Use a path below `${HOME}`, where the repository is, or the program without its directory"
                yield Finding(message=_message(word, found[0], 0), file=script.path, line=number, hint=hint)


def _alone(subject: Subject, path: str, line: int) -> int:
    """What a comment keeps from being reported stands for no other line."""
    return line if subject.is_ignored("N301", path, line) else 0


def _said(source: str, facts: Facts | None) -> Iterator[tuple[int, str]]:
    """Each string of a piece of code that may be a path, with its line."""
    if facts is None or facts.language != "python":
        for line, match in numbered(QUOTED, source):
            if (text := match[1] or match[2]) and not REGULAR_EXPRESSION.search(text):
                yield line, text
        return
    for literal in facts.literals:
        if not (literal.alone or literal.optional or literal.call in SHOWING or _is_no_path(literal)):
            yield literal.line, literal.value
    lines = source.split("\n")
    for command in facts.commands:
        if not lines[command.line - 1][:1].isspace():  # below a condition, most often of Colab
            for word in re.split(r"[\s=\"']+", command.text):
                yield command.line, word


def _is_no_path(literal: Literal) -> bool:
    text = literal.value
    return "\n" in text or bool(REGULAR_EXPRESSION.search(text) or MATCHING.fullmatch(literal.call))


def _row(rows: Iterable[Elsewhere], text: str) -> tuple[Elsewhere, str] | None:
    """Whose path it is, and how it begins."""
    return next(((row, match[0]) for row in rows if (match := row.path.match(text))), None)


def _message(text: str, row: Elsewhere, more: int) -> str:
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    said = f" (and {more} similar path{'s' if more > 1 else ''})" if more else ""
    return f"`{shown}` is a path on {row.where}, which no image has{said}"


def _hint(subject: Subject, text: str, notebook: str) -> str:
    """Names the file of the repository that the path means, where there is one."""
    if FILE_OF_SECRETS.fullmatch(text):
        return NEVER_COMMIT
    if path := nearest(subject, text):
        return f"Write `{from_notebook(path, notebook)}`, which the repository contains"
    return "Add the file to the repository, and use its path relative to the notebook"


RULES = (
    Rule(
        code="N301",
        name="path-of-one-machine",
        severity="error",
        why="The path exists on the machine of the author, and in no image.",
        find=_elsewhere,
    ),
)
