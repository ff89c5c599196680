"""`docs/security.md` names the test of each threat, and each of them is there."""

from __future__ import annotations

import re

import pytest

from tests.cases import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    line for line in PAGE.partition("## Threats")[2].splitlines() if line.startswith("| ") and "`" in line
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_the_tests_of_a_threat_are_there(row: str) -> None:
    named = re.findall(r"`((?:[\w/]+\.py)?(?:::\w+)?)`", row.split("|")[3])
    file = ""
    for name in named:
        path, _, function = name.partition("::")
        file = path or file
        text = (ROOT / (file if "/" in file else f"tests/hostile/{file}")).read_text(encoding="utf-8")

        assert not function or f"def {function}(" in text, name
    assert named
