"""The report for people: what is wrong by file, as wide as the terminal, and what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from r2i.check.facts.answers import NOBODY
from r2i.check.findings import Reported, Severity
from r2i.check.report import Report
from r2i.cli.check_groups import Group, also, one_by_one, together
from r2i.quoting import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

COLOURS: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "info": "cyan"}

#: Prose in longer lines is hard to read.
WIDEST = 110

HANGING = 4

#: So many findings of a rule in a file, and so many in all, are shown: nobody reads more, and a file can have thousands.
MOST_OF_FILE = 100
MOST = 1_000


def show(report: Report, console: Console, *, directory: str = "", verbose: bool = False) -> None:
    """`directory` is the way from here to what was checked: terminals open `directory/file:line` at a click.

    What says the same of several places is shown once, unless it is `verbose`.
    """
    groups = _first(one_by_one(report.findings) if verbose else together(report.findings))
    for _, of_file in groupby(groups, key=lambda group: group.first.finding.file):
        some = list(of_file)
        places = [_place(group.first, directory) for group in some]
        width = max(map(len, places))
        for group, place in zip(some, places, strict=True):
            _print(console, _heading(group.first, place, width))
            for text in _said(group):
                _print(console, text, indent=HANGING)
        console.print()
    shown = [one for group in groups for one in (group.first, *group.others)]
    if len(shown) < len(report.findings):
        _print(console, _with_literals(_not_shown(report.findings, shown)))
    if report.size is not None:
        _print(console, _with_literals(report.size.sentence, before="Size: "))
    if report.hermeticity is not None:
        _print(console, _with_literals(report.hermeticity.sentence, before="Not pinned: "))
    if report.online is not NOBODY:
        _print(console, _with_literals(report.online.sentence, before="Online: "))
    if report.dynamic is not None:
        from r2i.cli.execution_text import lines

        for text, indent in lines(report.dynamic):
            _print(console, text, indent=indent)
    _print(console, _summary(report))


def _first(groups: Iterable[Group]) -> list[Group]:
    """The first ones of each rule in each file."""
    counted: Counter[tuple[str | None, str]] = Counter()
    shown = []
    for group in groups:
        of_file = group.first.finding.file, group.first.rule.code
        counted[of_file] += 1
        if counted[of_file] <= MOST_OF_FILE:
            shown.append(group)
    return shown[:MOST]


def _not_shown(findings: Sequence[Reported], shown: Sequence[Reported]) -> str:
    more = Counter(one.rule.code for one in findings) - Counter(one.rule.code for one in shown)
    by_rule = ", ".join(f"{number:,} of {code}" for code, number in sorted(more.items()))
    return f"And {more.total():,} more: {by_rule}; `--format json` lists all of them"


def _place(reported: Reported, directory: str) -> str:
    finding = reported.finding
    if finding.file is None:
        return "The repository"
    path = printable(f"{directory}/{finding.file}" if directory else finding.file)
    return f"{path}:{finding.line}" if finding.line else path


def _heading(reported: Reported, place: str, width: int) -> Text:
    from rich.text import Text

    rule, finding = reported.rule, reported.finding
    return Text.assemble(
        (place, "bold"),
        " " * (width - len(place) + 2),
        (f"{reported.severity:<7}", COLOURS[reported.severity]),
        f"  {rule.code} ",
        (rule.name, "dim"),
        (f"  cell {finding.cell}" if finding.cell else "", "dim"),
        (f"  {reported.limited}" if reported.limited else "", "magenta"),
        ("  --fix" if finding.fix else "", "green"),
    )


def _said(group: Group) -> Iterator[Text]:
    finding = group.first.finding
    yield _with_literals(finding.message)
    if finding.hint:
        yield _with_literals(finding.hint, before="Hint: ")
    if group.others:
        yield _with_literals(also(group))


def _with_literals(message: str, *, before: str = "") -> Text:
    """Literals stand out; they keep their backticks, which say the same without colour."""
    from rich.text import Text

    text = Text(before, style="")
    text.stylize("dim")
    for number, part in enumerate(re.split("(`[^`]*`)", printable(message))):
        text.append(part, style="cyan" if number % 2 else "")
    return text


def _summary(report: Report) -> Text:
    from rich.text import Text

    counts = [
        (f"{number} {word}{'' if number == 1 or word == 'info' else 's'}", COLOURS[word])
        for word in ("error", "warning", "info")
        if (number := report.count(word))
    ]
    runs = report.unfinished is None and (report.dynamic is None or report.dynamic.ok)
    none = ("Nothing to fix", "green") if runs else ("No findings in the files", "")
    text = Text(", ").join(Text(*count) for count in counts or [none])
    if report.suppressed:
        text.append(f" ({report.suppressed} ignored)", "dim")
    if report.fixable:
        text.append("; ").append("r2i check --fix", "green").append(f" fixes {report.fixable} of them")
    return text


def _print(console: Console, text: Text, *, indent: int = 0) -> None:
    """Wrapped on a terminal, a line each elsewhere; never with blanks at the end."""
    for line in _wrapped(console, text, indent) if console.is_terminal else [text]:
        line.rstrip()
        line.pad_left(indent)
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _wrapped(console: Console, text: Text, indent: int) -> Iterator[Text]:
    """What begins at the margin goes on below it with an indent, so that the next text is seen to begin."""
    from rich.text import Text

    width = max(20, min(console.width, WIDEST) - indent)
    first, *others = text.wrap(console, width)
    yield first
    if others and indent == 0:
        for line in others:
            line.rstrip()
        others = [*Text(" ").join(others).wrap(console, width - HANGING)]
        for line in others:
            line.pad_left(HANGING)
    yield from others
