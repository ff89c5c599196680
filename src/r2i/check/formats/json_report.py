"""For programs: the schema is `docs/check.schema.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from r2i.check.execution.runs import to_json as dynamic_to_json
from r2i.check.facts.answers import NOBODY, Online
from r2i.check.findings import Reported
from r2i.check.report import Report

if TYPE_CHECKING:
    from r2i.check.hermeticity import Hermeticity, Share
    from r2i.check.size import Forecast

VERSION = 1


def to_json(report: Report) -> str:
    document = {
        "version": VERSION,
        "ready": report.ready,
        "directory": report.prefix,
        "targets": sorted(report.targets),
        "findings": [_finding(reported) for reported in report.findings],
        "suppressed": report.suppressed,
        "size": None if report.size is None else _size(report.size),
        "hermeticity": None if report.hermeticity is None else _hermeticity(report.hermeticity),
        "dynamic": None if report.dynamic is None else dynamic_to_json(report.dynamic),
        "unfinished": report.unfinished,
        "online": None if report.online is NOBODY else _online(report.online),
    }
    # ASCII, so that names which are no UTF-8 get through, and nothing that a terminal would obey.
    return json.dumps(document, indent=2) + "\n"


def _online(online: Online) -> dict[str, object]:
    return {
        "asked": [
            {"index": one.index, "packages": list(one.names), "cached": list(one.cached)}
            for one in online.questions
        ],
        "unanswered": list(online.unanswered),
        "absent": list(online.absent),
        "failure": online.failure or None,
    }


def _size(forecast: Forecast) -> dict[str, object]:
    return {
        "download": forecast.download,
        "unpacked": forecast.unpacked,
        "packages": forecast.packages,
        "unknown": list(forecast.unknown),
        "unmeasured": list(forecast.unmeasured),
        "parts": [
            {"name": part.name, "download": part.download, "unpacked": part.unpacked}
            for part in forecast.parts
        ],
    }


def _hermeticity(found: Hermeticity) -> dict[str, object]:
    return {
        "sentence": found.sentence,
        "distributions": _share(found.distributions),
        "base_images": list(found.base_images),
        "apt": _share(found.apt),
        "git": found.git,
        "downloads": found.downloads,
        "installations": found.installations,
        "as_of": found.as_of,
    }


def _share(share: Share) -> dict[str, int]:
    return {"unpinned": share.unpinned, "total": share.total}


def _finding(reported: Reported) -> dict[str, object]:
    rule, finding = reported.rule, reported.finding
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": reported.severity,
        "targets": sorted(reported.targets),
        "file": finding.file,
        "line": finding.line,
        "cell": finding.cell,
        "message": finding.message,
        "hint": finding.hint,
        "why": rule.why,
        "page": rule.page,
        "fix": finding.fix.title if finding.fix else None,
    }
