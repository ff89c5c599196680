"""Subject × rules → Report. Pure but for the reading of files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from r2i.check.findings import Finding, Reported, Rule
from r2i.check.hermeticity import hermeticity
from r2i.check.on_binder import is_read
from r2i.check.report import Report
from r2i.check.rules import RULES
from r2i.check.size import forecast_of
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY, Targets


def check(subject: Subject, rules: Iterable[Rule] = RULES, *, strict: bool = False) -> Report:
    """Look for all that the settings select; never raises for what is in a repository's files."""
    found, suppressed = list[Reported](), 0
    settings = subject.settings
    selected = tuple(
        rule for rule in rules if settings.selects(rule.code) and rule.may_be_about(settings.targets)
    )
    told = _Told()
    for rule in sorted(selected, key=lambda rule: rule.general):
        for finding in dict.fromkeys(rule.find(subject)):
            one = Reported(rule=rule, finding=_targeted(subject, rule, finding))
            if one.targets.isdisjoint(settings.targets) or told.before(one):
                continue
            if subject.is_ignored(rule.code, finding.file, finding.line):
                suppressed += 1
            else:
                found.append(one)
    return Report(
        findings=tuple(sorted(found, key=_place)),
        rules=selected,
        targets=settings.targets,
        suppressed=suppressed,
        strict=strict,
        prefix=_prefix(subject),
        size=subject.once(forecast_of) if "r2i" in settings.targets else None,
        hermeticity=hermeticity(subject),
        online=subject.online,
    )


def _targeted(subject: Subject, rule: Rule, finding: Finding) -> Finding:
    unread = rule.follows_file and finding.targets is None and finding.file is not None
    return (
        replace(finding, targets=R2I_ONLY) if unread and not is_read(subject, str(finding.file)) else finding
    )


class _Told:
    """Which rules say something of a line, and of whose images."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str | None, int | None], dict[str, Targets]] = {}

    def before(self, one: Reported) -> bool:
        """Whether a finding of a general rule is no news of that line."""
        here = self._by_place.setdefault((one.finding.file, one.finding.line), {})
        others = frozenset().union(*(targets for code, targets in here.items() if code != one.rule.code))
        here[one.rule.code] = here.get(one.rule.code, frozenset()) | one.targets
        if not (one.rule.general and one.finding.file):
            return False
        # What fails for one of the two is news, a warning beside another finding is none.
        return one.targets <= others if one.severity == "error" else bool(others)


def _prefix(subject: Subject) -> str:
    if subject.git is not None:
        return subject.git.prefix
    inside = subject.checkout.root.relative_to(subject.checkout.boundary).as_posix()
    return "" if inside == "." else f"{inside}/"


def _place(reported: Reported) -> tuple[str, int, str]:
    finding = reported.finding
    return (finding.file or "", finding.line or 0, reported.rule.code)
