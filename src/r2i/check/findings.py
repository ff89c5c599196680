"""What the static check finds, in the order in which the values are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from r2i.check.hermeticity import Hermeticity
    from r2i.check.runs import DynamicReport
    from r2i.check.size import Forecast
    from r2i.check.subject import Subject

#: `error`: it will not build, or not do what its author sees. `warning`: it may, but not everywhere or not for long.
#: `info`: worth to know, nothing to do.
Severity: TypeAlias = Literal["error", "warning", "info"]

PAGES = "https://github.com/r2i/r2i/blob/main/docs/check"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """The bytes `start` to `end` of a file, counted from 0, become `text`; a file that is not there is made."""

    file: str
    start: int
    end: int
    text: bytes


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A change of the user's own files that mends a finding, and keeps all that it does not name.

    `title` is an imperative. Files in `executable` get the bit, `renamed` are old and new paths; renaming comes last.
    """

    title: str
    edits: tuple[Edit, ...] = ()
    executable: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to mend, and where: a file relative to the checkout's root, a line of it counted from 1.

    `message` is a sentence without a full stop, literals in backticks, `hint` an imperative. In a notebook `cell`
    counts its cells from 1, and `line` is that of the file, as everywhere.
    """

    message: str
    file: str | None = None
    line: int | None = None
    cell: int | None = None
    hint: str | None = None
    fix: Fix | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of finding. The code never changes its meaning; `docs/check/<code>.md` is its page.

    `why` is one sentence. `find` is pure: what it sees is all in the subject. A `general` rule says nothing of a line
    of which another one says something.
    """

    code: str
    name: str
    severity: Severity
    why: str
    find: Callable[[Subject], Iterable[Finding]]
    general: bool = False

    @property
    def page(self) -> str:
        """Where it is explained."""
        return f"{PAGES}/{self.code}.md"


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A finding with the rule that made it."""

    rule: Rule
    finding: Finding


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found, in the order of files and lines.

    `rules` are those that were looked for. `suppressed` counts what the repository itself asked not to hear, `strict`
    says that warnings count as errors do. `prefix` is the way from the top of the repository to the directory that was
    checked, which all files are relative to: empty, or with a slash at its end. `size` is about what the image will
    weigh, `hermeticity` what it takes from outside that nobody pinned; both are None where nothing can be planned.
    `dynamic` is what came of a build, where one was asked for; `unfinished` says why nothing came of it, where that is
    not for the repository to mend.
    """

    findings: tuple[Reported, ...]
    rules: tuple[Rule, ...] = ()
    suppressed: int = 0
    strict: bool = False
    prefix: str = ""
    size: Forecast | None = None
    hermeticity: Hermeticity | None = None
    dynamic: DynamicReport | None = None
    unfinished: str | None = None

    def count(self, severity: Severity) -> int:
        return sum(reported.rule.severity == severity for reported in self.findings)

    @property
    def fixable(self) -> int:
        return sum(reported.finding.fix is not None for reported in self.findings)

    def is_wrong(self, rule: Rule) -> bool:
        """Whether a repository in which the rule finds something is not ready."""
        return rule.severity == "error" or (self.strict and rule.severity == "warning")

    @property
    def ready(self) -> bool:
        return not any(self.is_wrong(reported.rule) for reported in self.findings)
