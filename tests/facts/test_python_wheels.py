"""Which Pythons a pin has wheels for."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.facts.pins import pythons
from r2i.facts.python_wheels import CLAUSE, _allows, _releases, _table, limits_of, spoken
from r2i.model import Evidence, Pin


def minors(name: str, specifier: str, marker: str = "") -> str:
    """The Pythons in words, empty where the pin restricts nothing."""
    pin = Pin(name=name, specifier=specifier, evidence=Evidence(why=""), marker=marker)
    limits = limits_of([pin])
    return spoken(limits[0].minors) if limits else ""


@pytest.mark.parametrize(
    ("name", "specifier", "words"),
    [
        ("numpy", "==1.19.5", "3.6 to 3.9"),
        ("numpy", "== 1.19.5", "3.6 to 3.9"),
        ("numpy", "===1.19.5", "3.6 to 3.9"),
        ("numpy", "==1.19.5,>1", "3.6 to 3.9"),
        ("numpy", "==1.19", "3.6 to 3.8"),
        ("numpy", "==1.19.0", "3.6 to 3.8"),
        ("numpy", "==1.19.*", "3.6 to 3.9"),
        ("numpy", "<1.20,>=1.16", "2.7 and 3.5 to 3.9"),
        ("pandas", "==0.23.4", "2.7 and 3.5 to 3.7"),
        ("scikit-learn", "==0.22.2", "3.6 to 3.8"),
        ("scikit-learn", "==0.22.2.post1", "3.5 to 3.8"),
        ("tensorflow", "==2.7.0", "3.7 to 3.9"),
        ("tensorflow", "~=2.7.0", "3.7 to 3.9"),
        ("tensorflow", "<=1.15", "2.7 and 3.5 to 3.7"),
        ("torch", "==1.8.0+cpu", "3.6 to 3.9"),
        ("xarray", "==2023.1.0", "3.8 to 3.15"),
        ("numpy", ">=2.0", "3.9 to 3.15"),
        # Nothing is known of these, or they restrict nothing.
        ("numpy", ">=1.0", ""),
        ("numpy", "!=1.19.5", ""),
        ("numpy", "==99.1", ""),
        ("numpy", "==2.0.0rc1", ""),
        ("numpy", "<1.20,>=2", ""),
        ("no-such-thing", "==1", ""),
    ],
)
def test_a_pin_leaves_the_pythons_that_have_wheels(name: str, specifier: str, words: str) -> None:
    assert minors(name, specifier) == words


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ('python_version < "3.10"', "3.6 to 3.15"),
        ('python_version >= "3.7"', "2.7 and 3.5 to 3.9"),
        ('python_version >= "3.7" and python_version < "4.0"', "2.7 and 3.5 to 3.9"),
        ('sys_platform == "win32"', ""),
        ('platform_system == "Linux"', "3.6 to 3.9"),
        ("nonsense", "3.6 to 3.9"),
    ],
)
def test_a_marker_says_for_which_pythons_a_pin_counts(marker: str, words: str) -> None:
    assert minors("numpy", "==1.19.5", marker) == words


@pytest.mark.parametrize(
    ("minors", "words"),
    [
        ([], ""),
        (["3.9"], "3.9"),
        (["3.10", "3.9"], "3.9 to 3.10"),
        (["2.7", "3.5"], "2.7 and 3.5"),
        (["2.7", "3.5", "3.6", "3.9"], "2.7, 3.5 to 3.6 and 3.9"),
    ],
)
def test_pythons_in_words(minors: list[str], words: str) -> None:
    assert spoken(minors) == words


def test_the_table_is_small() -> None:
    table = _table()
    rows = [row for name in table for row in _releases(name)]

    assert len(files("r2i.facts").joinpath("python_wheels.toml").read_bytes()) < 40_000
    assert len(table) > 20
    assert all(found and found < pythons().keys() for _, found in rows)


VERSIONS = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@given(
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~=", "==*", "!=*"]), VERSIONS, VERSIONS, st.booleans()
)
def test_clauses_mean_what_pep_440_says(sign: str, bound: str, version: str, post: bool) -> None:  # noqa: FBT001
    from packaging.specifiers import SpecifierSet

    if sign == "~=" and "." not in bound:
        bound += ".0"
    text = f"{sign.removesuffix('*')}{bound}{'.*' if sign.endswith('*') else ''}"
    version += ".post1" if post else ""
    clause = CLAUSE.fullmatch(text)

    assert clause is not None
    assert _allows(clause, version) == SpecifierSet(text).contains(version)


@given(st.text(max_size=30))
def test_any_specifier_says_something_or_nothing(text: str) -> None:
    assert isinstance(minors("numpy", text), str)
