"""Which Python a repository gets, from what evidence, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import write

from r2i.errors import InvalidRepositoryError, UsageError
from r2i.facts.pins import base_image, pythons
from r2i.model import (
    Detection,
    Evidence,
    Notice,
    Options,
    Pin,
    Python,
    PythonConstraint,
    PythonEnvironment,
    VersionRequest,
)
from r2i.planning.compose import make_plan
from r2i.planning.pythons import choose_python


@dataclass(frozen=True, kw_only=True)
class Said:
    """What files say, each in one of its own: `runtime` in line 1 of `runtime.txt`, and so on."""

    option: str | None = None
    runtime: str | None = None
    environment: str | None = None
    requires: tuple[str, ...] = ()
    notebooks: str | None = None
    pins: tuple[str, ...] = ()
    date: str | None = None
    as_of: str | None = None
    base: str | None = None
    own: bool = False
    manager: str = "uv"
    markers: dict[str, str] = field(default_factory=dict)


def decide(said: Said) -> tuple[Python, tuple[Notice, ...]]:
    pins = [pin(text, line, said.markers) for line, text in enumerate(said.pins, 1)]
    environment = PythonEnvironment(
        buildpack="requirements",
        defined_by="requirements.txt",
        names={pin.name: pin.evidence for pin in pins},
        pins=tuple(pin for pin in pins if pin.specifier),
        manager=said.manager,  # type: ignore[arg-type]
    )
    requires = tuple(
        PythonConstraint(
            specifier=text, evidence=Evidence(why=f"allows `{text}`", file="setup.cfg", line=number)
        )
        for number, text in enumerate(said.requires, 1)
    )
    detections = (
        Detection(requests=request(said.runtime, "runtime.txt")),
        Detection(ran_on=request(said.notebooks, "a.ipynb")),
        Detection(
            requests=request(said.environment, "poetry.lock"), requires=requires, environment=environment
        ),
    )
    options = Options(python=said.option, as_of=said.as_of, own_python=said.own)
    return choose_python(base_image(said.base), options, detections, date=said.date)


def request(version: str | None, file: str) -> dict[str, VersionRequest]:
    if version is None:
        return {}
    evidence = Evidence(why=f"says {version}", file=file, line=1)
    return {"python": VersionRequest(version=version, evidence=evidence)}


def pin(text: str, line: int, markers: dict[str, str]) -> Pin:
    at = min((text.index(sign) for sign in "=<>~!" if sign in text), default=len(text))
    evidence = Evidence(why=f"asks for `{text}`", file="requirements.txt", line=line)
    return Pin(name=text[:at], specifier=text[at:], evidence=evidence, marker=markers.get(text, ""))


DECISIONS = [
    # The order: each one decides over all below it.
    (Said(), "3.13", "base", None),
    (Said(date="2021-11-20T12:00:00Z"), "3.9", "uv", None),
    (Said(notebooks="3.8", date="2019-11-20T12:00:00Z"), "3.8", "uv", "a.ipynb"),
    (Said(requires=(">=3.6",), notebooks="3.8", date="2021-11-20T12:00:00Z"), "3.8", "uv", "setup.cfg"),
    (Said(environment="3.11", requires=(">=3.6",), notebooks="3.8"), "3.11", "uv", "poetry.lock"),
    (Said(runtime="3.12", environment="3.11", requires=(">=3.6",)), "3.12", "uv", "runtime.txt"),
    (Said(option="3.14", runtime="3.12", environment="3.11", notebooks="3.8"), "3.14", "uv", None),
    # A date: the newest that was a year old, on the very day and the day before.
    (Said(date="2020-10-14T00:00:00Z"), "3.8", "uv", None),
    (Said(date="2020-10-13T23:59:59Z", as_of="2020-10-14T00:00:00Z"), "3.7", "conda", None),
    (Said(date="2024-02-29T00:00:00Z"), "3.11", "uv", None),
    (Said(pins=("six==1.0",), date="2012-01-01T00:00:00Z"), "3.6", "conda", None),
    (Said(pins=("six==1.0",), date="0001-01-01T00:00:00Z"), "3.6", "conda", None),
    # What is not pinned is today's, and so is its Python: none that only conda has.
    (Said(date="2020-10-13T23:59:59Z"), "3.13", "base", None),
    (Said(date="2012-01-01T00:00:00Z"), "3.13", "base", None),
    (Said(date="0001-01-01T00:00:00Z"), "3.13", "base", None),
    (Said(date="2018-05-01T00:00:00Z", requires=(">=3.6",)), "3.13", "base", "setup.cfg"),
    (Said(date="2018-05-01T00:00:00Z", base="debian:12"), "3.11", "base", None),
    (Said(notebooks="3.6"), "3.13", "base", None),
    (Said(notebooks="3.6", date="2021-03-04T00:00:00Z"), "3.8", "uv", None),
    (Said(notebooks="3.6", requires=("<3.12",)), "3.11", "uv", "setup.cfg"),
    (Said(notebooks="3.8", requires=(">=3.9",)), "3.13", "base", "setup.cfg"),
    (Said(notebooks="3.8", pins=("numpy>=2.0",)), "3.13", "base", "requirements.txt"),
    (Said(notebooks="3.11", pins=("numpy>=1.0", "six==1.16.0")), "3.11", "uv", "a.ipynb"),
    (Said(notebooks="3.6", pins=("a", "b", "six==1.16.0")), "3.13", "base", None),
    (Said(notebooks="3.6", pins=("a", "six==1.16.0")), "3.13", "base", None),
    (Said(notebooks="3.6", pins=("a", "numpy>=1.0", "pip==20.0.2", "wheel==0.3")), "3.13", "base", None),
    # … but where most are pinned, or the day is asked for, it is the Python of that day.
    (Said(notebooks="3.6", pins=("a", "six==1.16.0", "toolz==0.10.*")), "3.6", "conda", "a.ipynb"),
    (Said(notebooks="3.6", as_of="2019-06-30T00:00:00Z"), "3.6", "conda", "a.ipynb"),
    (Said(as_of="2019-11-30T00:00:00Z"), "3.7", "conda", None),
    (Said(pins=("six==1.12.0",), date="2019-11-20T12:00:00Z"), "3.7", "conda", None),
    (Said(notebooks="3.6", manager="conda"), "3.13", "conda", None),
    (Said(notebooks="3.6", manager="conda", pins=("a", "b", "c==1.2")), "3.6", "conda", "a.ipynb"),
    # Pins narrow the choice, even to one that only conda has.
    (
        Said(pins=("pandas==0.23.4", "a", "b"), date="2024-01-01T00:00:00Z"),
        "3.7",
        "conda",
        "requirements.txt",
    ),
    # … but what the base image has, where that is old enough.
    (Said(date="2026-11-20T00:00:00Z"), "3.13", "base", None),
    (Said(date="2026-11-20T00:00:00Z", base="debian:12"), "3.11", "base", None),
    (Said(date="2022-01-01T00:00:00Z", base="debian:12"), "3.9", "uv", None),
    (Said(date="2026-11-20T00:00:00Z", base="example.org/unknown"), "3.13", "uv", None),
    # The day of `--as-of` instead of that of the commit.
    (Said(date="2026-11-20T00:00:00Z", as_of="2021-06-30T00:00:00Z"), "3.8", "uv", None),
    # What files allow.
    (Said(requires=(">=3.8",)), "3.13", "base", "setup.cfg"),
    (Said(requires=("<3.10",)), "3.9", "uv", "setup.cfg"),
    (Said(requires=(">=3.14",)), "3.14", "uv", "setup.cfg"),
    (Said(requires=(">=3.9",), date="2019-06-01T00:00:00Z"), "3.13", "base", "setup.cfg"),
    (Said(requires=(">=3.9",), as_of="2019-06-01T00:00:00Z"), "3.9", "uv", "setup.cfg"),
    (Said(requires=("<3",)), "2.7", "conda", "setup.cfg"),
    (Said(requires=(">=2.7,!=3.0.*,!=3.1.*",)), "3.13", "base", "setup.cfg"),
    (Said(requires=("~=3.8",)), "3.13", "base", "setup.cfg"),
    (Said(requires=(">=3.8,<=3.11",)), "3.10", "uv", "setup.cfg"),
    (Said(requires=("<=3.11,>=3.11",)), "3.11.0", "uv", "setup.cfg"),
    (Said(requires=("==3.9.7",)), "3.9.7", "uv", "setup.cfg"),
    (Said(requires=("==3.13.2",)), "3.13.2", "uv", "setup.cfg"),
    (Said(requires=("==3.9.*",)), "3.9", "uv", "setup.cfg"),
    (Said(requires=(">=3.7", "<3.12", "!=3.11.*")), "3.10", "uv", "setup.cfg"),
    (Said(requires=(">=3.9.2",), date="2021-11-01T00:00:00Z"), "3.9", "uv", "setup.cfg"),
    # What notebooks ran on.
    (Said(notebooks="3.13"), "3.13", "base", "a.ipynb"),
    (Said(notebooks="2.7"), "3.13", "base", None),
    (Said(notebooks="2.7", pins=("six==1.12.0",)), "2.7", "conda", "a.ipynb"),
    (Said(notebooks="3.4"), "3.13", "base", None),
    (Said(notebooks="3.4", pins=("six==1.12.0",)), "3.5", "conda", "a.ipynb"),
    (Said(notebooks="3.99"), "3.13", "base", None),
    (Said(notebooks="3.99", pins=("six==1.12.0",)), "3.15", "uv", "a.ipynb"),
    # What pins have wheels for.
    (Said(pins=("numpy==1.19.5",)), "3.9", "uv", "requirements.txt"),
    (Said(pins=("tensorflow==2.7.0",)), "3.9", "uv", "requirements.txt"),
    (Said(pins=("scikit-learn==0.22.2",)), "3.8", "uv", "requirements.txt"),
    (Said(pins=("pandas==0.23.4",)), "3.7", "conda", "requirements.txt"),
    (Said(pins=("numpy==1.19.5", "tensorflow==2.4.1")), "3.8", "uv", "requirements.txt"),
    (Said(pins=("numpy<1.20",)), "3.9", "uv", "requirements.txt"),
    (Said(pins=("tensorflow~=2.7.0",)), "3.9", "uv", "requirements.txt"),
    (Said(pins=("numpy==1.19.5",), date="2021-03-01T00:00:00Z"), "3.8", "uv", None),
    (Said(pins=("numpy==1.26.4",), date="2019-11-01T00:00:00Z"), "3.9", "uv", "requirements.txt"),
    (Said(pins=("numpy==1.19.5",), notebooks="3.7"), "3.7", "conda", "a.ipynb"),
    (Said(pins=("numpy==1.19.5",), notebooks="3.11"), "3.9", "uv", "requirements.txt"),
    (Said(pins=("numpy==1.19.5",), requires=(">=3.7",)), "3.9", "uv", "requirements.txt"),
    (Said(pins=("numpy==1.19.5",), requires=(">=3.10",)), "3.13", "base", "setup.cfg"),
    (Said(pins=("numpy==1.19.5",), runtime="3.12"), "3.12", "uv", "runtime.txt"),
    (Said(pins=("numpy>=1.0", "no-such-thing==1", "numpy==99.1")), "3.13", "base", None),
    (Said(pins=("numpy==1.19.5", "torch==2.0.0", "matplotlib==3.10.0")), "3.11", "uv", "requirements.txt"),
    (
        Said(pins=("numpy==1.19.5",), markers={"numpy==1.19.5": "python_version < '3.10'"}),
        "3.13",
        "base",
        None,
    ),
    (
        Said(pins=("numpy==1.19.5",), markers={"numpy==1.19.5": "python_version >= '3.7'"}),
        "3.9",
        "uv",
        "requirements.txt",
    ),
    # A conda environment has an interpreter of its own.
    (Said(manager="conda"), "3.13", "conda", None),
    (Said(manager="conda", pins=("numpy==1.19.5",)), "3.13", "conda", None),
    (Said(manager="conda", environment="3.4.5"), "3.4.5", "conda", "poetry.lock"),
]


@pytest.mark.parametrize(("said", "version", "provider", "file"), DECISIONS)
def test_the_strongest_evidence_decides(said: Said, version: str, provider: str, file: str | None) -> None:
    python, _ = decide(said)

    assert (python.version, python.provider, python.evidence.file) == (version, provider, file)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said(), "no file sets a version; trixie ships Python 3.13"),
        (
            Said(base="example.org/a"),
            "no file sets a version; 3.13 is the default because the Python version of `example.org/a` is unknown",
        ),
        (
            Said(date="2021-03-04T05:06:07Z"),
            "no file sets a version; 3.8 was the newest version at least a year old on 2021-03-04, the date of the last commit",
        ),
        (
            Said(as_of="2021-03-04T05:06:07Z"),
            "no file sets a version; 3.8 was the newest version at least a year old on 2021-03-04, the date of `--as-of`",
        ),
        (
            Said(date="2011-03-04T05:06:07Z", pins=("six==1.0",)),
            "no file sets a version; 3.6 is the nearest version to 2011-03-04, the date of the last commit",
        ),
        (Said(requires=(">=3.9",)), "allows `>=3.9`; trixie ships Python 3.13"),
        (Said(requires=(">=3.6", "<3.9")), "allows `<3.9`; 3.8 is the newest of these"),
        (Said(requires=(">=3.14",)), "allows `>=3.14`; 3.14 is the oldest of these"),
        (Said(requires=("==3.9.7",)), "allows `==3.9.7`"),
        (Said(runtime="3.13"), "says 3.13; trixie ships it"),
        (
            Said(notebooks="3.4", pins=("six==1.0",)),
            "says 3.4; 3.5 is the nearest available version",
        ),
        (Said(requires=(">=3.6",), notebooks="3.8"), "allows `>=3.6`; says 3.8"),
        (Said(pins=("numpy==1.19.5",)), "`numpy==1.19.5` has wheels for Python 3.6 to 3.9"),
        (
            Said(pins=("lxml==4.6.3", "pandas==0.23.4")),
            "`pandas==0.23.4` has wheels for Python 2.7 and 3.5 to 3.7",
        ),
        (
            Said(pins=("numpy>=2.0",), as_of="2019-11-01T00:00:00Z"),
            "`numpy>=2.0` has wheels for Python 3.9 and newer",
        ),
        (
            Said(pins=("numpy==1.19.5", "torch==2.0.0", "matplotlib==3.10.0")),
            "`torch==2.0.0` has wheels for Python 3.8 to 3.11",
        ),
        (
            Said(
                pins=("numpy>=1.20,<2.0", "pandas>=1.3,<2.0"),
                markers={"pandas>=1.3,<2.0": 'python_version >= "3.8"'},
            ),
            "`pandas>=1.3,<2.0` has wheels for Python 3.7 to 3.11",
        ),
    ],
)
def test_the_reason_is_said(said: Said, why: str) -> None:
    assert decide(said)[0].evidence.why == why


@pytest.mark.parametrize(
    ("said", "level", "file", "message"),
    [
        (
            Said(runtime="3.12", environment="3.11"),
            "warning",
            "poetry.lock",
            "Python 3.11 is requested here, but `runtime.txt`, line 1, takes precedence: 3.12",
        ),
        (
            Said(runtime="3.8", requires=(">=3.9",)),
            "warning",
            "setup.cfg",
            "Only Python `>=3.9` is allowed here, but `runtime.txt`, line 1, takes precedence: 3.8",
        ),
        (
            Said(option="3.12", notebooks="3.8"),
            "info",
            "a.ipynb",
            "says 3.8, but `--python` takes precedence: 3.12",
        ),
        (
            Said(runtime="3.13", pins=("numpy==1.19.5",)),
            "warning",
            "requirements.txt",
            "`numpy==1.19.5` has wheels for Python 3.6 to 3.9, but `runtime.txt`, line 1, takes precedence: 3.13",
        ),
        (
            Said(requires=(">=3.9",), notebooks="3.8"),
            "info",
            "a.ipynb",
            "says 3.8, but `setup.cfg`, line 1, takes precedence: 3.13",
        ),
        (
            Said(notebooks="3.8", pins=("numpy>=2.0",)),
            "info",
            "a.ipynb",
            "says 3.8, but `requirements.txt`, line 1, takes precedence: 3.13",
        ),
        (
            Said(notebooks="3.6"),
            "info",
            "a.ipynb",
            (
                "says 3.6, but only conda-forge still provides it and no requirement is pinned: the image has Python 3.13;"
                " `--python 3.6` overrides this"
            ),
        ),
        (
            Said(notebooks="3.6", pins=("six>=1",), date="2021-03-04T00:00:00Z"),
            "info",
            "a.ipynb",
            (
                "says 3.6, but only conda-forge still provides it and most requirements are not pinned: the image has Python"
                " 3.8; `--python 3.6` overrides this"
            ),
        ),
        (
            Said(notebooks="2.7"),
            "info",
            "a.ipynb",
            (
                "says 2.7, but only conda-forge still provides it and no requirement is pinned: the image has Python 3.13;"
                " `--python 2.7` overrides this"
            ),
        ),
        (
            Said(notebooks="3.4"),
            "info",
            "a.ipynb",
            "says 3.4, but r2i cannot install it: the image has Python 3.13",
        ),
        (
            Said(notebooks="3.11", pins=("numpy==1.19.5",)),
            "info",
            "a.ipynb",
            "says 3.11, but `requirements.txt`, line 1, takes precedence: 3.9",
        ),
        (
            Said(pins=("numpy==1.19.5", "torch==2.0.0", "matplotlib==3.10.0")),
            "warning",
            "requirements.txt",
            "`numpy==1.19.5` has wheels for Python 3.6 to 3.9, but most pins have wheels for 3.11",
        ),
        (
            Said(runtime="3.13.2"),
            "info",
            "runtime.txt",
            "Python 3.13.2 is requested; the newest patch release of 3.13 is used",
        ),
    ],
)
def test_evidence_that_says_otherwise_is_told_with_both_places(
    said: Said, level: str, file: str, message: str
) -> None:
    _, notices = decide(said)

    assert [(n.level, n.file, n.line, n.message) for n in notices] == [(level, file, 1, message)]


@pytest.mark.parametrize(
    "said",
    [
        Said(),
        Said(
            runtime="3.12.1",
            environment="3.12",
            notebooks="3.12",
            requires=(">=3.9",),
            pins=("numpy==1.26.4",),
        ),
        Said(notebooks="3.8", pins=("numpy==1.19.5",)),
        Said(notebooks="3.4", pins=("six==1.0",)),
        Said(requires=(">=3.9",), notebooks="3.13"),
        Said(requires=(">=3.7",), notebooks="3.8"),
    ],
)
def test_nothing_is_said_where_all_agree(said: Said) -> None:
    assert decide(said)[1] == ()


def test_a_day_that_is_passed_over_names_the_option_that_selects_it() -> None:
    python, notices = decide(Said(date="2018-04-02T05:06:07Z"))

    assert python.version == "3.13"
    assert [(n.level, n.message) for n in notices] == [
        (
            "info",
            (
                "3.6 was the newest version at least a year old on 2018-04-02, the date of the last commit, but only conda-forge"
                " still provides it and no requirement is pinned: the image has Python 3.13; `--as-of 2018-04-02` selects the"
                " Python and packages of that day"
            ),
        )
    ]
    # The option can be followed.
    assert decide(Said(date="2018-04-02T05:06:07Z", as_of="2018-04-03T00:00:00Z"))[0].version == "3.6"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (Said(notebooks="3.9"), "3.13"),
        (Said(date="2021-11-20T12:00:00Z"), "3.13"),
        (Said(notebooks="3.9", base="debian:12"), "3.11"),
        (Said(notebooks="3.9", pins=("six==1.16.0",)), "3.13"),
    ],
)
def test_what_cannot_be_downloaded_gives_way_to_the_base_image(said: Said, version: str) -> None:
    wanted, _ = decide(said)
    python, notices = decide(replace(said, own=True))

    assert (wanted.version, wanted.provider) == ("3.9", "uv")
    assert (python.version, python.provider) == (version, "base")
    assert [n.level for n in notices] == ["warning"]
    assert notices[0].message == (
        f"Python 3.9 could not be downloaded, so the image has Python {version}: {wanted.evidence.why}"
    )


@pytest.mark.parametrize(
    "said",
    [
        Said(runtime="3.9"),
        Said(option="3.9"),
        Said(requires=("<3.10",)),
        Said(pins=("numpy==1.19.5", "a", "b")),
    ],
)
def test_a_version_that_files_lead_to_gives_way_to_none(said: Said) -> None:
    assert decide(replace(said, own=True))[0] == decide(said)[0]


def test_no_more_than_a_few_pins_are_named() -> None:
    _, notices = decide(Said(runtime="3.13", pins=tuple(f"numpy==1.19.{patch}" for patch in range(5))))

    assert [n.line for n in notices] == [1, 2, 3, None]
    assert notices[-1].message == "2 more pins have no wheels for Python 3.13"


@pytest.mark.parametrize(
    ("requires", "line", "words"),
    [
        ((">=3.99",), 1, "`>=3.99` allows no Python version that r2i can install"),
        (("<2",), 1, "`<2` allows no Python"),
        (
            (">=3.10", "<3.9"),
            2,
            "`<3.9` excludes every Python version that `setup.cfg`, line 1, allows: `>=3.10`",
        ),
        ((">=3.8", ">=3.10", "<3.9"), 3, "`setup.cfg`, line 2, allows: `>=3.10`"),
        (("three",), 1, "`three` is not a valid range of Python versions"),
        ((">=" + "9" * 5000,), 1, "is not a valid range of Python versions"),
    ],
)
def test_constraints_that_nothing_satisfies_are_an_error_of_their_file(
    requires: tuple[str, ...], line: int, words: str
) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        decide(Said(requires=requires))

    assert words in caught.value.message
    assert caught.value.where == f"setup.cfg:{line}"
    assert caught.value.hint


def test_a_version_that_nobody_provides_is_an_error_of_whoever_asked() -> None:
    with pytest.raises(InvalidRepositoryError, match=r"cannot install Python 3\.4\.10") as caught:
        decide(Said(runtime="3.4.10"))
    with pytest.raises(UsageError, match=r"cannot install Python 3\.99"):
        decide(Said(option="3.99"))

    assert caught.value.hint == "Choose 2.7 or 3.5 to 3.15, such as `3.13`"


@given(st.text(max_size=20), st.sampled_from([None, "2021-03-04T00:00:00Z"]))
def test_any_specifier_gives_a_python_or_is_refused(text: str, date: str | None) -> None:
    try:
        python, _ = decide(Said(requires=(text,), date=date))
    except InvalidRepositoryError:
        return

    assert ".".join(python.version.split(".")[:2]) in pythons()


CLAUSES = st.builds(
    "{}{}".format,
    st.sampled_from([">=", "<=", "<", ">", "!=", "=="]),
    st.builds("3.{}".format, st.integers(4, 17))
    | st.builds("3.{}.{}".format, st.integers(4, 17), st.integers(0, 20)),
)


@given(st.lists(CLAUSES, min_size=1, max_size=3))
def test_what_is_chosen_is_allowed(clauses: list[str]) -> None:
    from packaging.specifiers import SpecifierSet

    allowed = SpecifierSet(",".join(clauses))
    try:
        python, _ = decide(Said(requires=tuple(clauses)))
    except InvalidRepositoryError:
        assert not any(f"{minor}.{patch}" in allowed for minor in pythons() for patch in range(40))
        return

    version = python.version if python.version.count(".") == 2 else f"{python.version}.40"
    assert version in allowed


def test_the_same_commit_gives_the_same_plan_wherever_it_lies(tmp_path: Path) -> None:
    checkouts = [
        replace(write(tmp_path / name, {"requirements.txt": "six\n"}), date="2021-03-04T05:06:07Z")
        for name in ("a", "b")
    ]
    plans = [make_plan(checkout, Options()) for checkout in checkouts]

    assert plans[0] == plans[1]
    assert plans[0].python is not None
    assert plans[0].python.version == "3.8"


def test_a_recent_commit_changes_nothing(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"requirements.txt": "six\n"})
    dated = [replace(checkout, date=f"2026-11-{day}T00:00:00Z") for day in (20, 21)]

    assert make_plan(dated[0], Options()) == make_plan(dated[1], Options()) == make_plan(checkout, Options())


def test_notebooks_and_requirements_decide_together(tmp_path: Path) -> None:
    notebook = {"cells": [], "metadata": {"language_info": {"name": "python", "version": "3.8.5"}}}
    files = {"a.ipynb": json.dumps(notebook, indent=1), "requirements.txt": "# pinned\nnumpy==1.16.6\n"}
    plan = make_plan(write(tmp_path, files), Options())

    assert plan.python is not None
    assert (plan.python.version, plan.python.evidence.file, plan.python.evidence.line) == (
        "3.7",
        "requirements.txt",
        2,
    )
    assert [(n.level, n.file, n.line) for n in plan.notices] == [("info", "a.ipynb", 6)]


@pytest.mark.parametrize("twice", [False, True])
def test_a_lock_tells_its_python_by_what_it_locked(tmp_path: Path, *, twice: bool) -> None:
    versions = ["1.19.5", "1.26.4"] if twice else ["1.19.5"]
    source = (
        '[packages.sdist]\nurl = "https://x.org/s"\nname = "numpy-{0}.tar.gz"\nhashes = {{sha256 = "{1}"}}\n'
    )
    packages = "".join(
        f'[[packages]]\nname = "numpy"\nversion = "{version}"\n{source.format(version, "0" * 64)}'
        for version in versions
    )
    lock = f'lock-version = "1.0"\ncreated-by = "somebody"\n{packages}'
    plan = make_plan(write(tmp_path, {"pylock.toml": lock}), Options())

    assert plan.python is not None
    # Where several are locked, each is for some Pythons.
    assert plan.python.version == ("3.13" if twice else "3.9")


@pytest.mark.parametrize(
    ("dependency", "version"),
    [("numpy=1.16", "3.7"), ("numpy==1.16.4", "3.7"), ("numpy>=1.16", "3.13"), ("numpy", "3.13")],
)
def test_a_conda_package_in_one_version_is_of_its_day(tmp_path: Path, dependency: str, version: str) -> None:
    notebook = {
        "cells": [],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python", "version": "3.7.3"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    files = {"environment.yml": f"dependencies:\n- {dependency}\n", "a.ipynb": json.dumps(notebook)}
    plan = make_plan(write(tmp_path, files), Options())

    assert plan.python is not None
    assert plan.python.version == version
