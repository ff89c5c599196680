"""Reports in all formats: whatever a finding says, the document is well-formed and says it at its place."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from r2i.check.findings import Finding, Reported, Rule
from r2i.check.formats import FORMATS
from r2i.check.formats.markdown import to_markdown
from r2i.check.report import Report
from r2i.check.rules import RULES
from r2i.check.targets import BINDER_ONLY, BOTH, R2I_ONLY
from r2i.cli.check_text import show
from r2i.edits.fixes import Edit, Fix
from r2i.quoting import markdown, markdown_code, printable

#: Reads Markdown as its standard says (rich needs it, too).
MARKDOWN = MarkdownIt("commonmark")

DOCS = Path(__file__).parents[2] / "docs"
HERE = Path(__file__).parent

#: C0 but for the line end, DEL and C1: what a terminal obeys.
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def by_severity(one: Reported) -> int:
    return ["error", "warning", "info"].index(one.severity)


text = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "\x1b]0;x\x07",
        "a\r\nb",
        "]]>",
        "@ada #1 <b>",
        "`` ``",
        "[x](y) ![x](y)",
        "\ud800",
        "%0A::error::x",
        "a:b,c",
        "![x](y)",
        "\u202e",
        "`a` \x9b31m",
    ]
)
rules = st.builds(
    Rule,
    code=st.sampled_from(["F101", "D102", "N103", "S104"]),
    name=st.just("some-thing"),
    severity=st.sampled_from(["error", "warning", "info"]),
    why=st.just("Because."),
    find=st.just(lambda _: ()),
)
edits = st.builds(
    lambda file, start, length, new: Edit(file=file, start=start, end=start + length, text=new),
    text,
    st.integers(0, 9),
    st.integers(0, 9),
    st.binary(max_size=9),
)
fixes = st.builds(
    Fix, title=text, edits=st.lists(edits, max_size=2).map(tuple), executable=st.sampled_from([(), ("a",)])
)
findings = st.builds(
    Finding,
    message=text,
    file=st.none() | text,
    line=st.none() | st.integers(1, 10**6),
    cell=st.none() | st.integers(1, 99),
    hint=st.none() | text,
    fix=st.none() | fixes,
    targets=st.sampled_from([None, BOTH, BINDER_ONLY, R2I_ONLY]),
)
reports = st.builds(
    Report,
    findings=st.lists(st.builds(Reported, rule=rules, finding=findings), max_size=5).map(tuple),
    rules=st.sampled_from([(), RULES]),
    suppressed=st.integers(0, 3),
    strict=st.booleans(),
    prefix=st.sampled_from(["", "sub/dir/"]),
)


def shown(
    report: Report, *, terminal: bool, width: int = 80, directory: str = "", verbose: bool = False
) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width)
    show(report, console, directory=directory, verbose=verbose)
    return file.getvalue()


@given(reports)
def test_json_follows_its_published_schema(report: Report) -> None:
    schema = json.loads((DOCS / "check.schema.json").read_text(encoding="utf-8"))
    document = FORMATS["json"](report)

    jsonschema.validate(json.loads(document), schema)
    assert not CONTROLS.search(document)
    assert [one["message"] for one in json.loads(document)["findings"]] == [
        one.finding.message for one in report.findings
    ]


@pytest.mark.slow
@given(reports)
def test_sarif_is_well_formed(report: Report) -> None:
    schema = json.loads((HERE / "sarif.schema.json").read_text(encoding="utf-8"))
    document = FORMATS["sarif"](report)
    run = json.loads(document)["runs"][0]

    jsonschema.validate(json.loads(document), schema)
    assert not CONTROLS.search(document)
    assert len(run["results"]) == len(report.findings)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


@given(reports)
def test_junit_is_well_formed_and_fails_as_the_exit_code_does(report: Report) -> None:
    document = FORMATS["junit"](report)
    suites = ET.fromstring(document)
    suite = suites[0]

    assert not CONTROLS.search(document)
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert (suite.find("testcase/failure") is None) == report.ready


@given(reports)
def test_each_finding_is_one_command_for_github(report: Report) -> None:
    lines = FORMATS["github"](report).splitlines()

    assert len(lines) == len(report.findings)
    for line, one in zip(lines, report.findings, strict=True):
        match = re.fullmatch(r"::(error|warning|notice) ((?:\w+=[^,:]*,?)+)::(.*)", line)

        assert match
        assert ("file=" in match[2]) == (one.finding.file is not None)
        assert "title=" in match[2]
        assert not CONTROLS.search(line)


@given(reports)
def test_each_finding_is_one_entry_for_gitlab(report: Report) -> None:
    document = FORMATS["gitlab"](report)
    entries = json.loads(document)

    assert not CONTROLS.search(document)
    assert len(entries) == len({entry["fingerprint"] for entry in entries}) == len(report.findings)
    for entry, one in zip(entries, report.findings, strict=True):
        assert entry["severity"] == {"error": "major", "warning": "minor", "info": "info"}[one.severity]
        line = 1 if one.finding.file is None else one.finding.line or 1
        assert entry["location"]["lines"]["begin"] == line


def test_gitlab_knows_a_finding_again_where_only_its_line_changed() -> None:
    def fingerprints(report: Report) -> list[str]:
        return [entry["fingerprint"] for entry in json.loads(FORMATS["gitlab"](report))]

    moved = replace(REPORT.findings[0], finding=replace(REPORT.findings[0].finding, line=9))

    assert fingerprints(replace(REPORT, findings=(moved, *REPORT.findings[1:]))) == fingerprints(REPORT)


@given(reports)
def test_markdown_has_nothing_of_others_but_text(report: Report) -> None:
    """As GitHub reads it: no picture, no link but ours, no raw HTML but ours, no mention."""
    document = to_markdown(report)
    tokens = [token for block in MARKDOWN.parse(document) for token in [block, *(block.children or ())]]
    links = [str(token.attrs["href"]) for token in tokens if token.type == "link_open"]
    html = [token.content for token in tokens if token.type.startswith("html_")]

    assert not CONTROLS.search(document)
    assert "image" not in {token.type for token in tokens}
    assert links == [one.rule.page for one in sorted(report.findings, key=by_severity)]
    assert set(html) <= {"<br>"}
    assert sum(token.type == "list_item_open" for token in tokens) == len(report.findings)
    assert not [
        t.content for t in tokens if t.type == "text" and re.search(r"[@#!](?=[^\s\u200b])", t.content)
    ]


@pytest.mark.parametrize("said", ["GH-1", "gl-12", "abcdef1", "0" * 40, "see 9BA12248,"])
def test_markdown_links_to_no_issue_or_commit(said: str) -> None:
    inline = MARKDOWN.parse(f"A: {markdown(said)}.")[1]
    shown = "".join(token.content for token in inline.children or ())

    assert shown.replace("\u200b", "") == f"A: {said}."
    assert not re.search(r"(?i)\bG[HL]-\d|[0-9a-f]{7}", shown)


@given(st.text(st.characters(exclude_characters="`")))
def test_markdown_shows_a_message_as_it_is(said: str) -> None:
    inline = MARKDOWN.parse(f"A: {markdown(f'{said}`{said}`{said}')}.")[1]
    shown = "".join(token.content for token in inline.children or ()).replace("\u200b", "")
    literal = said or "``"

    assert shown == f"A: {printable(f'{said}{literal}{said}')}.".replace("\u200b", "")


@given(st.text(min_size=1))
def test_markdown_shows_any_text_as_code(text: str) -> None:
    inline = MARKDOWN.parse(f"A: {markdown_code(text)}.")[1]

    assert [t.content.strip() for t in inline.children or () if t.type == "code_inline"] == [
        printable(text).strip()
    ]


@given(reports, st.booleans(), st.integers(1, 300))
def test_text_has_no_control_characters_of_a_repository(report: Report, terminal: bool, width: int) -> None:  # noqa: FBT001
    said = shown(report, terminal=terminal, width=width)

    assert not CONTROLS.search(re.sub(r"\x1b\[[\d;]*m", "", said) if terminal else said)


RULE = Rule(code="D101", name="unpinned", severity="warning", why="It changes.", find=lambda _: ())
WRONG = replace(RULE, code="D102", name="wrong-name", severity="error")
EDIT = Edit(file="a, b.txt", start=4, end=7, text=b"new\n")
REPORT = Report(
    findings=(
        Reported(
            rule=RULE,
            finding=Finding(
                message="`numpy` has no version, which is 100% sure to change what the notebooks do one day",
                file="a, b.txt",
                line=3,
                hint="Pin it",
                fix=Fix(title="Pin it", edits=(EDIT,)),
            ),
        ),
        Reported(
            rule=WRONG,
            finding=Finding(message="`sklearn` is no distribution", file="a, b.txt", line=12, cell=4),
        ),
        Reported(rule=WRONG, finding=Finding(message="There is nothing")),
    ),
    rules=(RULE, WRONG, replace(RULE, code="D103", name="fine")),
    suppressed=2,
    prefix="sub/",
)


def test_text_when_piped() -> None:
    assert shown(REPORT, terminal=False, directory="sub") == (
        "sub/a, b.txt:3   warning  D101 unpinned  --fix\n"
        "    `numpy` has no version, which is 100% sure to change what the notebooks do one day\n"
        "    Hint: Pin it\n"
        "sub/a, b.txt:12  error    D102 wrong-name  cell 4\n"
        "    `sklearn` is no distribution\n"
        "\n"
        "The repository  error    D102 wrong-name\n"
        "    There is nothing\n"
        "\n"
        "2 errors, 1 warning (2 ignored); r2i check --fix fixes 1 of them\n"
    )


@pytest.mark.parametrize("width", [40, 80, 200])
def test_text_keeps_within_the_terminal(width: int) -> None:
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown(REPORT, terminal=True, width=width)).splitlines()

    assert max(map(len, lines)) <= min(width, 110)
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b[1;31m" in shown(REPORT, terminal=True, width=width)


def test_text_of_a_ready_repository() -> None:
    assert shown(Report(findings=()), terminal=False) == "Nothing to fix\n"


def test_github_escapes_values() -> None:
    assert FORMATS["github"](REPORT) == (
        "::warning file=sub/a%2C b.txt,line=3,title=D101 unpinned::"
        "`numpy` has no version, which is 100%25 sure to change what the notebooks do one day%0APin it\n"
        "::error file=sub/a%2C b.txt,line=12,title=D102 wrong-name::`sklearn` is no distribution (cell 4)\n"
        "::error title=D102 wrong-name::There is nothing\n"
    )


def test_markdown_is_short() -> None:
    page = RULE.page.removesuffix("D101.md")

    assert to_markdown(REPORT) == (
        "**2 errors, 1 warning (2 ignored)**\n"
        "\n"
        f"- Error [`D102`]({page}D102.md) wrong-name, `sub/a, b.txt:12`\n"
        "  <br>`sklearn` is no distribution (cell 4)\n"
        f"- Error [`D102`]({page}D102.md) wrong-name\n"
        "  <br>There is nothing\n"
        f"- Warning [`D101`]({page}D101.md) unpinned, `sub/a, b.txt:3`\n"
        "  <br>`numpy` has no version, which is 100\\% sure to change what the notebooks do one day\n"
        "  <br>Pin it\n"
    )


def test_markdown_counts_what_it_does_not_show() -> None:
    many = tuple(of_kernel(f"{number}.ipynb", "x" * 9_000) for number in range(1_250))
    document = to_markdown(Report(findings=many))

    assert "- And 1,210 more: `r2i check` lists all of them" in document
    assert len(document) < 60_000


def test_sarif_has_places_and_fixes() -> None:
    run = json.loads(FORMATS["sarif"](REPORT))["runs"][0]
    first, second, third = run["results"]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["D101", "D102", "D103"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "sub/a%2C%20b.txt", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 3},
    }
    assert first["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {"deletedRegion": {"byteOffset": 4, "byteLength": 3}, "insertedContent": {"text": "new\n"}}
    ]
    assert "fixes" not in second
    assert third["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "sub/"


def test_junit_shows_which_rules_hold() -> None:
    def outcomes(report: Report) -> dict[str, list[str]]:
        cases = ET.fromstring(FORMATS["junit"](report)).iter("testcase")
        return {case.attrib["name"]: [child.tag for child in case] for case in cases}

    assert outcomes(REPORT) == {
        "D101 unpinned": ["system-out"],
        "D102 wrong-name": ["failure"],
        "D103 fine": [],
    }
    assert outcomes(replace(REPORT, strict=True))["D101 unpinned"] == ["failure"]


def of_kernel(file: str, kernel: str = "mine", line: int = 5) -> Reported:
    finding = Finding(
        message=f"The kernel is `{kernel}`, not `python3`", file=file, line=line, hint="Write `python3`"
    )
    return Reported(rule=RULE, finding=finding)


def test_text_shows_findings_of_one_kind_once_with_the_places_of_the_others() -> None:
    kernels = (
        of_kernel("a.ipynb"),
        of_kernel("a.ipynb", "yours", line=8),
        of_kernel("b.ipynb"),
        of_kernel("c.ipynb", "yours", line=7),
    )
    other = Reported(rule=WRONG, finding=Finding(message="The name", file="b.ipynb", line=1))
    report = Report(findings=(*kernels, other))
    said = shown(report, terminal=False)
    verbose = shown(report, terminal=False, verbose=True)

    assert said.count("The kernel is") == 1
    assert "    Also: `yours` (line 8), `b.ipynb`, `yours` (`c.ipynb`, line 7)\n" in said
    assert "The name" in said
    assert "1 error, 4 warnings" in said
    assert verbose.count("The kernel is") == 4
    assert "Also" not in verbose


def test_text_names_eight_places_of_one_kind_and_counts_the_others() -> None:
    said = shown(Report(findings=tuple(of_kernel(f"{number}.ipynb") for number in range(20))), terminal=False)

    assert "`7.ipynb`, `8.ipynb` and 11 more; `--verbose` shows them" in said


def test_two_findings_of_one_kind_are_shown_one_by_one() -> None:
    said = shown(Report(findings=(of_kernel("a.ipynb"), of_kernel("b.ipynb"))), terminal=False)

    assert said.count("The kernel is") == 2


def test_text_shows_the_first_findings_of_a_rule_in_a_file_and_counts_the_others() -> None:
    many = tuple(
        Reported(rule=RULE, finding=Finding(message=f"The line {line}", file="a.txt", line=line))
        for line in range(1, 1_251)
    )
    other = Reported(rule=WRONG, finding=Finding(message="The name", file="b.txt", line=1))
    said = shown(Report(findings=(*many, other)), terminal=False)

    assert said.count("The line ") == 100
    assert "The name" in said
    assert "And 1,150 more: 1,150 of D101; `--format json` lists all of them" in said
    assert "1 error, 1250 warnings" in said
