"""The report of the static check in the formats that programs read, each a function from report to text.

Whatever a repository's files say, each gives a well-formed document without control characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from r2i.check.formats.github import to_github
from r2i.check.formats.gitlab import to_gitlab
from r2i.check.formats.json_report import to_json
from r2i.check.formats.junit import to_junit
from r2i.check.formats.sarif import to_sarif
from r2i.check.report import Report

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "json": to_json,
    "github": to_github,
    "gitlab": to_gitlab,
    "sarif": to_sarif,
    "junit": to_junit,
}
