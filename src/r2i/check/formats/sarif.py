"""For code scanning: SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import quote

from r2i import __version__
from r2i.check.findings import Reported, Rule, Severity
from r2i.check.report import Report
from r2i.edits.fixes import Edit, Fix
from r2i.model import Json
from r2i.quoting import printable

LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def to_sarif(report: Report) -> str:
    rules = tuple(dict.fromkeys((*report.rules, *(reported.rule for reported in report.findings))))
    driver: Json = {
        "name": "r2i",
        "version": __version__,
        "informationUri": "https://github.com/r2i/r2i",
        "rules": [_rule(rule) for rule in rules],
    }
    document: Json = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository"}}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(one, report, rules.index(one.rule)) for one in report.findings],
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _rule(rule: Rule) -> Json:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace("-", " ").capitalize()},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"{rule.why} Applies to: {rule.applies_to}. See {rule.page}",
            "markdown": f"{rule.why} Applies to: {rule.applies_to}. [More about {rule.code}]({rule.page})",
        },
        "helpUri": rule.page,
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _result(reported: Reported, report: Report, index: int) -> Json:
    rule, finding = reported.rule, reported.finding
    hint = f"\n{printable(finding.hint)}" if finding.hint else ""
    cell = f" (cell {finding.cell})" if finding.cell else ""
    only = f"{reported.limited}: " if reported.limited else ""
    result: dict[str, Json] = {
        "ruleId": rule.code,
        "ruleIndex": index,
        "level": LEVELS[reported.severity],
        "message": {"text": f"{only}{printable(finding.message)}{cell}{hint}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(report, finding.file),
                    "region": {"startLine": finding.line or 1},
                }
            }
        ],
        "properties": {"targets": [*sorted(reported.targets)]},
    }
    if finding.fix is not None and _is_text(finding.fix):
        result["fixes"] = [_fix(finding.fix, report)]
    return result


def _artifact(report: Report, file: str | None) -> Json:
    """A finding without a file is one of the directory that was checked: readers want a place for each."""
    path = report.prefix + (file or "") or "."
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError:  # no name that a file can have
        name = path.encode(errors="surrogatepass")
    return {"uri": quote(name), "uriBaseId": "SRCROOT"}


def _is_text(fix: Fix) -> bool:
    """Whether it is nothing but text in place of other text: all that the format can express."""
    try:
        for edit in fix.edits:
            edit.text.decode()
    except UnicodeDecodeError:
        return False
    return bool(fix.edits) and not fix.executable and not fix.renamed


def _fix(fix: Fix, report: Report) -> Json:
    by_file: dict[str, list[Edit]] = defaultdict(list)
    for edit in fix.edits:
        by_file[edit.file].append(edit)
    return {
        "description": {"text": printable(fix.title)},
        "artifactChanges": [
            {"artifactLocation": _artifact(report, file), "replacements": _replacements(edits)}
            for file, edits in by_file.items()
        ],
    }


def _replacements(edits: Iterable[Edit]) -> Json:
    return [
        {
            "deletedRegion": {"byteOffset": edit.start, "byteLength": edit.end - edit.start},
            "insertedContent": {"text": edit.text.decode()},
        }
        for edit in edits
    ]
