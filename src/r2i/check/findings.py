"""What the static check finds, in the order in which the values are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r2i.check.subject import Subject
from r2i.check.targets import BOTH, Targets, limited
from r2i.edits.fixes import Fix

#: `error`: it will not build, or not do what its author sees. `warning`: it may, but not everywhere or not for long.
#: `info`: worth to know, nothing to do.
Severity: TypeAlias = Literal["error", "warning", "info"]

PAGES = "https://github.com/r2i/r2i/blob/main/docs/check"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to mend, and where: a file relative to the checkout's root, a line of it counted from 1.

    `message` is a sentence without a full stop, literals in backticks, `hint` an imperative. In a notebook `cell`
    counts its cells from 1, and `line` is that of the file, as everywhere. `targets` says whose image it is about, `severity`
    is for what breaks nothing, though its rule is about what does; both are None where that is as for its rule.
    """

    message: str
    file: str | None = None
    line: int | None = None
    cell: int | None = None
    hint: str | None = None
    fix: Fix | None = None
    targets: Targets | None = None
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of finding. The code never changes its meaning; `docs/check/<code>.md` is its page.

    `why` is one sentence. `find` is pure: what it sees is all in the subject. A `general` rule says nothing of a line
    of which another one says something. `targets` are those of a finding that does not say its own; where rules have
    such findings, `varying` is true. What `follows_file` is about the targets that read the finding's file.
    """

    code: str
    name: str
    severity: Severity
    why: str
    find: Callable[[Subject], Iterable[Finding]]
    general: bool = False
    targets: Targets = BOTH
    varying: bool = False
    follows_file: bool = False

    @property
    def page(self) -> str:
        """Where it is explained."""
        return f"{PAGES}/{self.code}.md"

    @property
    def applies_to(self) -> str:
        """Whose images its findings are about, in words."""
        if self.varying or self.follows_file:
            return "Binder and r2i, or only one of them: the finding says which"
        return limited(self.targets) or "Binder and r2i"

    @property
    def short(self) -> str:
        """The same in a table: `both`, `Binder only`, `r2i only`, or `varies`."""
        if self.varying or self.follows_file:
            return "varies"
        return limited(self.targets) or "both"

    def may_be_about(self, targets: Targets) -> bool:
        return self.varying or self.follows_file or not self.targets.isdisjoint(targets)


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A finding with the rule that made it."""

    rule: Rule
    finding: Finding

    @property
    def targets(self) -> Targets:
        """Whose images it is about."""
        return self.finding.targets or self.rule.targets

    @property
    def limited(self) -> str:
        """`Binder only` or `r2i only`; empty for both."""
        return limited(self.targets)

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return self.finding.severity or self.rule.severity
