"""The report of the static check in the formats that programs read, each a function from report to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from r2i.check.findings import Report
from r2i.check.formats.json_report import to_json

FORMATS: Mapping[str, Callable[[Report], str]] = {"json": to_json}
