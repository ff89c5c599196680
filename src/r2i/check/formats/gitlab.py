"""For GitLab: a report on code quality, which merge requests show.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256

from r2i.check.findings import Severity
from r2i.check.formats.annotations import Annotation, annotated
from r2i.check.report import Report
from r2i.quoting import printable

SEVERITIES: dict[Severity, str] = {"error": "major", "warning": "minor", "info": "info"}


def to_gitlab(report: Report) -> str:
    seen: Counter[tuple[str, ...]] = Counter()
    entries = []
    for one in annotated(report):
        # Not the line: what only moves is no new finding. GitLab takes each fingerprint once.
        same = (one.heading, one.file or "", one.text)
        seen[same] += 1
        entries.append(_entry(one, "\0".join((*same, str(seen[same])))))
    return json.dumps(entries, indent=2) + "\n"


def _entry(one: Annotation, identity: str) -> dict[str, object]:
    text = " ".join(map(printable, one.text.splitlines()))
    return {
        "description": f"{printable(one.title)}: {text}" if one.title else text,
        "check_name": printable(one.code or one.title),
        "fingerprint": sha256(identity.encode("utf-8", "backslashreplace")).hexdigest(),
        "severity": SEVERITIES[one.severity],
        "location": {"path": one.file or ".", "lines": {"begin": one.line or 1}},
    }
