"""The command line of repo2docker: what its words ask for, and the exit status of those that ask for nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.building import R2I
from tests.writing import write

from r2i.cli.repo2docker.arguments import MisusedError, RemovedError, asks_for_json, read
from r2i.cli.repo2docker.invocation import Invocation
from r2i.errors import UsageError
from r2i.process import Completed, run

NAME = "registry.example.org/b-http-3a-2f-2f127-2e0-2e0-2e1-3a40309-2fsample-2egit-1b466f"


def call(*words: str, cwd: Path | None = None, **environ: str) -> Completed:
    return run([R2I, "repo2docker", *words], cwd=cwd, env={**os.environ, "NO_COLOR": "1", **environ})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["."], {"repo": ".", "build": True, "run": True, "push": False, "json_logs": False}),
        (["--image=a/b:c", "."], {"image_name": "a/b:c"}),
        (["--no-r", "--no-bu", "--json", "."], {"run": False, "build": False, "json_logs": True}),
        (["--no-run", "--run", "."], {"run": True}),
        (["--no-build", "--run", "--push", "--image=a", "."], {"run": False, "push": False}),
        ([".", "python", "--no-build"], {"command": ("python", "--no-build"), "build": True}),
        ([".", "--", "python", "-V"], {"command": ("python", "-V")}),
        (["-p", "80:8888", "-p8000", ".", "x"], {"ports": ("80:8888", "8000")}),
        (["-v", "a:b:ro", "--volume=c:d", "."], {"volumes": ("a:b:ro", "c:d")}),
        (["--label=a=b=c", "--build-arg", "X", "."], {"labels": {"a": "b=c"}, "build_args": {"X": ""}}),
        (["-e", "A=1", "-e", "HERE", "-e", "NOT_HERE", "."], {"environment": ("A=1", "HERE=there")}),
        (["--user-id=1000", "--user-name", "x", "."], {"user_id": 1000, "user_name": "x"}),
        (["--Repo2Docker.base_image=debian:12", "."], {"base_image": "debian:12"}),
        (["--Repo2Docker.default_buildpack=None", "."], {"must_declare": True}),
        (["--Repo2Docker.default_buildpack=x.Y", "."], {"must_declare": False}),
        (["--Repo2Docker.user_id=5", "--user-id=6", "."], {"user_id": 6}),
        (["--Repo2Docker.cache_from=a", "--Repo2Docker.cache_from=b", "."], {"cache_from": ("a", "b")}),
        (["--Repo2Docker.cache_from=['a', 'b']", "."], {"cache_from": ("a", "b")}),
        (["--Repo2Docker.labels={'a': 'b'}", "--label=c=d", "."], {"labels": {"a": "b", "c": "d"}}),
        (["--Repo2Docker.labels=a=b", "."], {"labels": {"a": "b"}}),
        (["--Repo2Docker.dry_run=True", "."], {"build": False, "run": False}),
        (["--Repo2Docker.ports={'8888/tcp': ('127.0.0.1', 80)}", "."], {"ports": ("127.0.0.1:80:8888",)}),
        (["--Repo2Docker.platform=linux/arm64", "."], {"platform": "linux/arm64"}),
        (["--DockerEngine.extra_buildx_build_args=['--pull']", "."], {"engine_arguments": ("--pull",)}),
        (["--Application.log_level=10", "."], {"debug": True}),
        (['--DockerEngine.extra_init_args={"timeout":1200}', "."], {"warnings": ()}),
        ([f"--image-name={NAME}:{'0' * 40}", "."], {"image_name": f"{NAME}:{'0' * 40}"}),
        ([f"--image-name={'a' * 255}:{'b' * 40}", "."], {"image_name": f"{'a' * 255}:{'b' * 40}"}),
    ],
)  # fmt: skip
def test_words_and_what_they_ask_for(
    words: list[str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "there")
    monkeypatch.delenv("NOT_HERE", raising=False)

    wanted = read(words)

    assert {name: getattr(wanted, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: repo$"),
        (["--ref", "."], "required: repo$"),
        (["--no-ruun", "."], "did you mean `--no-run`"),
        (["-z", "."], "unrecognized argument: -z"),
        ([".", "--no-build"], "--no-build stands after the repository"),
        (["--image-name=A", "."], "'A' is not a valid image name"),
        (["--image-name=a..b", "."], "not a valid image name"),
        (["--image-name=a___b", "."], "not a valid image name"),
        ([f"--image-name={'a' * 256}", "."], "name: the name has 256 characters, and 255 are allowed"),
        ([f"--image-name=a:{'b' * 130}", "."], "name: the tag has 130 characters, and 128 are allowed"),
        (["--user-id=x", "."], "invalid int value"),
        (["--pu", "."], "ambiguous option"),
    ],
)
def test_words_that_argparse_refuses(words: list[str], message: str) -> None:
    with pytest.raises(MisusedError, match=message):
        read(words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-run", "-v", "a:b", "."], "`--volume` needs a container"),
        (["--no-build", "-e", "A=b", "."], "`--env` needs a container"),
        (["--no-run", "-P", "."], "`--publish-all` needs a container"),
        (["--no-run", "-E", "."], "`--editable` needs a container"),
        (["-p", "80", "-p", "81", "."], "no command uses them"),
        (["--push", "."], "needs the name of the image"),
        (["--Repo2Docker.user_id=x", "."], "`Repo2Docker.user_id`: `x` is not a valid value"),
        (["--Repo2Docker.labels=['a']", "."], "is not a valid value"),
        (["--Repo2Docker.run=perhaps", "."], "`perhaps` is not a valid value"),
        (["--Repo2Docker.output_image_spec=A", "."], "`A` is not a valid image name"),
    ],
)
def test_what_does_not_go_together(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(words)

    assert not isinstance(caught.value, MisusedError)


@pytest.mark.parametrize(
    "words",
    [
        ['--DockerEngine.registry_credentials={"password":"S3CRET"', "."],
        ["--DockerEngine.registry_credentials=[S3CRET", "."],
        ["--DockerEngine.registry_credentials={'password': b'S3CRET'}", "."],
        ["--ContainerEngine.registry_credentials=S3CRET", "."],
        ["--Repo2Docker.environment=['S3CRET", "."],
        [".", "--Repo2Docker.swh_token=S3CRET"],
        ["--e=S3CRET", "."],
    ],
)
def test_no_message_shows_a_value_that_is_secret(words: list[str]) -> None:
    done = call("--json-logs", "--debug", *words)

    assert done.returncode in {1, 2}
    assert json.loads(done.stderr)["phase"] == "failed"
    assert "S3CRET" not in done.stderr


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--js", "."], True),
        (["--build", "--json-logs", "."], True),
        (["--ref", "main", "-v", "a:b", "-p80", "--label=a=b", "--json-logs"], True),
        ([".", "--json-logs"], False),
        (["--", "--json-logs"], False),
        (["--ref", "--json-logs"], False),
        (["--Repo2Docker.json_logs=True", ".", "conda", "list", "--json"], False),
        (["--x", "--json-logs"], True),
    ],
)
def test_who_asks_for_json_where_the_rest_cannot_be_read(words: list[str], *, asked: bool) -> None:
    assert asks_for_json(words) is asked


def test_an_option_of_the_past_has_a_status_of_its_own() -> None:
    with pytest.raises(RemovedError):
        read(["--build-memory-limit=1G", "."])

    assert call("--build-memory-limit=1G", ".").returncode == 255


@pytest.mark.parametrize(
    ("word", "warning"),
    [
        ("--Repo2Docker.git_workdir=/x", "`Repo2Docker.git_workdir` has no effect: r2i fetches"),
        ("--Repo2Docker.foo=1", "`Repo2Docker.foo` has no effect: r2i does not know it"),
        ("--Foo.bar=1", "`Foo.bar` has no effect"),
        ("--imgae=x", "`--imgae` is not an option, and has no effect; did you mean `--image-name`?"),
    ],
)
def test_what_has_no_effect_is_said_and_stops_nothing(word: str, warning: str) -> None:
    assert [said[: len(warning)] for said in read([word, "."]).warnings] == [warning]


def test_what_asks_for_nothing_is_one_thing() -> None:
    assert read(["x"]) == Invocation(repo="x")


CONFIG = """\
import os

c = get_config()
c.Repo2Docker.base_image = os.path.join("debian", "12").replace("/", ":")
c.Repo2Docker.cache_from.append("one")
c.Repo2Docker.labels["a"] = "b"
c.DockerEngine.extra_buildx_build_args = ["--pull"]
c.Repo2Docker.user_name = "ada"
load_subconfig("more.py")
"""


def test_a_file_of_settings_is_a_program(tmp_path: Path) -> None:
    write(tmp_path, {"config.py": CONFIG, "more.py": "c.Repo2Docker.user_id = 7\n"})

    wanted = read(["--config", str(tmp_path / "config.py"), "--user-name=grace", "x"])

    assert wanted == Invocation(
        repo="x",
        base_image="debian:12",
        cache_from=("one",),
        labels={"a": "b"},
        engine_arguments=("--pull",),
        user_name="grace",
        user_id=7,
    )


def test_a_file_of_settings_may_be_json(tmp_path: Path) -> None:
    write(tmp_path, {"config.json": '{"version": 1, "Repo2Docker": {"platform": "linux/arm64"}}'})

    assert read(["--config", str(tmp_path / "config.json"), "x"]).platform == "linux/arm64"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c.Repo2Docker.x = ", "SyntaxError"),
        ("1/0", "ZeroDivisionError"),
        ("c.Repo2Docker.user_id = 'x'", "user_id"),
        ("c.Repo2Docker.output_image_spec = 5", "`Repo2Docker.output_image_spec`: `5` is not a valid value"),
        ("c.Repo2Docker.appendix = 5", "`Repo2Docker.appendix`: `5` is not a valid value"),
        ("c.Repo2Docker.labels = {'a': ['b']}", "`Repo2Docker.labels`"),
        ("c.Repo2Docker.ports = {'80/tcp': None}", "`Repo2Docker.ports`"),
        (
            "c.DockerEngine.registry_credentials = {'password': b'x'}",
            "`DockerEngine.registry_credentials` has no",
        ),
        ("c.Repo2Docker = 5", "`Repo2Docker` is no class with settings"),
        ("import sys\nsys.exit(0)", "SystemExit"),
    ],
)
def test_a_file_of_settings_that_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, {"config.py": text})

    with pytest.raises(UsageError, match=message):
        read(["--config", str(tmp_path / "config.py"), "x"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["a"]', "its settings are not in an object"),
        ('{"Repo2Docker": 5}', "`Repo2Docker` is no class"),
        ("{", "JSON"),
    ],
)
def test_a_json_file_of_settings_that_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, {"config.json": text})

    with pytest.raises(UsageError, match=message):
        read(["--config", str(tmp_path / "config.json"), "x"])


def test_no_program_of_the_repository_runs(tmp_path: Path) -> None:
    """Neither unasked nor asked for: in CI, a pull request could change the file."""
    marks = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"
    write(tmp_path, {"repo2docker_config.py": marks, "requirements.txt": "six\n"})

    unasked = call("--no-build", ".", cwd=tmp_path)
    asked = call("--no-build", "--config", "repo2docker_config.py", ".", cwd=tmp_path)

    assert unasked.returncode == 0, unasked.stderr
    assert "`repo2docker_config.py` is not read" in unasked.stderr
    assert asked.returncode == 1
    assert "is a file of the repository" in asked.stderr
    assert not (tmp_path / "ran").exists()


def test_the_version_and_the_help_go_to_stdout() -> None:
    version, short, long = call("--version"), call("-h"), call("--help-all")

    assert version.stdout.count("\n") == 1
    assert short.stdout.startswith("Usage: r2i repo2docker")
    assert "--Repo2Docker.base_image" in long.stdout
    assert {version.returncode, short.returncode, long.returncode} == {0}
    assert version.stderr + short.stderr + long.stderr == ""
