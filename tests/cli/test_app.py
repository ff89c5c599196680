"""Commands, their help, and what becomes of every way to end."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from tests.building import R2I
from tests.writing import write

from r2i import __version__
from r2i.cli.app import COMMANDS, cli, run
from r2i.cli.themes import THEMES
from r2i.errors import BuildFailedError, R2iError, UsageError

HEAVY = ("docker", "git", "jinja2", "requests", "rich", "yaml")

Body = Callable[[], object]
Command = Callable[[Body], None]


def program(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real program, with nothing of this environment but the path."""
    return subprocess.run(
        [R2I, *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Make `r2i trial` do something."""

    def define(body: Body) -> None:
        module = ModuleType("r2i.cli.trial")
        module.trial = click.command("trial")(body)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "r2i.cli.trial", module)
        monkeypatch.setitem(COMMANDS, "trial", "Only here.")

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield define
    for number, handler in before.items():
        signal.signal(number, handler)


def raising(error: BaseException) -> Body:
    def body() -> None:
        raise error

    return body


def error_classes(base: type[R2iError] = R2iError) -> list[type[R2iError]]:
    """Those of `r2i.errors`: whatever else is loaded by now may have kinds of its own."""
    below = [sub for sub in base.__subclasses__() if sub.__module__ == R2iError.__module__]
    return [base, *(found for sub in below for found in error_classes(sub))]


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_has_words_and_its_code(
    command: Command, capfd: pytest.CaptureFixture[str], error: type[R2iError]
) -> None:
    command(raising(error("`a` is wrong", hint="Mend it", file="apt.txt", line=3)))

    assert run(["trial"]) == error.exit_code
    assert capfd.readouterr() == ("", "Error: apt.txt:3: `a` is wrong\nHint: Mend it\n")


def test_the_last_lines_of_a_failed_step_come_first(
    command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    command(raising(BuildFailedError("it failed", log=("one", "two"))))

    assert run(["trial"]) == 7
    assert capfd.readouterr().err == "  one\n  two\nError: it failed\n"


def test_words_of_a_repository_cannot_move_the_cursor(
    command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    command(raising(R2iError("line `\x1b[2J`\nsecond", hint="\x07", file="a\nb\udce9")))

    assert run(["trial"]) == 1
    assert capfd.readouterr().err == "Error: a\\nb\\udce9: line `\\x1b[2J`\nsecond\nHint: \\x07\n"


def test_a_traceback_is_shown_where_it_is_asked_for(
    command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    command(raising(UsageError("wrong")))

    assert run(["--debug", "trial"]) == 2
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("value", [0, 3, None, "text"])
def test_a_command_may_return_a_status(command: Command, value: object) -> None:
    command(lambda: value)

    assert run(["trial"]) == (value if isinstance(value, int) else 0)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), EOFError()])
def test_an_interrupt_is_130(
    command: Command, capfd: pytest.CaptureFixture[str], error: BaseException
) -> None:
    command(raising(error))

    assert run(["trial"]) == 130
    assert capfd.readouterr().err.strip() == "Interrupted"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_is_an_interrupt(command: Command, number: signal.Signals) -> None:
    def body() -> None:
        os.kill(os.getpid(), number)
        time.sleep(10)

    command(body)
    signal.signal(number, signal.SIG_DFL)

    assert run(["trial"]) == 130


def test_a_closed_terminal_is_no_interrupt_where_it_was_to_go_on(command: Command) -> None:
    command(lambda: os.kill(os.getpid(), signal.SIGHUP))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    assert run(["trial"]) == 0


def test_a_bug_is_70_with_lines_to_paste(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    command(raising(ZeroDivisionError("no such thing")))

    assert run(["trial"]) == 70
    out, err = capfd.readouterr()
    assert out == ""
    assert "bug in r2i" in err
    assert f"    r2i {__version__}, Python 3." in err
    assert "    r2i trial\n    ZeroDivisionError: no such thing\n    in body, test_app.py:" in err
    assert "Traceback" not in err
    assert "Hint: " in err


def test_a_report_of_a_bug_holds_no_secrets(command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    command(raising(OSError("cannot reach https://me:token@example.org/a")))
    run(["trial", "https://me:token@example.org/a"])
    usage = capfd.readouterr().err

    command(raising(OSError("cannot reach https://me:token@example.org/a")))
    assert run(["trial"]) == 70
    assert "token" not in capfd.readouterr().err
    assert "Traceback" not in usage


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("https://me:token@example.org/a", "https://…@example.org/a"),
        ("https://me:to@ken@example.org/a", "https://…@example.org/a"),
        ("TOKEN=abc", "TOKEN=…"),
        ("-eTOKEN=abc=d\ne", "-eTOKEN=…"),
        ("--env=TOKEN=abc", "--env=TOKEN=…"),
        ("--Repo2Docker.swh_token=abc", "--Repo2Docker.swh_token=…"),
        ('--DockerEngine.registry_credentials={"password":\n"abc"}', "--DockerEngine.registry_credentials=…"),
        ("--python=3.12", "--python=3.12"),
        ("./a=b", "./a=b"),
        ("-p8888:8888", "-p8888:8888"),
    ],
)
def test_what_may_be_secret_is_left_out(argument: str, shown: str) -> None:
    from r2i.cli.app import _without_secrets

    assert _without_secrets(argument) == shown


def test_help_lists_all_commands() -> None:
    done = program("--help")

    assert done.returncode == 0
    for name, words in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(words)}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(name: str) -> None:
    done = program(name, "-h")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: r2i {name}" in done.stdout
    options = re.findall(r"^  (-.*?)(?:  +(.*))?$", done.stdout, re.MULTILINE)
    assert options
    lines = done.stdout.split("\n")
    for option, words in options:
        following = lines[next(i for i, line in enumerate(lines) if line.startswith(f"  {option}")) + 1]
        assert words or following.startswith("      "), f"{option} is not explained"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("biuld", "`r2i build`"), ("planx", "`r2i plan`"), ("xyzzy", "`r2i --help`"), ("", "`r2i --help`")],
)
def test_an_unknown_command_is_answered_with_the_nearest(typed: str, hint: str) -> None:
    done = program(typed)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"There is no command `{typed}`" in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("plan",), ("plan", ".", "x"), ("plan", "--nope"), ("--nope",), ("run", ".", "--memory", "lots")],
)
def test_a_wrong_command_line_is_2(arguments: tuple[str, ...]) -> None:
    done = program(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_the_version_is_printed_alone() -> None:
    assert program("--version").stdout == f"r2i {__version__}\n"


def test_the_version_loads_neither_click_nor_jinja2() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-c",
            "import sys; sys.argv = ['r2i', '--version']; import r2i.cli as c; c.main()",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert "r2i.cli" in loaded
    assert not loaded.intersection({"click", "jinja2", "r2i.cli.app", *HEAVY})


@pytest.mark.parametrize(
    "module", ["r2i.cli.app", "r2i.planning.compose", "r2i.cli.plan", "r2i.cli.build", "r2i.cli.run"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = json.loads(python(f"import sys, json, {module}; print(json.dumps(list(sys.modules)))"))

    assert module in loaded
    assert not set(HEAVY).intersection(loaded)


def test_a_plan_of_a_directory_loads_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})
    code = (
        "import io, json, sys, contextlib; from r2i.cli.app import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()): assert run(['plan', {str(tmp_path)!r}]) == 0\n"
        "print(json.dumps(list(sys.modules)))"
    )

    assert not set(HEAVY).intersection(json.loads(python(code)))


@pytest.mark.parametrize("arguments", [("plan",), ("plan", "--json"), ("dockerfile",)])
def test_a_reader_that_has_enough_is_no_trouble(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write(tmp_path, {"requirements.txt": "six\n"})
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [R2I, *arguments, tmp_path], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (1, b"")


COPIES = {
    "here": {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"},
    "there": {
        "PYTHONHASHSEED": "2",
        "TZ": "America/Lima",
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "latin-1",
        "HOME": "/somewhere/else",
        "USER": "somebody",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
        "PIP_INDEX_URL": "https://me:token@index.example.org/simple",
        "SSL_CERT_FILE": "/etc/ssl/mine.pem",
        "SOURCE_DATE_EPOCH": "1",
        "DOCKER_HOST": "tcp://192.0.2.1:2375",
    },
}


@pytest.mark.parametrize("arguments", [("plan",), ("plan", "--json"), ("dockerfile",)])
def test_the_product_depends_on_nothing_but_the_repository(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    files = {
        "requirements.txt": "six\nnumpy\n",
        "apt.txt": "git\ncurl\n",
        "runtime.txt": "python-3.12\n",
        "start": '#!/bin/sh\nexec "$@"\n',
        "postBuild": "pip install jupyterlab  # é\n",
        "b.ipynb": '{"source": ["%%cython"]}',
        "a.ipynb": '{"source": ["%%cython"]}',
    }
    outputs = []
    for index, (name, environment) in enumerate(COPIES.items()):
        top = tmp_path / name / "x" / "course"
        write(top, dict(sorted(files.items(), reverse=bool(index))))
        for path in top.iterdir():
            os.utime(path, (10**9 * index + 5, 10**9 * index + 5))
        where = str(top) if index else "course"
        done = subprocess.run(
            [R2I, *arguments, where],
            cwd="/" if index else top.parent,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)

    assert outputs[0] == outputs[1]
    assert b"course" not in outputs[0]
    assert str(tmp_path).encode() not in outputs[0]
    assert "é".encode() in outputs[0] or arguments == ("dockerfile",)


def test_a_plan_says_which_file_chose_the_base_image(tmp_path: Path) -> None:
    write(tmp_path, {"runtime.txt": "r-4.1\n"})

    lines = program("plan", str(tmp_path)).stdout.splitlines()

    assert lines[:2] == [
        "Base image:   docker.io/library/debian:bookworm-slim",
        "              runtime.txt:1: requires R 4.1; the nearest is R 4.2 of bookworm",
    ]


def test_every_theme_of_the_help_has_options_that_exist() -> None:
    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    named = {option for options in THEMES.values() for option in options}

    assert named - {one.name for command in commands if command for one in command.params} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_can_be_parsed(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.epilog

    for line in command.epilog.splitlines():
        program_, verb, *words = shlex.split(line)
        assert (program_, verb) == ("r2i", name)
        command.make_context(name, words)


def test_ctrl_c_while_modules_are_loaded_is_one_word() -> None:
    code = """
import os, signal, sys
class Loading:
    def find_spec(self, name, *_):
        if name == "r2i.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Loading())
sys.argv = ["r2i", "plan", "."]
from r2i.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted\n")


def test_ctrl_c_at_the_end_changes_no_exit_code() -> None:
    code = """
import atexit, os, signal, sys
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
sys.argv = ["r2i", "plan", "/nonexistent"]
from r2i.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 3
    assert "Traceback" not in done.stderr
