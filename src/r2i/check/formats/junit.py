"""For CI systems: JUnit's XML, a test case for each rule, so that it shows which hold and which do not.

What was built and run has suites of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from r2i.check.findings import Reported, Rule
from r2i.check.report import Report
from r2i.quoting import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def to_junit(report: Report) -> str:
    from xml.etree.ElementTree import Element, indent, tostring

    found: dict[Rule, list[Reported]] = defaultdict(list)
    for reported in report.findings:
        found[reported.rule].append(reported)
    rules = dict.fromkeys((*report.rules, *found))
    failed = sum(any(map(report.is_wrong, group)) for group in found.values())
    suite = Element(
        "testsuite", name="r2i check", tests=str(len(rules)), failures=str(failed), errors="0", skipped="0"
    )
    for rule in rules:
        suite.append(_case(rule, found.get(rule, []), report))
    whole = Element("testsuites")
    whole.append(suite)
    if report.unfinished is not None:
        whole.append(_unfinished(report.unfinished))
    if report.dynamic is not None:
        from r2i.check.formats.execution_junit import execution_suites

        whole.extend(execution_suites(report.dynamic))
    indent(whole)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(whole, encoding="unicode")}\n'


def _unfinished(why: str) -> Element:
    """What is not known is an error to readers of JUnit, and what is known to be wrong a failure."""
    from xml.etree.ElementTree import Element, SubElement

    suite = Element(
        "testsuite", name="r2i check: the build", tests="1", failures="0", errors="1", skipped="0"
    )
    case = SubElement(suite, "testcase", classname="r2i.check", name="the image is built and run", time="0")
    SubElement(case, "error", message=printable(why))
    return suite


def _case(rule: Rule, found: list[Reported], report: Report) -> Element:
    """A rule that found something fails; where that does not make the repository unready, it is only said."""
    from xml.etree.ElementTree import Element, SubElement

    case = Element("testcase", classname="r2i.check", name=f"{rule.code} {rule.name}", time="0")
    if not found:
        return case
    lines = [_line(reported, report) for reported in found]
    if any(map(report.is_wrong, found)):
        worst = min((one.severity for one in found), key=("error", "warning", "info").index)
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        element = SubElement(case, "failure", message=f"{lines[0]}{more}", type=worst)
    else:
        element = SubElement(case, "system-out")
    element.text = "\n".join([*lines, rule.why, rule.page])
    return case


def _line(reported: Reported, report: Report) -> str:
    finding = reported.finding
    line = f":{finding.line}" if finding.line else ""
    place = f"{report.prefix}{finding.file}{line}: " if finding.file else ""
    cell = f" (cell {finding.cell})" if finding.cell else ""
    only = f" ({reported.limited})" if reported.limited else ""
    hint = f". {finding.hint}" if finding.hint else ""
    return printable(f"{place}{finding.message}{cell}{only}{hint}")
