"""All that the static and the dynamic check say of a repository."""

from __future__ import annotations

from dataclasses import dataclass

from r2i.check.execution.runs import DynamicReport
from r2i.check.facts.answers import NOBODY, Online
from r2i.check.findings import Reported, Rule, Severity
from r2i.check.hermeticity import Hermeticity
from r2i.check.size import Forecast
from r2i.check.targets import BOTH, Targets


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found, in the order of files and lines.

    `rules` are those that were looked for, `targets` those whose images count. `suppressed` counts what the repository itself asked not to hear, `strict`
    says that warnings count as errors do. `prefix` is the way from the top of the repository to the directory that was
    checked, which all files are relative to: empty, or with a slash at its end. `size` is about what the image of r2i will
    weigh, `hermeticity` what the images take from outside that nobody pinned; both are None where nothing can be planned, `size`
    also where only Binder's image counts.
    `dynamic` is what came of a build, where one was asked for; `unfinished` says why nothing came of it, where that is
    not for the repository to mend. `online` says who was asked over the network.
    """

    findings: tuple[Reported, ...]
    rules: tuple[Rule, ...] = ()
    targets: Targets = BOTH
    suppressed: int = 0
    strict: bool = False
    prefix: str = ""
    size: Forecast | None = None
    hermeticity: Hermeticity | None = None
    dynamic: DynamicReport | None = None
    unfinished: str | None = None
    online: Online = NOBODY

    def count(self, severity: Severity) -> int:
        return sum(reported.severity == severity for reported in self.findings)

    @property
    def fixable(self) -> int:
        return sum(reported.finding.fix is not None for reported in self.findings)

    def is_wrong(self, reported: Reported) -> bool:
        """Whether a repository with this finding is not ready."""
        return reported.severity == "error" or (self.strict and reported.severity == "warning")

    @property
    def ready(self) -> bool:
        return not any(map(self.is_wrong, self.findings))
