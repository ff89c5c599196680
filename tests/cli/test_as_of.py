"""`--as-of commit` and `auto` on real repositories, with the real command line."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.building import R2I, write
from tests.sources.serving import git

from r2i.building.dated import dated
from r2i.checkout import Checkout
from r2i.model import Options, Source
from r2i.process import Completed, run

MARCH = "2021-03-04T12:00:00+00:00"
SHOWN = "2021-03-04T12:00:00Z"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Requirements of 2021, and a notebook of later on."""
    directory = tmp_path / "project"
    directory.mkdir()
    git("init", "-q", cwd=directory)
    commit(directory, MARCH, {"requirements.txt": "-r more.txt\nsix==1.15.0\n", "more.txt": "attrs\n"})
    commit(directory, "2023-01-01T00:00:00Z", {"index.ipynb": "{}"})
    return directory


def commit(directory: Path, date: str, files: dict[str, str]) -> None:
    write(directory, files)
    git("add", "-A", cwd=directory)
    git("-c", "user.name=a", "commit", "-q", "-m", "change", f"--date={date}", cwd=directory)
    environment = {
        **os.environ,
        "GIT_COMMITTER_DATE": date,
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    done = run(["git", "commit", "-q", "--amend", "--no-edit"], cwd=directory, env=environment)
    assert done.returncode == 0, done.stderr


def planned(directory: Path | str, *arguments: str) -> Completed:
    return run([R2I, "plan", str(directory), *arguments], timeout=60)


def as_of(directory: Path | str, *arguments: str) -> dict[str, object] | None:
    done = planned(directory, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] | None = json.loads(done.stdout)["as_of"]
    return found


@pytest.mark.parametrize("how", ["commit", "auto"])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_it_is_the_date_of_the_files_that_declare_the_environment(
    how: str, scheme: str, repository: Path
) -> None:
    found = as_of(f"{scheme}{repository}", "--as-of", how)

    assert found is not None
    assert found["moment"] == SHOWN
    assert "requirements.txt" in str(found["evidence"])
    assert f"`--as-of {how}`: last changed on 2021-03-04" in str(found["evidence"])


def test_an_included_file_counts(repository: Path) -> None:
    commit(repository, "2022-05-06T00:00:00Z", {"more.txt": "attrs>=20\n"})

    found = as_of(repository, "--as-of", "commit")

    assert found is not None
    assert found["moment"] == "2022-05-06T00:00:00Z"


def test_a_date_is_taken_as_it_is(tmp_path: Path) -> None:
    found = as_of(write(tmp_path, {"requirements.txt": "six\n"}), "--as-of", "2021-06-30")

    assert found is not None
    assert found["moment"] == "2021-07-01T00:00:00Z"
    assert "`--as-of 2021-06-30`" in str(found["evidence"])


def test_the_plan_for_people_says_it(repository: Path) -> None:
    done = planned(repository, "--as-of", "auto")

    assert f"As of:        {SHOWN}: requirements.txt: `--as-of auto`" in done.stdout


def test_the_dockerfile_has_it(repository: Path) -> None:
    done = run([R2I, "dockerfile", str(repository), "--as-of", "commit"], timeout=60)

    assert f"--exclude-newer={SHOWN}" in done.stdout


def test_a_wrong_date_is_a_mistake_of_usage(repository: Path) -> None:
    done = planned(repository, "--as-of", "yesterday")

    assert done.returncode == 2
    assert "`--as-of yesterday` is not a date" in done.stderr


def test_a_file_that_was_never_committed_has_no_date(tmp_path: Path) -> None:
    directory = write(tmp_path, {"requirements.txt": "six\n"})
    git("init", "-q", cwd=directory)
    commit(directory, MARCH, {"README": "\n"})
    (directory / "more.txt").write_text("six\n", encoding="utf-8")
    (directory / "requirements.txt").write_text("-r more.txt\n", encoding="utf-8")

    commit_ = planned(directory, "--as-of", "commit")
    auto = planned(directory, "--as-of", "auto")

    assert commit_.returncode == 2
    assert "`more.txt` was never committed" in commit_.stderr
    assert "Use a date" in commit_.stderr
    assert auto.returncode == 0
    assert "`--as-of auto` has no effect: `more.txt` was never committed" in auto.stderr


NOTHING_TO_DO: dict[str, tuple[dict[str, str | None], str]] = {
    "a file of this year": ({}, "changed less than a year ago"),
    "hashes": (
        {"requirements.txt": f"six==1.16.0 --hash=sha256:{'0' * 64}\n"},
        "pins every version",
    ),
    "no file": ({"requirements.txt": None}, "no file declares an environment"),
    "a Dockerfile": ({"Dockerfile": "FROM debian\n"}, "describes the whole image"),
}


@pytest.mark.parametrize("name", NOTHING_TO_DO)
def test_auto_does_nothing_and_says_why(name: str, repository: Path) -> None:
    changes, why = NOTHING_TO_DO[name]
    for path, text in changes.items():
        if text is None:
            (repository / path).unlink()
        else:
            (repository / path).write_text(text, encoding="utf-8")
    date = MARCH if changes else f"{datetime.now(UTC) - timedelta(days=100):%Y-%m-%dT%H:%M:%SZ}"
    commit(repository, date, {} if changes else {"more.txt": "idna\n"})

    done = planned(repository, "--json", "--as-of", "auto")

    assert json.loads(done.stdout)["as_of"] is None
    assert "Note: `--as-of auto` has no effect: " in done.stderr
    assert why in done.stderr


@pytest.mark.parametrize(("days", "old"), [(364, False), (366, True)])
def test_a_year_is_the_limit(days: int, *, old: bool, repository: Path) -> None:
    source = Source(provider="local", location=str(repository))
    now = datetime.fromisoformat(MARCH) + timedelta(days=days)

    made = dated(
        Options(),
        "auto",
        checkout=Checkout.open(repository),
        source=source,
        environ=os.environ,
        note=lambda _: None,
        now=now,
    )

    assert (made.as_of == SHOWN) is old


def r_project(directory: Path, files: dict[str, str]) -> Path:
    """Files of 2021, and a notebook of later on."""
    directory.mkdir()
    git("init", "-q", cwd=directory)
    commit(directory, MARCH, files)
    commit(directory, "2023-01-01T00:00:00Z", {"index.ipynb": "{}"})
    return directory


SCRIPT = 'install.packages("zoo")\n'


@pytest.mark.parametrize(
    ("files", "later", "defines"),
    [
        ({"install.R": SCRIPT}, {}, "install.R"),
        ({"binder/install.R": SCRIPT}, {"install.R": SCRIPT}, "binder/install.R"),
        ({"DESCRIPTION": "Package: ours\nImports: zoo\n"}, {"R/a.R": "1\n"}, "DESCRIPTION"),
        # What `auto` looks at, too, as the script can install what is not in the lock.
        ({"install.R": SCRIPT, "renv.lock": '{"Packages": {"zoo": {}}}'}, {}, "install.R"),
        ({"install.R": SCRIPT, "requirements.txt": "six\n"}, {}, None),
        # A lock of Python leaves the R packages open.
        (
            {"install.R": SCRIPT, "requirements.txt": f"six==1.16.0 --hash=sha256:{'0' * 64}\n"},
            {"runtime.txt": "python-3.12\n"},
            None,
        ),
    ],
)
@pytest.mark.parametrize("how", ["commit", "auto"])
def test_files_of_r_count(
    how: str, files: dict[str, str], later: dict[str, str], defines: str | None, tmp_path: Path
) -> None:
    repository = r_project(tmp_path / "project", files)
    commit(repository, "2023-02-01T00:00:00Z", {**later, "a.ipynb": "{}"})
    done = planned(repository, "--json", "--as-of", how)
    plan = json.loads(done.stdout)

    assert plan["as_of"]["moment"] == SHOWN
    assert plan["as_of"]["evidence"]["file"] == defines
    assert f"last changed on {MARCH[:10]}" in plan["as_of"]["evidence"]["why"]
    assert "CRAN snapshot: 2021-03-04" in [layer["title"] for layer in plan["layers"]]


def test_what_a_script_runs_counts(tmp_path: Path) -> None:
    files = {
        "install.R": 'source("R/a.R")\nx <- readLines("R/list.txt")\n',
        "R/a.R": SCRIPT,
        "requirements.txt": "six\n",
    }
    repository = r_project(tmp_path / "project", files)
    commit(repository, "2022-05-06T00:00:00Z", {"R/a.R": SCRIPT * 2})

    found = as_of(repository, "--as-of", "commit")

    assert found is not None
    assert found["moment"] == "2022-05-06T00:00:00Z"
    assert "`requirements.txt` or `install.R` last changed on 2022-05-06" in str(found["evidence"])


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"renv.lock": '{"Packages": {"zoo": {}}}'}, "`renv.lock` pins every version"),
        (
            {"install.R": SCRIPT, "runtime.txt": "2022-01-01\n"},
            "`runtime.txt`, line 1, sets the day of the R packages",
        ),
        ({"a.ipynb": "{}", "runtime.txt": "r-4.5\n"}, "no file declares an environment"),
    ],
)
def test_auto_does_nothing_where_r_packages_are_of_a_day_already(
    files: dict[str, str], why: str, tmp_path: Path
) -> None:
    done = planned(r_project(tmp_path / "project", files), "--json", "--as-of", "auto")

    assert json.loads(done.stdout)["as_of"] is None
    assert f"Note: `--as-of auto` has no effect: {why}\n" in done.stderr


def test_an_edit_counts_as_of_now(repository: Path) -> None:
    (repository / "more.txt").write_text("idna\n", encoding="utf-8")

    auto = planned(repository, "--json", "--as-of", "auto")
    asked = planned(repository, "--json", "--as-of", "commit")

    assert json.loads(auto.stdout)["as_of"] is None
    assert "`more.txt` has uncommitted changes" in auto.stderr
    assert json.loads(asked.stdout)["as_of"]["moment"] == SHOWN
    assert "`more.txt` has uncommitted changes" in asked.stderr
