"""`--as-of`: dates, and what of a plan follows them."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.building import write

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.formats.as_of import MOMENT, last_day, moment_of, written
from r2i.model import Evidence, Layer, Options, Plan, Stage
from r2i.planning.compose import make_plan

JULY = "2021-07-01T00:00:00Z"

SPELLINGS = [
    ("2021-06-30", JULY),
    ("2021-12-31", "2022-01-01T00:00:00Z"),
    ("2021-07-01T00:00:00Z", JULY),
    ("2021-07-01t02:00:00.5+02:00", JULY),
    ("2021-06-30 19:30:00-04:30", JULY),
]


@pytest.mark.parametrize(("text", "moment"), SPELLINGS)
def test_a_day_counts_to_its_end_and_all_is_said_in_utc(text: str, moment: str) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize("text", ["0001-01-01", "2021-06-30", "2021-12-31", "2021-06-30T12:00:00Z"])
def test_the_last_day_is_the_one_that_was_named(text: str) -> None:
    assert last_day(moment_of(text)) == text[:10]


WRONG = [
    "",
    "2021",
    "2021-06",
    "2021-02-30",
    "30.06.2021",
    "2021-06-30T12:00",
    "2021-W26-3",
    "9999-12-31",
    "٢٠٢١-٠٦-٣٠",
]


@pytest.mark.parametrize("text", [*WRONG, "yesterday", "2021-07-01T00:00:00", "0001-01-01T00:00:00+02:00"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a date"):
        moment_of(text)


@given(
    st.text(max_size=40)
    | st.from_regex(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?", fullmatch=True)
)
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        moment = moment_of(text)
    except UsageError:
        return
    assert MOMENT.fullmatch(moment)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_again(moment: datetime) -> None:
    assert datetime.fromisoformat(moment_of(written(moment))) == moment.replace(microsecond=0)


def planned(directory: Path, files: dict[str, str], **options: object) -> Plan:
    made = Options(**{"as_of": JULY, "as_of_evidence": Evidence(why="the test"), **options})  # type: ignore[arg-type]
    return make_plan(Checkout.open(write(directory, files)), made)


def layer(plan: Plan, stage: Stage) -> Layer:
    return next(layer for layer in plan.layers if layer.stage is stage)


def test_the_plan_has_the_date_its_origin_and_a_label(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"requirements.txt": "six\n"})

    assert plan.as_of is not None
    assert (plan.as_of.moment, plan.as_of.evidence.why) == (JULY, "the test")
    assert plan.labels["io.r2i.as-of"] == JULY


def test_both_steps_of_the_environment_follow_it_and_the_server_does_not(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "six\n-e .\n",
        "setup.py": "from setuptools import setup; setup(name='own')\n",
    }
    plan = planned(tmp_path, files)
    argument = f"--exclude-newer={JULY}"

    assert argument in layer(plan, Stage.DEPENDENCIES).variables["options"]  # type: ignore[operator]
    assert argument in layer(plan, Stage.PACKAGE).variables["options"]  # type: ignore[operator]
    assert argument not in repr(layer(plan, Stage.JUPYTER))


def test_a_pinned_release_is_meant_whenever_it_was_published(tmp_path: Path) -> None:
    text = "Six==1.16.0\nattrs>=20\nidna == 3.*\nzope.event===4.5 ; python_version >= '3'\n"
    found = layer(planned(tmp_path, {"requirements.txt": text}), Stage.DEPENDENCIES)
    settings = tomllib.loads(found.support["requirements/uv.toml"])

    assert settings == {"exclude-newer-package": {"six": False, "zope-event": False}}
    assert "--config-file=/tmp/requirements/uv.toml" in found.variables["options"]  # type: ignore[operator]


def test_nothing_is_compiled_with_a_newer_numpy_than_the_pinned_one(tmp_path: Path) -> None:
    found = layer(planned(tmp_path, {"requirements.txt": "numpy == 1.19.5\n"}), Stage.DEPENDENCIES)
    settings = tomllib.loads(found.support["requirements/uv.toml"])

    assert settings["build-constraint-dependencies"] == ["numpy<=1.19.5"]


def test_settings_of_a_project_stay(tmp_path: Path) -> None:
    text = '[project]\nname = "own"\nversion = "1"\ndependencies = ["six==1.16.0"]\n[tool.uv]\nprerelease = "allow"\n'
    found = layer(planned(tmp_path, {"pyproject.toml": text}), Stage.DEPENDENCIES)
    settings = tomllib.loads(found.support["requirements/uv.toml"])

    assert settings["exclude-newer-package"] == {"six": False}
    assert settings["prerelease"] == "allow"
    assert found.variables["options"].count("--config-file=/tmp/requirements/uv.toml") == 1  # type: ignore[union-attr]


def test_without_a_date_nothing_is_there_of_it(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"requirements.txt": "six==1.16.0\n"}, as_of=None)

    assert plan.as_of is None
    assert "exclude-newer" not in repr(plan)
    assert "io.r2i.as-of" not in plan.labels


def test_beside_a_dockerfile_it_has_no_effect_and_that_is_said(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"Dockerfile": "FROM debian\n"})

    assert [notice.message for notice in plan.notices if "--as-of" in notice.message]
    assert "io.r2i.as-of" not in plan.labels


@pytest.mark.parametrize("moment", ["2021-07-01", "commit", f"{JULY} --index-url=x", ""])
def test_only_a_moment_reaches_a_command_line(moment: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        planned(tmp_path, {"requirements.txt": "six\n"}, as_of=moment)


def test_a_lock_is_exact_and_hashes_make_one_of_requirements(tmp_path: Path) -> None:
    from r2i.planning.environment import declared_environment

    lines = f"six==1.16.0 --hash=sha256:{'0' * 64}\n"
    for name, text, exact in (
        ("all", lines, True),
        ("one", f"{lines}idna==3.4\n", False),
        ("none", "six==1\n", False),
    ):
        checkout = Checkout.open(write(tmp_path / name, {"requirements.txt": text}))
        environment = declared_environment(checkout, Options())

        assert environment is not None
        assert environment.exact is exact, name
