"""The table of docs/sources.md: every example is read by the provider that the page names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from r2i.sources import parse
from r2i.sources.providers import PROVIDERS
from tests.cases import ROOT

ROWS = [
    (example, provider)
    for cells, provider in re.findall(
        r"^\| (`.*`) \| (\w+) \| .* \|$", (ROOT / "docs/sources.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    for example in re.findall(r"`([^`]+)`", cells)
]


@pytest.mark.parametrize(("example", "provider"), ROWS)
def test_an_example_is_read_by_its_provider(
    example: str, provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for directory in ("project", "path/to/project"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "course.zip").touch()

    assert parse(example, cwd=tmp_path).provider == provider


def test_every_provider_has_a_row() -> None:
    assert {provider for _, provider in ROWS} == {provider.name for provider in PROVIDERS}
