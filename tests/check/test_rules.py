"""Every rule has a page and a repository in which it finds what it must; in each nothing else is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from r2i.check.checking import check
from r2i.check.findings import Rule
from r2i.check.rules import RULES
from r2i.check.targets import limited as words
from r2i.edits.applying import combined, write
from tests.check.cases import CheckCase, all_check_cases, golden_files, laid_out, shown, subject_of

CASES = all_check_cases()
DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "check"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_found_is_the_golden_one(case: CheckCase, tmp_path: Path, *, update_golden: bool) -> None:
    made = golden_files(case, tmp_path)
    if update_golden:
        for name in ("expected.txt", "fixed.diff"):
            (case.directory / name).unlink(missing_ok=True)
        for name, text in made.items():
            (case.directory / name).write_text(text, encoding="utf-8")
    names = [name for name in ("expected.txt", "fixed.diff") if (case.directory / name).exists()]

    assert made == {name: (case.directory / name).read_text(encoding="utf-8") for name in names}


@pytest.mark.parametrize(
    "case", [case for case in CASES if (case.directory / "fixed.diff").exists()], ids=lambda case: case.name
)
def test_fixes_mend_what_they_say(case: CheckCase, tmp_path: Path) -> None:
    repo = laid_out(case, tmp_path)
    subject = subject_of(case, repo)
    report = check(subject)
    fixes = [one.finding.fix for one in report.findings if one.finding.fix]
    changes = combined(subject.checkout, fixes)
    write(subject.checkout, changes)
    again = check(subject_of(case, repo))
    mended = {
        (one.rule.code, one.finding.message) for one in report.findings if one.finding.fix in changes.applied
    }

    assert not mended & {(one.rule.code, one.finding.message) for one in again.findings}, shown(again)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_has_a_page_and_a_case(rule: Rule) -> None:
    page = (PAGES / f"{rule.code}.md").read_text(encoding="utf-8")

    assert page.startswith(f"# {rule.code} {rule.name}\n\nApplies to: {rule.applies_to}.\n\n")
    assert any(case.name.startswith(f"{rule.code}-") for case in CASES)


LIMITED = re.compile(
    r"^\S.*?: (?P<code>[A-Z]\d{3})(?: \((?P<only>Binder|r2i) only\))? (?P<message>.*)$", re.MULTILINE
)


def golden_findings() -> list[tuple[Rule, str, str]]:
    """Of each golden finding the rule, whose image it is about (empty for both), and the message."""
    rules = {rule.code: rule for rule in RULES}
    texts = ((case.directory / "expected.txt").read_text(encoding="utf-8") for case in CASES)
    found = (match for text in texts for match in LIMITED.finditer(text))
    return [(rules[match["code"]], match["only"] or "", match["message"]) for match in found]


def test_findings_are_about_whom_their_rule_says() -> None:
    for rule, only, message in golden_findings():
        if rule.short != "varies":
            assert only == words(rule.targets).removesuffix(" only"), (rule.code, message)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.varying], ids=lambda rule: rule.code)
def test_a_rule_that_varies_has_a_case_about_one_target(rule: Rule) -> None:
    assert any(only for other, only, _ in golden_findings() if other is rule)


def test_a_finding_about_one_target_does_not_speak_of_the_other() -> None:
    for rule, only, message in golden_findings():
        assert not (only == "r2i" and re.search(r"binder\b(?!/)", message, re.IGNORECASE)), (
            rule.code,
            message,
        )
        assert not (only == "Binder" and re.search(r"\br2i\b", message)), (rule.code, message)


def test_a_case_is_named_after_the_rule_that_it_shows() -> None:
    for case in CASES:
        code = case.name.partition("-")[0]
        text = (case.directory / "expected.txt").read_text(encoding="utf-8")

        if code == "clean":
            assert text == "", case.name
        else:
            assert set(re.findall(r"^\S.*?: ([A-Z]\d{3}) ", text, re.MULTILINE)) == {code}, case.name


def test_codes_are_stable_and_of_one_kind() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)
    assert all(re.fullmatch(r"[FDNS]\d{3}", rule.code) for rule in RULES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name) for rule in RULES)
    assert [rule.code for rule in RULES] == sorted(rule.code for rule in RULES)


def test_the_documentation_lists_every_rule(*, update_golden: bool) -> None:
    mended = {case.name.partition("-")[0] for case in CASES if (case.directory / "fixed.diff").exists()}
    rows = (
        f"| [{rule.code}](check/{rule.code}.md) | {rule.name} | {rule.severity} | {rule.short} | {rule.why}"
        f" | {'yes' if rule.code in mended else ''} |"
        for rule in RULES
    )
    table = "\n".join(
        ("| code | name | severity | applies to | why | `--fix` |", "|---|---|---|---|---|---|", *rows)
    )
    page = DOCS / "check.md"
    text = page.read_text(encoding="utf-8")
    current = re.sub(
        r"(?<=<!-- the rules -->\n).*?(?=<!-- end -->)", lambda _: f"{table}\n", text, flags=re.DOTALL
    )
    if update_golden:
        page.write_text(current, encoding="utf-8")

    assert text == current or update_golden
    assert table in current
