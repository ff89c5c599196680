"""`--rescue`: what is tried after a failure, what is said, and what is written; the engine fails with real logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.building import write
from tests.cases import ROOT
from tests.cli.fake_engines import OnlyBuilds

from r2i.building.lasting import lasting
from r2i.building.rescue import MOST_CHANGES, Made
from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.cli import rescue
from r2i.cli.app import command_with, show, typed
from r2i.cli.output import for_programs
from r2i.engines.protocol import BuildRequest, StepEvent
from r2i.errors import BuildFailedError, InvalidRepositoryError, R2iError, TemporaryError, UsageError
from r2i.model import Change, Image, Options
from r2i.planning.compose import make_plan
from r2i.process import run
from r2i.sources import parse

pytestmark = pytest.mark.usefixtures("home")

LOGS = ROOT / "tests" / "fixtures" / "logs"


@dataclass
class Machine(OnlyBuilds):
    """An engine of which steps fail as long as something is missing from the Dockerfile and its files."""

    troubles: list[tuple[str, str]]
    name: Literal["docker", "podman"] = "docker"
    builds: list[str] = field(default_factory=list)

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        text = "\n".join([request.dockerfile.text, *request.dockerfile.support.values()])
        text = text.replace("--python=", "--python ")
        self.builds.append(text)
        for remedy, log in self.troubles:
            if remedy not in text:
                raise BuildFailedError(
                    "`RUN …` failed with exit status 1",
                    log=tuple((LOGS / f"{log}.txt").read_text(encoding="utf-8").splitlines()),
                    dockerfile_line=_line(request),
                )
        return Image(reference=request.tags[0], id=f"sha256:{len(self.builds)}")

    def find(self, reference: str) -> Image | None:
        return None

    def digest(self, reference: str) -> str | None:
        return None


def _line(request: BuildRequest) -> int:
    lines = request.dockerfile.text.split("\n")
    at = next(number for number, line in enumerate(lines, 1) if "/opt/r2i/install_" in line)
    return next(number for number in range(at, 0, -1) if lines[number - 1].startswith("RUN "))


def rescued(
    engine: Machine,
    directory: Path,
    *,
    write: bool = False,
    progress: Literal["plain", "json"] = "plain",
    **options: Any,
) -> Image:
    arguments = ("build", str(directory), "--rescue")
    typed.set(arguments)
    source = parse(str(directory), ref=None, subdirectory="", cwd=directory)
    settings = BuildSettings(
        options=Options(**options),
        rescue=True,
    )
    return rescue.image_for(engine, source, settings, kind=progress, write=write, started=0)


PG = ("libpq-dev", "program-missing/pq")
#: Python 3.8 for `thinc`; the plan of an unpinned file is 3.13.
OLD = ("python 3.8", "compile-failed/spacy")
SKLEARN = ("scikit-learn", "not-the-distribution/sklearn")


def test_what_builds_is_not_rescued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = Machine([])
    rescued(engine, write_repo(tmp_path))

    assert len(engine.builds) == 1
    assert "escue" not in capsys.readouterr().err


def write_repo(tmp_path: Path, **files: str) -> Path:
    given = {name.replace("__", "/").replace("_txt", ".txt"): text for name, text in files.items()}
    return write(tmp_path / "repo", given or {"requirements.txt": "psycopg2\nspacy\nsklearn\n"})


def test_each_failure_leads_to_one_change_until_it_builds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Machine([PG, OLD, SKLEARN])
    directory = write_repo(tmp_path)

    rescued(engine, directory)

    said = capsys.readouterr().err
    assert len(engine.builds) == 4
    assert "Rescued by 3 changes" in said
    assert f"`r2i build {directory} --apt libpq-dev --python 3.8 --replace sklearn=scikit-learn`" in said
    assert "+++ b/apt.txt" in said
    assert "requirements.txt:1" in said
    assert not (directory / "binder").exists()


def test_the_command_that_is_named_makes_the_same_plan(tmp_path: Path) -> None:
    engine = Machine([PG, OLD, SKLEARN])
    directory = write_repo(tmp_path)
    rescued(engine, directory)

    options = Options(python="3.8", apt=("libpq-dev",), replace={"sklearn": "scikit-learn"})
    again = Machine([PG, OLD, SKLEARN])
    rescued(again, directory, **{name: getattr(options, name) for name in ("python", "apt", "replace")})

    assert again.builds == engine.builds[-1:]


def test_written_files_make_a_build_without_options_the_same(tmp_path: Path) -> None:
    troubles = [PG, OLD, SKLEARN]
    directory = write_repo(
        tmp_path, requirements_txt="psycopg2\r\nspacy\r\nsklearn==0.0 # old\r\n", apt_txt="tree\n"
    )
    rescued(Machine(troubles), directory, write=True)

    assert (directory / "apt.txt").read_text() == "tree\nlibpq-dev\n"
    assert (directory / "runtime.txt").read_text() == "python-3.8\n"
    assert not (directory / "binder").exists()
    assert (directory / "requirements.txt").read_bytes() == b"psycopg2\r\nspacy\r\nscikit-learn # old\r\n"
    plain = Machine(troubles)
    rescued(plain, directory)
    assert len(plain.builds) == 1


def test_a_byte_order_mark_stays_first(tmp_path: Path) -> None:
    directory = write_repo(tmp_path, requirements_txt="\ufeffsklearn\npsycopg2\nspacy\n")
    (directory / "runtime.txt").write_text("\ufeffpython-3.12\r\n", encoding="utf-8", newline="")
    rescued(Machine([PG, OLD, SKLEARN]), directory, write=True)

    assert (directory / "requirements.txt").read_text() == "\ufeffscikit-learn\npsycopg2\nspacy\n"
    assert (directory / "runtime.txt").read_bytes() == "\ufeffpython-3.8\r\n".encode()


def test_files_of_an_existing_binder_directory_are_edited_where_they_are(tmp_path: Path) -> None:
    files = {
        "binder/requirements.txt": "psycopg2\nspacy\n",
        "binder/apt.txt": "# what we need\ntree",
        "binder/runtime.txt": "python-3.12\n",
        "requirements.txt": "not-this-one\n",
    }
    directory = write(tmp_path / "repo", files)
    rescued(Machine([PG, OLD]), directory, write=True)

    assert (directory / "binder/apt.txt").read_text() == "# what we need\ntree\nlibpq-dev\n"
    assert (directory / "binder/runtime.txt").read_text() == "python-3.8\n"
    assert (directory / "binder/requirements.txt").read_text() == files["binder/requirements.txt"]
    assert (directory / "requirements.txt").read_text() == "not-this-one\n"


def test_new_files_lie_beside_a_project(tmp_path: Path) -> None:
    project = '[project]\nname = "own"\nversion = "1"\ndependencies = ["psycopg2"]\n[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    directory = write(tmp_path / "repo", {"pyproject.toml": project, "own.py": ""})
    rescued(Machine([PG]), directory, write=True)

    assert (directory / "apt.txt").read_text() == "libpq-dev\n"


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    directory = write(tmp_path / "repo", {"requirements.txt": "psycopg2\n", "lists/apt": "tree\n"})
    (directory / "binder").mkdir()
    (directory / "binder/apt.txt").symlink_to("../lists/apt")
    (directory / "binder/requirements.txt").write_text("psycopg2\n")

    with pytest.raises(R2iError, match="symbolic link"):
        rescued(Machine([PG]), directory, write=True)

    assert (directory / "lists/apt").read_text() == "tree\n"


def test_nothing_is_written_into_a_directory_behind_a_link(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "repo", {"lists/requirements.txt": "psycopg2\nsklearn\n", "lists/apt.txt": "tree\n"}
    )
    (directory / "binder").symlink_to("lists")

    with pytest.raises(InvalidRepositoryError, match="`binder` is a symbolic link"):
        rescued(Machine([PG, SKLEARN]), directory, write=True)

    assert (directory / "lists/apt.txt").read_text() == "tree\n"
    assert (directory / "lists/requirements.txt").read_text() == "psycopg2\nsklearn\n"


def test_another_name_of_a_file_outside_keeps_the_old_text(tmp_path: Path) -> None:
    directory = write(tmp_path / "repo", {"requirements.txt": "sklearn\n"})
    (tmp_path / "outside").hardlink_to(directory / "requirements.txt")
    rescued(Machine([SKLEARN]), directory, write=True)

    assert (directory / "requirements.txt").read_text() == "scikit-learn\n"
    assert (tmp_path / "outside").read_text() == "sklearn\n"


def test_a_change_that_does_not_help_is_not_kept_nor_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Machine([("python 3.11", "distutils-gone/nowheel-numpy")])
    rescued(engine, write_repo(tmp_path))

    said = capsys.readouterr().err
    assert "--python 3.9" in said
    assert "Rescued by one change" in said
    assert "--python 3.11`" in said.partition("The same build")[2]
    assert "--python 3.9" not in said.partition("Rescued by")[2]


def test_it_ends_with_the_failure_where_nothing_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Machine([("never", "program-missing/pq")])

    with pytest.raises(BuildFailedError, match="pg_config") as caught:
        rescued(engine, write_repo(tmp_path))

    assert len(engine.builds) == 2
    assert caught.value.log
    assert "none of these fixes helped: `--apt libpq-dev`" in capsys.readouterr().err


def test_after_a_few_tries_it_is_over(tmp_path: Path) -> None:
    logs = (
        "program-missing/pq",
        "header-missing/cffi",
        "library-missing/libgl",
        "header-missing/portaudio",
        "header-missing/ldap",
    )
    remedies = ("libpq-dev", "libffi-dev", "libgl1", "portaudio19-dev", "libldap-dev")
    engine = Machine(list(zip(remedies, logs, strict=True)))

    with pytest.raises(BuildFailedError, match="lber"):
        rescued(engine, write_repo(tmp_path))

    assert len(engine.builds) == MOST_CHANGES + 1


def test_a_python_that_the_user_asked_for_stays(tmp_path: Path) -> None:
    engine = Machine([OLD])

    with pytest.raises(BuildFailedError):
        rescued(engine, write_repo(tmp_path), python="3.12")

    assert all("python 3.8" not in text for text in engine.builds)


def test_a_server_that_does_not_answer_is_no_cause_for_a_change(tmp_path: Path) -> None:
    engine = Machine([("never", "index-unreachable/index-503-uv")])

    with pytest.raises(TemporaryError) as caught:
        rescued(engine, write_repo(tmp_path))

    assert caught.value.exit_code == 75
    assert len(engine.builds) == 1


def test_a_change_that_a_server_prevents_does_not_hide_the_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Machine([PG, ("never", "index-unreachable/index-503-uv")])

    with pytest.raises(BuildFailedError, match="pg_config"):
        rescued(engine, write_repo(tmp_path))

    assert len(engine.builds) == 2
    assert "A required server does not respond" in capsys.readouterr().err


def test_programs_read_each_try_and_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = for_programs.set(True)
    try:
        rescued(Machine([PG]), write_repo(tmp_path), progress="json")
    finally:
        for_programs.reset(token)

    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    schema = json.loads((ROOT / "docs" / "progress.schema.json").read_text(encoding="utf-8"))
    rescues = [record for record in said if record.get("phase") == "rescue"]
    for record in said:
        jsonschema.validate(record, schema)
    assert rescues[0]["cause"] == "program-missing"
    assert rescues[-1]["changes"] == [{"option": "--apt", "value": "libpq-dev"}]
    assert rescues[-1]["files"]["apt.txt"] == "libpq-dev\n"


def test_a_failure_says_the_exact_command_to_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = write_repo(tmp_path)
    source = parse(str(directory), ref=None, subdirectory="", cwd=directory)

    with pytest.raises(BuildFailedError) as caught:
        rescue.image_for(Machine([PG]), source, BuildSettings(), kind="plain", write=False, started=0)
    show(caught.value, ["run", "my repo", "--", "python", "x.py"])

    said = capsys.readouterr().err
    assert "Error: requirements.txt:1: The program `pg_config` is missing" in said
    assert (
        "Write `libpq-dev` into `apt.txt`, or try `r2i run 'my repo' --apt libpq-dev -- python x.py`" in said
    )


def test_a_failure_is_explained_to_programs_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error: R2iError | None = None
    try:
        rescued(Machine([("never", "unsatisfiable/conflict")]), write_repo(tmp_path))
    except R2iError as caught:
        error = caught
    assert error is not None
    token = for_programs.set(True)
    try:
        show(error, ["build", "."])
    finally:
        for_programs.reset(token)

    last = json.loads(capsys.readouterr().err.splitlines()[-1])
    jsonschema.validate(
        last, json.loads((ROOT / "docs" / "progress.schema.json").read_text(encoding="utf-8"))
    )
    assert last["cause"] == "unsatisfiable"
    assert "`pandas==2.2.3` needs `numpy>=1.26.0`" in last["message"]


def test_secrets_of_the_command_line_are_not_repeated() -> None:
    command = command_with(
        ["--python", "3.8"], ["build", "https://me:secret@example.org/x", "--build-arg", "TOKEN=abc"]
    )

    assert "secret" not in command
    assert "abc" not in command
    assert command.endswith("--python 3.8")


@pytest.mark.parametrize("history", [False, True])
def test_only_what_the_directory_can_take_is_proposed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, history: bool
) -> None:
    directory = write_repo(tmp_path, requirements_txt="spacy\n")
    if history:
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        for words in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "first")):
            run(["git", *words], cwd=directory)

    with pytest.raises(BuildFailedError) as caught:
        rescued(Machine([("never", "setuptools-too-new/use2to3")]), directory, python="3.13")

    said = capsys.readouterr().err
    found = caught.value.diagnosis
    assert ("--as-of commit" in said) == history
    assert found is not None
    assert ("as-of" in {change.option for change in found.changes}) == history


def test_nothing_is_proposed_that_a_lock_decides(tmp_path: Path) -> None:
    lock = 'lock-version = "1.0"\ncreated-by = "me"\n[[packages]]\nname = "spacy"\nversion = "2.0"\n'
    lock += (
        '[packages.sdist]\nurl = "https://x.org/spacy-2.0.tar.gz"\nhashes = {sha256 = "' + "0" * 64 + '"}\n'
    )
    directory = write_repo(tmp_path, **{"pylock.toml": lock})

    with pytest.raises(BuildFailedError) as caught:
        rescued(Machine([("no remedy", "setuptools-too-new/use2to3")]), directory, replace={})

    found = caught.value.diagnosis
    assert found is not None
    assert {change.option for change in found.changes} <= {"python"}


@pytest.mark.parametrize("before", [["--python", "3.13"], ["--python=3.13"]])
def test_an_option_that_counts_once_is_said_once(before: list[str]) -> None:
    command = command_with(
        ["--python", "3.8"], ["run", *before, "--apt", "gcc", ".", "--", "x", "--python", "3"]
    )

    assert command == "r2i run --apt gcc . --python 3.8 -- x --python 3"


def test_writing_is_for_rescues_of_directories(tmp_path: Path) -> None:
    directory = write_repo(tmp_path)
    source = parse(str(directory), ref=None, subdirectory="", cwd=directory)

    with pytest.raises(UsageError, match="--write"):
        rescue.image_for(Machine([]), source, BuildSettings(), kind="plain", write=True, started=0)


def test_the_rescue_changes_options_and_nothing_else(tmp_path: Path) -> None:
    """The plan of the repository itself is the same before and after."""
    directory = write_repo(tmp_path)
    before = make_plan(Checkout.open(directory), Options())
    rescued(Machine([PG, OLD]), directory)

    assert make_plan(Checkout.open(directory), Options()) == before


@given(st.text(max_size=60), st.sampled_from(["sklearn=scikit-learn", "sklearn=", "a.b=c>=1"]))
def test_any_line_of_a_file_is_replaced_or_left_alone(text: str, value: str) -> None:
    line = text.replace("\r", " ")
    with TemporaryDirectory() as directory:
        Path(directory, "requirements.txt").write_text(f"first\n{line}\nlast\n", encoding="utf-8")
        checkout = Checkout.open(Path(directory))
        made = Made(change=Change(option="replace", value=value), why="", file="requirements.txt", line=2)
        try:
            kept = lasting(checkout, [made])
        except R2iError:
            return

    for changed in kept.changes.texts.values():
        assert changed.splitlines()[0] == "first"
        assert changed.splitlines()[-1] == "last"
    assert bool(kept.changes.texts) != bool(kept.unkept)


def test_a_build_that_fails_for_its_python_tries_that_of_binder_and_that_of_the_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = {"cells": [], "metadata": {"language_info": {"name": "python", "version": "3.12.1"}}}
    directory = write(tmp_path / "repo", {"requirements.txt": "spacy\n", "a.ipynb": json.dumps(notebook)})
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2021-03-04T05:06:07Z")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2021-03-04T05:06:07Z")
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "first")):
        run(["git", *words], cwd=directory)
    engine = Machine([("never", "distutils-gone/nowheel-numpy")])

    with pytest.raises(BuildFailedError):
        rescued(engine, directory)

    said = capsys.readouterr().err
    tried = re.findall(r"Trying again with `--python (\S+)`", said)
    assert tried == ["3.9", "3.11", "3.10", "3.8"]


def test_a_python_that_a_file_names_is_not_replaced_by_a_guess(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write_repo(tmp_path, requirements_txt="spacy\n", runtime_txt="python-3.12\n")
    engine = Machine([("never", "distutils-gone/nowheel-numpy")])

    with pytest.raises(BuildFailedError):
        rescued(engine, directory)

    assert "`--python 3.10`" not in capsys.readouterr().err
