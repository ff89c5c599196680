"""The options that messages of the drop-in name are its own."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from tests.building import R2I
from tests.writing import write

from r2i.cli.repo2docker.arguments import read
from r2i.cli.repo2docker.log import JsonLog
from r2i.cli.repo2docker.told import ToldByLines, ToldToPeople, reason
from r2i.cli.repo2docker.wording import OPTIONS, reworded
from r2i.errors import BuildFailedError
from r2i.model import Change, Diagnosis, Notice
from r2i.process import run

FAILURE = BuildFailedError(
    "`pip install x` failed",
    file="requirements.txt",
    diagnosis=Diagnosis(cause="x", message="`x` needs `libx`", evidence="x", changes=()),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Build with `--base-image ubuntu:24.04`", "Build with `--Repo2Docker.base_image=ubuntu:24.04`"),
        ("`--base-image` has no effect", "`--Repo2Docker.base_image` has no effect"),
        ("`--platform foo` is not one", "`--Repo2Docker.platform=foo` is not one"),
        ("raise it with `--build-timeout`", "raise it with `r2i build --build-timeout`"),
        ("`--apt libpq-dev --apt b`", "`r2i build --apt libpq-dev --apt b`"),
        ("Add `--tag NAME`", "Add `--image-name=NAME`"),
        ("`--platformer`, `--no-index`, `--ref x`", "`--platformer`, `--no-index`, `--ref x`"),
    ],
)
def test_options_of_build_are_named_as_here(text: str, expected: str) -> None:
    assert reworded(text) == expected


@pytest.mark.parametrize("name", sorted(name for name in OPTIONS.values() if name.startswith("--")))
def test_each_of_them_exists(name: str) -> None:
    assert read([f"{name}=a", "."]).warnings == ()


@pytest.mark.parametrize("name", sorted(name for name in OPTIONS.values() if not name.startswith("--")))
def test_the_others_are_options_of_build(name: str) -> None:
    from r2i.cli.build import build

    assert name.rpartition(" ")[2] in {option for one in build.params for option in one.opts}


def test_both_ways_of_telling_use_them(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    for told in (ToldByLines(log=JsonLog(stream)), ToldToPeople(kind="plain", started=0.0)):
        told.warn([Notice(level="warning", message="use `--platform x`", file="REQUIRE")])
        told.trying(FAILURE, Change(option="apt", value="libx-dev"), attempt=1)
        told.nothing_helped([Change(option="apt", value="libx-dev")])
    lines = "".join(json.loads(line)["message"] for line in stream.getvalue().splitlines())

    for text in (lines, capsys.readouterr().err):
        assert "REQUIRE: use `--Repo2Docker.platform=x`" in text
        assert "Building again as with `r2i build --apt libx-dev` (try 1)" in text
        assert "None of these fixes helped: `r2i build --apt libx-dev`" in text


def test_a_reason_names_them() -> None:
    error = BuildFailedError("It took long", hint="Raise it with `--build-timeout`")

    assert reason(error).endswith("Hint: Raise it with `r2i build --build-timeout`")


@pytest.mark.parametrize("log", [(), ("--json-logs",)])
def test_a_mistake_names_them(tmp_path: Path, log: tuple[str, ...]) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})
    setting = "--Repo2Docker.platform=foo/bar/baz/x"

    done = run([R2I, "repo2docker", *log, "--user-id=1000", "--no-run", setting, str(tmp_path)])

    assert done.returncode == 1
    assert f"`{setting}` is not a platform" in done.stderr
