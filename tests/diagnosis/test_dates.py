"""What a failed step says of the date as of which it installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.building import write
from tests.cases import ROOT

from r2i.checkout import Checkout
from r2i.diagnosis.step import explained
from r2i.errors import BuildFailedError, R2iError
from r2i.model import Evidence, Options
from r2i.planning.compose import make_plan
from r2i.planning.render import render

LOGS = ROOT / "tests" / "fixtures" / "logs"
CUTOFF = "r2i: packages published after 2021-03-10T00:00:00Z were excluded (`--as-of commit`: of then, from `r.txt`)"


def failure(directory: Path, log: str, *, as_of: str | None, words: str = "install_packages.py") -> R2iError:
    checkout = Checkout.open(write(directory, {"requirements.txt": "numpy\n"}))
    evidence = Evidence(why="`--as-of commit`: of then", file="r.txt")
    plan = make_plan(checkout, Options(as_of=as_of, as_of_evidence=evidence, python="3.13"))
    dockerfile = render(plan, checkout)
    lines = dockerfile.text.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if f"{words} " in text)
    error = BuildFailedError("`RUN …` failed with exit status 1", dockerfile_line=line)
    return explained(error, tuple(log.splitlines()), plan=plan, dockerfile=dockerfile)


def test_below_the_log_stands_the_cutoff(tmp_path: Path) -> None:
    error = failure(tmp_path, "error: no", as_of="2021-03-10T00:00:00Z")

    assert error.log == ("error: no", CUTOFF)


def test_without_a_date_and_for_other_steps_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert failure(tmp_path / "a", "error: no", as_of=None).log == ("error: no",)
    assert failure(tmp_path / "b", "error: no", as_of="2021-03-10T00:00:00Z", words="useradd").log == (
        "error: no",
    )


@pytest.mark.parametrize(("as_of", "options"), [(None, ["as-of"]), ("2021-03-10T00:00:00Z", [])])
def test_a_date_is_proposed_to_those_who_have_none(
    as_of: str | None, options: list[str], tmp_path: Path
) -> None:
    log = next((LOGS / "cython-too-new").iterdir()).read_text(encoding="utf-8")
    error = failure(tmp_path, log, as_of=as_of)

    assert error.diagnosis is not None
    assert [change.option for change in error.diagnosis.changes if change.option != "python"] == options


def test_what_was_published_later_leads_to_its_date(tmp_path: Path) -> None:
    log = (LOGS / "published-later" / "polars.txt").read_text(encoding="utf-8")
    error = failure(tmp_path, log, as_of="2021-03-10T00:00:00Z")

    assert error.diagnosis is not None
    assert [change.arguments for change in error.diagnosis.changes] == [("--as-of", "2022-11-25")]
