"""Specifiers that only old releases of pip took. What these made of them was asked of `packaging` 20.9, which pip 20.3 brought."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from r2i.formats.requirements.old_specifiers import modern

VERSIONS = [
    "0.9",
    "1.0",
    "1.0.1",
    "1.1",
    "1.15",
    "1.16",
    "1.16.5",
    "1.17",
    "2",
    "2.0",
    "2.4",
    "2010",
    "2011",
    "2011.1",
    "2021.1",
]

#: What it was, what it is, and the first and last of these versions that it took then.
THEN = [
    (">=1.16.*", ">=1.16", "1.16", "2021.1"),
    (">1.16.*", ">=1.16", "1.16", "2021.1"),
    ("<1.16.*", "<1.16", "0.9", "1.15"),
    ("<=1.16.*", "<1.16", "0.9", "1.15"),
    (">=1.16.*.*", ">=1.16", "1.16", "2021.1"),
    (">=2011k", ">2011", "2011.1", "2021.1"),
    (">2011k", ">2011", "2011.1", "2021.1"),
    ("<2011k", "<=2011", "0.9", "2011"),
    ("<=2011k", "<=2011", "0.9", "2011"),
    (">=1.16.x", ">1.16", "1.16.5", "2021.1"),
    ("<2.x", "<=2", "0.9", "2.0"),
    (">=1.0d", ">=1.0", "1.0", "2021.1"),
    ("<=1.0d", "<1.0", "0.9", "0.9"),
    (">=1.0.pre-alpha", ">=1.0", "1.0", "2021.1"),
    (">=1.0-foo", ">1.0", "1.0.1", "2021.1"),
    ("<2.0-py3", "<=2.0", "0.9", "2.0"),
    (">=*", "", "0.9", "2021.1"),
    (">=1.16<2", ">=1.16", "1.16", "2021.1"),
    (">1.16<2", ">=1.16", "1.16", "2021.1"),
    ("<2>=1", "<2", "0.9", "1.17"),
    ("<=2&>=1", "<2", "0.9", "1.17"),
]


@pytest.mark.parametrize(("old", "new", "first", "last"), THEN)
def test_it_takes_what_it_took(old: str, new: str, first: str, last: str) -> None:
    taken = [version for version in VERSIONS if SpecifierSet(modern(old)).contains(version)]

    assert modern(old) == new
    assert taken == VERSIONS[VERSIONS.index(first) : VERSIONS.index(last) + 1]


@pytest.mark.parametrize(("old", "new"), [("==2.*.*", "==2.*"), ("!=2.*.*", "!=2.*"), ("==*", "")])
def test_what_was_taken_and_found_nothing_is_what_it_says(old: str, new: str) -> None:
    assert modern(old) == new


@pytest.mark.parametrize(
    "text", ["==2011k", "===1.0-foo", "==1.16*", "~=1.*", "=1.0", ">= 1.0rc1, <2", ">=1.0.dev", ""]
)
def test_the_rest_stays(text: str) -> None:
    assert modern(text) == text


@given(st.from_regex(r"(<=|>=|<|>|==|!=)[0-9]{1,3}(\.[0-9]{1,3}){0,2}[a-z.*_-]{0,8}", fullmatch=True))
def test_what_is_valid_stays_and_what_changes_is_valid(text: str) -> None:
    changed = modern(text)
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        assert changed == text or SpecifierSet(changed) is not None
    else:
        assert changed == text


@given(st.text(max_size=60))
def test_any_text_is_borne(text: str) -> None:
    assert isinstance(modern(text), str)
