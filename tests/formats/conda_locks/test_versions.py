"""Conda's own order of versions, and which of them a specification allows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.formats.conda_locks.versions import build_satisfies, compare, parsed, satisfies

#: As conda documents its order.
ORDERED = (
    "0.4",
    "0.4.1.rc",
    "0.4.1",
    "0.5a1",
    "0.5b3",
    "0.5C1",
    "0.5",
    "0.9.6",
    "0.960923",
    "1.0",
    "1.1dev1",
    "1.1a1",
    "1.1.0dev1",
    "1.1.a1",
    "1.1.0rc1",
    "1.1.0",
    "1.1.0post1",
    "1996.07.12",
    "1!0.4.1",
    "2!0.4.1",
)


@pytest.mark.parametrize(
    ("version", "spec"),
    [
        ("1.2.3", ">=1.2,<2"),
        ("1.2", "1.2.0"),
        ("1.2.7", "1.2.*"),
        ("1.2.7", "=1.2"),
        ("1.2", "=1.2.0"),
        ("2.3", "~=2.2"),
        ("1.0.post1", ">1.0"),
        ("1.0dev1", "<1.0a1"),
        ("1.1.1w", ">=1.1.1t,<1.1.2a"),
        ("2024a", ">=2023c"),
        ("9e", ">=9d"),
        ("1!0.1", ">5"),
        ("1.2", "1.1|1.2"),
        ("8.2", "!=8.3"),
        ("1.2", "*"),
        ("1.2", ">=1.0.*"),
    ],
)
def test_a_version_that_is_allowed(version: str, spec: str) -> None:
    assert satisfies(version, spec)


@pytest.mark.parametrize(
    ("version", "spec"),
    [
        ("1.10", "1.9|>=2"),
        ("1.20", "1.2.*"),
        ("3.12.0", "=3.11"),
        ("1.0rc1", ">=1.0"),
        ("3.0", "~=2.2"),
        ("2.1", "~=2.2"),
        ("8.2", "!=8.2"),
        ("8.2.1", "!=8.2.*"),
        ("1.2+cu1", "==1.2"),
        ("1.2", "<1.2"),
        ("1.2", ">1.2"),
        ("1.2.1", "<=1.2"),
        ("1!1.0", "=1.0"),
    ],
)
def test_a_version_that_is_not_allowed(version: str, spec: str) -> None:
    assert not satisfies(version, spec)


@pytest.mark.parametrize("spec", ["(>=1|<2),3", "^1.*$", "=>3", "latest!", ">= ", "9" * 300])
def test_what_is_not_understood_is_not_called_wrong(spec: str) -> None:
    assert satisfies("1.2", spec)


def test_versions_are_ordered_as_conda_documents() -> None:
    for older, newer in pairwise(ORDERED):
        one, other = parsed(older), parsed(newer)
        assert one is not None
        assert other is not None

        assert compare(one, other) <= 0, (older, newer)


def test_a_build_is_compared_as_a_pattern() -> None:
    assert build_satisfies("py311h64a7726_0", "py311*")
    assert not build_satisfies("py310h64a7726_0", "py311*")


@given(st.text(), st.text())
def test_any_text_has_an_answer(version: str, spec: str) -> None:
    assert satisfies(version, spec) in (True, False)


@given(st.from_regex(r"[0-9]{1,3}(\.[0-9a-z]{1,4}){0,3}", fullmatch=True))
def test_a_version_satisfies_itself_and_what_it_begins_with(version: str) -> None:
    assert satisfies(version, f"=={version}")
    assert satisfies(version, f">={version},<={version}")
    assert satisfies(version, f"={version}")
    assert not satisfies(version, f"!={version}")
