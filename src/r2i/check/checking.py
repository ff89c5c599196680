"""Subject × rules → Report. Pure but for the reading of files."""

from __future__ import annotations

from collections.abc import Iterable

from r2i.check.findings import Reported, Rule
from r2i.check.hermeticity import hermeticity
from r2i.check.report import Report
from r2i.check.rules import RULES
from r2i.check.size import forecast_of
from r2i.check.subject import Subject


def check(subject: Subject, rules: Iterable[Rule] = RULES, *, strict: bool = False) -> Report:
    """Look for all that the settings select; never raises for what is in a repository's files."""
    found, suppressed = [], 0
    selected = tuple(rule for rule in rules if subject.settings.selects(rule.code))
    taken: dict[tuple[str | None, int | None], Rule] = {}
    for rule in sorted(selected, key=lambda rule: rule.general):
        for finding in dict.fromkeys(rule.find(subject)):
            first = taken.setdefault((finding.file, finding.line), rule)
            if rule.general and first is not rule and finding.file:
                continue
            if subject.is_ignored(rule.code, finding.file, finding.line):
                suppressed += 1
            else:
                found.append(Reported(rule=rule, finding=finding))
    return Report(
        findings=tuple(sorted(found, key=_place)),
        rules=selected,
        suppressed=suppressed,
        strict=strict,
        prefix=_prefix(subject),
        size=subject.once(forecast_of),
        hermeticity=hermeticity(subject),
        online=subject.online,
    )


def _prefix(subject: Subject) -> str:
    if subject.git is not None:
        return subject.git.prefix
    inside = subject.checkout.root.relative_to(subject.checkout.boundary).as_posix()
    return "" if inside == "." else f"{inside}/"


def _place(reported: Reported) -> tuple[str, int, str]:
    finding = reported.finding
    return (finding.file or "", finding.line or 0, reported.rule.code)
