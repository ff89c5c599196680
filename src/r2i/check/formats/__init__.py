"""The report of the static check in the formats that people and programs read, each a function from report to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from r2i.check.findings import Report
from r2i.check.formats.json_report import to_json
from r2i.check.formats.text_report import to_text

FORMATS: Mapping[str, Callable[[Report], str]] = {"text": to_text, "json": to_json}
