"""A badge that says how many notebooks run: as a picture, and as what a badge service reads from an address.

https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape

from r2i.check.execution.runs import DynamicReport, Level

LABEL = "notebooks"

#: The names of colours that a badge service knows, and what they look like in our own picture.
COLOURS = {"brightgreen": "#3b8132", "yellow": "#9a6700", "red": "#b62324", "lightgrey": "#5d646c"}

#: How wide text is, in units of its size: the letters of the fonts that browsers take for it differ little.
NARROW, WIDE = frozenset("fijlrt1 .,:;'|!()[]/"), frozenset("mwMW%@")
HEIGHT, SIZE, PADDING = 20, 11, 6


@dataclass(frozen=True, kw_only=True)
class Badge:
    message: str
    colour: str
    label: str = LABEL


def badge(report: DynamicReport) -> Badge:
    """Of the level that was asked for, or of the one before it that does not hold."""
    if report.image is None:
        return Badge(message="does not build", colour="red")
    if report.tried >= Level.L1 and report.status(Level.L1) != "passed":
        return Badge(message="does not start", colour="red")
    if not report.runs:
        level = min(report.asked, Level.L1)
        return Badge(
            message="builds" if level == Level.L0 else "starts", colour="brightgreen", label="binder"
        )
    level = max(Level.L2, min(report.asked, report.tried))
    passed, whole = sum(run.passed(level) for run in report.runs), len(report.runs)
    done = {Level.L2: "import", Level.L3: "run", Level.L4: "as saved"}[level]
    colour = "brightgreen" if passed == whole else "yellow" if passed else "red"
    return Badge(message=f"{passed} of {whole} {done}", colour=colour)


def to_endpoint(report: DynamicReport) -> str:
    made = badge(report)
    fields = {"schemaVersion": 1, "label": made.label, "message": made.message, "color": made.colour}
    return json.dumps(fields) + "\n"


def to_svg(report: DynamicReport) -> str:
    made = badge(report)
    left, right = (_width(text) + 2 * PADDING for text in (made.label, made.message))
    said = escape(f"{made.label}: {made.message}")
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{_width(text)}">{escape(text)}</text>'
        for x, text in ((PADDING, made.label), (left + PADDING, made.message))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<clipPath id="round"><rect width="{left + right}" height="{HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#round)"><rect width="{left}" height="{HEIGHT}" fill="#444c56"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{COLOURS[made.colour]}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="{SIZE}">{texts}</g>'
        "</svg>\n"
    )


def _width(text: str) -> int:
    units = sum(0.4 if c in NARROW else 0.95 if c in WIDE else 0.63 for c in text)
    return round(units * SIZE)
