"""Which versions an entry of `[compat]` allows: what Pkg itself says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.formats.julia.compat import parse_compat

VERSIONS = [
    "0.0.0",
    "0.0.1",
    "0.0.3",
    "0.1.0",
    "0.2.0",
    "0.2.5",
    "0.7.0",
    "1.0.0",
    "1.0.5",
    "1.2.0",
    "1.2.9",
    "1.3.0",
    "1.6.0",
    "1.6.2",
    "1.6.3",
    "1.6.7",
    "1.7.0",
    "1.8.5",
    "1.9.2",
    "1.9.4",
    "1.10.0",
    "1.10.4",
    "1.12.7",
    "2.0.0",
    "2.9.9",
]

#: Entries, and what `Pkg.Types.semver_spec` of Julia 1.5 says: for each version above 1 or 0, or that it is an error.
RECORDED = [
    tuple(line.split("\t")) for line in Path(__file__).with_name("compat.txt").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize(("entry", "said"), RECORDED)
def test_an_entry_allows_what_pkg_says(entry: str, said: str) -> None:
    compat = parse_compat(json.loads(entry))

    found = "error" if compat is None else "".join(str(int(compat.allows(version))) for version in VERSIONS)
    assert found == said


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[~^=<>≥]{0,2}\s?v?[\d.]{1,9}(\s?[-,]\s?[\d.]{1,9})?")))
def test_any_text_is_an_entry_or_none(text: str) -> None:
    compat = parse_compat(text)

    assert compat is None or all(compat.allows(version) in (True, False) for version in VERSIONS)


@given(st.tuples(*[st.integers(min_value=0, max_value=99)] * 3).filter(any))
def test_a_version_allows_itself(number: tuple[int, ...]) -> None:
    version = ".".join(map(str, number))

    for entry in (
        version,
        f"^{version}",
        f"~{version}",
        f"={version}",
        f">={version}",
        f"{version} - {version}",
    ):
        compat = parse_compat(entry)
        assert compat is not None
        assert compat.allows(version)
    below = parse_compat(f"<{version}")
    assert below is not None
    assert not below.allows(version)
