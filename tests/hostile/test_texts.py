"""Texts of others on every way out: shown to people, obeyed by no terminal and by no CI service, and every document parses."""

from __future__ import annotations

import base64
import io
import json
import os
import pty
import re
import secrets
import signal
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.cli.output import Guarded
from r2i.quoting import COLOUR, Harmless, shown, without_commands
from tests.building import R2I, fresh_tag, notebook
from tests.cases import ROOT
from tests.children import started
from tests.real_engines import remove_image

#: What a terminal obeys.
TERMINAL = (
    "\x1b]0;title\x07",
    "\x1b]52;c;cHduZWQ=\x1b\\",
    "\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H",
    "\x1b[1A\x1b[2Kover",
    "\x1b[?1049h",
    "\x1bP+q544e\x1b\\",
    "\x1b_apc\x1b\\",
    "\x1bc",
    "\x9b2J\x9d0;t\x9c",
    "safe\rover",
    "safe\x08\x08over",
    "\u202etxt.exe\u2066",
    "a\u200bb\ufeff\u00adc\U000e0041",
    "\u2028line\u2029",
    "\x0b\x0c\x85",
)
#: What the runner of a CI service obeys.
COMMANDS = (
    "::error::oops",
    "  ::warning file=a::oops",
    "\u3000\u00a0::notice::oops",
    "::stop-commands::known",
    "::add-mask::e",
    "::set-output name=a::b",
    "::set-env name=PATH::b",
    "done ##[error]oops",
    "##[add-mask]e",
    "##[group]x",
    "x ##vso[task.setvariable variable=a]b",
    "##teamcity[setParameter name='a' value='b']",
    "section_start:1:a\r\x1b[0Kx",
)
MARKUP = ("[red]x[/red]", "[link=http://example.com]x[/link]", ":warning:", "[/]")
TEXTS = (*TERMINAL, *COMMANDS, *MARKUP, "\udcff\ud800", "x" * 100_000, "::\x1b[31m", "#\x1b[0m#[error]x")

HARMFUL = ("Cc", "Cf", "Cs", "Zl", "Zp")


def controls(text: str, *, colours: bool = False) -> list[str]:
    """What a terminal would obey or not show."""
    text = re.sub(COLOUR, "", text) if colours else text
    return [c for c in text if unicodedata.category(c) in HARMFUL and c not in "\n\t"]


def obeyed(output: str) -> list[str]:
    """The commands of GitHub's, Azure's and TeamCity's runners in what a step writes.

    https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs
    """
    found: list[str] = []
    stopped = ""
    for line in re.split(r"\r\n|\r|\n", output):
        assert not re.search(r"##\w*\[", line), line
        command = re.match(r"\s*::([\w-]+)(?: [^\n]*?)?::(.*)", line)
        if command is None:
            continue
        if stopped:
            stopped = "" if command[1] == stopped else stopped
        elif command[1] == "stop-commands":
            stopped = command[2]
        else:
            found.append(line)
    assert not stopped, "the runner obeys nothing until the end of the step"
    return found


def without_pairs(output: str) -> str:
    """The output of which our own two lines for the runner are taken out."""
    return re.sub(r"(?m)^::(stop-commands::)?[0-9a-f]{32}(::)?\n", "", output)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_shown_and_not_obeyed(text: str) -> None:
    said = without_commands(shown(text))

    assert not controls(said, colours=True)
    assert not obeyed(said)
    assert "section_start:" not in said
    assert len(said) >= len(text)


def test_all_that_is_not_seen_is_known() -> None:
    every = "".join(chr(code) for code in range(sys.maxunicode + 1))

    assert not controls(shown(every))
    assert shown("é 漢 ✓ 👍🏽\u00a0\t\n") == "é 漢 ✓ 👍🏽\u00a0\t\n"


PIECES = st.lists(
    st.sampled_from(
        [
            "\x1b",
            "[",
            "31m",
            "]0;",
            ":",
            "::",
            "#",
            "##",
            "[error]",
            "vso",
            " ",
            "\n",
            "a",
            "\x9b",
            "\u202e",
            "section_start",
        ]
    )
    | st.sampled_from(TEXTS[:40])
    | st.text(max_size=5)
)


@given(PIECES)
def test_it_does_not_matter_where_a_text_is_cut(pieces: list[str]) -> None:
    harmless = Harmless()
    said = "".join(map(harmless, pieces))

    assert not controls(said, colours=True)
    assert not [
        line for line in said.split("\n") if re.match(r"\s*::", line) or re.search(r"##\w{0,30}\[", line)
    ]
    assert not re.search(r"section_(start|end):", said)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text", ["\x1b[" * 500_000, " " * 900_000, "#" * 900_000, "##a" * 300_000, "\n" * 900_000]
)
def test_long_texts_cost_linear_time(text: str) -> None:
    assert len(Harmless()(text)) >= len(text)


def test_words_of_ours_pass_beside_the_guard() -> None:
    file = io.BytesIO()
    guarded = Guarded(io.TextIOWrapper(file, encoding="utf-8", write_through=True))
    guarded.write("::error::theirs\x1b]0;t\x07\udcff\n")
    guarded.flush()
    guarded.inner.write("::error::ours\n")

    assert file.getvalue() == b": :error::theirs\\x1b]0;t\\x07\\udcff\n::error::ours\n"


NAMES = (
    b"a\n::error::oops\n.ipynb",
    b"\x1b]0;title\x07\x1b[2J##[error]x.ipynb",
    "\x9b2J\r\x08.ipynb".encode(),
    "\u202egpj\u2066\u200b\u2028.ipynb".encode(),
    b"\xff\xfe\x80.ipynb",
    b"##vso[task.x]::%0A%25,=a:b.ipynb",
    b"[red]`x`[link=http:x] <script>&amp;]]>.ipynb",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A repository with something to say about files of such names, and the names."""
    top = tmp_path_factory.mktemp("repo")
    # As long as a system takes it: 4,096 bytes with the zero at its end.
    room = 4095 - len(os.fsencode(top)) - 1
    deep = b"/".join([b"d" * 250] * (room // 251))
    names = [*NAMES, deep + b"/" + b"n" * (room - len(deep) - 7) + b".ipynb"]
    cell = "import sklearn\n!sudo apt-get install thing\nopen('C:\\\\Users\\\\me\\\\data.csv')"
    for name in names:
        path = top / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook(cell), encoding="utf-8")
    (top / "requirements.txt").write_text("numpy\n")
    return top, [os.fsdecode(name) for name in names]


def r2i(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"} | environment
    done = subprocess.run(
        [R2I, *arguments], env=env, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return subprocess.CompletedProcess(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a terminal gets of both streams."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", **environment}
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with subprocess.Popen(
            [R2I, *arguments], env=env, stdin=theirs, stdout=theirs, stderr=theirs
        ) as child:
            os.close(theirs)
            said = b"".join(_all_of(terminal))
        assert child.returncode != 70
    return said.decode().replace("\r\n", "\n")


def _all_of(terminal: io.FileIO) -> Iterator[bytes]:
    with suppress(OSError):  # the other end is gone
        while said := terminal.read(1 << 16):
            yield said


WAYS = (
    ("plan",),
    ("plan", "--json"),
    ("dockerfile",),
    ("check",),
    ("check", "--format", "json"),
    ("check", "--format", "sarif"),
    ("check", "--format", "junit"),
    ("init", "--no-build", "--yes"),
    ("badge",),
)


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_names_are_shown_on_every_way_out(way: tuple[str, ...], hostile: tuple[Path, list[str]]) -> None:
    command, *options = way
    done = r2i(command, str(hostile[0]), *options, GITHUB_ACTIONS="true")

    assert done.returncode != 70, done.stderr
    assert not controls(done.stdout + done.stderr)
    assert not obeyed(done.stdout)
    assert not obeyed(done.stderr)
    assert not controls(on_a_terminal(command, str(hostile[0]), *options), colours=True)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_every_report_of_such_names_parses(
    form: str, hostile: tuple[Path, list[str]], tmp_path: Path
) -> None:
    top, names = hostile
    out, page = tmp_path / "report", tmp_path / "page.html"
    done = r2i("check", str(top), "--verbose", "--format", form, "--output", str(out), "--html", str(page))
    said, html = out.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")
    in_short = r2i("check", str(top)).stdout

    assert done.returncode in (0, 8), done.stderr
    assert not controls(said + html + in_short)
    PARSERS[form](said, names)
    assert "<script" not in html
    assert "Its files" in html


def shown_name(name: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def parsed_text(said: str, names: list[str]) -> None:
    assert all(f"{shown_name(name)}:" in said for name in names)


def parsed_json(said: str, names: list[str]) -> None:
    document = json.loads(said)
    schema = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert {*names} <= {one["file"] for one in document["findings"]}


def parsed_sarif(said: str, names: list[str]) -> None:
    document = json.loads(said)
    schema = json.loads((ROOT / "tests" / "check" / "sarif.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    places = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in document["runs"][0]["results"]
    ]
    assert {*map(os.fsencode, names)} <= {*map(unquote_to_bytes, places)}
    assert all(place.isascii() and place.isprintable() for place in places)


def parsed_junit(said: str, names: list[str]) -> None:
    words = "".join(ET.fromstring(said).itertext())
    assert all(shown_name(name) in words for name in names)


def parsed_github(said: str, names: list[str]) -> None:
    files = set()
    for line in said.splitlines():
        command = re.fullmatch(r"::(error|warning|notice) (.*?)::(.*)", line)
        assert command, line
        properties = dict(part.split("=", 1) for part in command[2].split(","))
        assert set(properties) <= {"file", "line", "title"}
        value = properties.get("file", "")
        # As the runner reads them.
        for code, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
            value = value.replace(code, character)
        files.add(value)
        assert not re.search(r"##\w*\[", line)
    assert names[0] in files
    assert names[-1] in files


PARSERS = {
    "text": parsed_text,
    "json": parsed_json,
    "sarif": parsed_sarif,
    "junit": parsed_junit,
    "github": parsed_github,
}


@pytest.mark.parametrize(
    "text", [text for text in TEXTS if "\n" not in text and "\udcff" not in text], ids=ascii
)
def test_an_error_quotes_without_obeying(text: str, tmp_path: Path) -> None:
    (tmp_path / "apt.txt").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    (tmp_path / "requirements.txt").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    done = r2i("--debug", "plan", str(tmp_path), GITHUB_ACTIONS="true")

    assert done.returncode != 70
    assert not controls(done.stderr + done.stdout)
    assert not obeyed(done.stderr)
    assert not controls(on_a_terminal("--debug", "plan", str(tmp_path)), colours=True)


def test_a_directory_of_such_a_name_is_one_word_of_a_label(tmp_path: Path) -> None:
    top = tmp_path / "a\nRUN touch pwned\n\x1b]0;t\x07$(id)`id`\"'\\ \u202e"
    top.mkdir()
    (top / "requirements.txt").write_text("numpy\n")
    done = subprocess.run([R2I, "dockerfile", "."], cwd=top, capture_output=True, check=False, text=True)

    assert done.returncode == 0, done.stderr
    assert not controls(done.stdout)
    assert not re.search(r"(?m)^RUN touch pwned", done.stdout)


OTHERS = "\n".join([*TERMINAL, *COMMANDS, *MARKUP, "\x1b[31mred"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A repository with a Dockerfile of its own that says all of it while it is built."""
    top = tmp_path_factory.mktemp("hostile")
    (top / "words").write_text(OTHERS, encoding="utf-8", newline="\n")
    (top / "Dockerfile").write_text(
        f"FROM docker.io/library/debian:trixie-slim\nRUN useradd -u 1000 me # {secrets.token_hex(4)}\n"
        "COPY words /words\nRUN cat /words\nUSER me\n"
    )
    tag = fresh_tag("texts")
    try:
        yield top, tag
    finally:
        remove_image("docker", tag)


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["plain", "json", "rich"])
def test_what_a_step_prints_is_obeyed_by_nobody(kind: str, image: tuple[Path, str]) -> None:
    top, tag = image
    arguments = ("build", str(top), "--no-cache", "--engine", "docker", "--tag", tag, "--progress", kind)
    done = r2i(*arguments, GITHUB_ACTIONS="true")

    assert done.returncode == 0, done.stderr
    assert not controls(done.stderr)
    assert not obeyed(done.stderr)
    assert bool(re.search(r"(?m)^::stop-commands::[0-9a-f]{32}$", done.stderr)) == (kind != "json")
    assert kind != "json" or all(json.loads(line) for line in done.stderr.splitlines())


@pytest.mark.engine
def test_the_runner_obeys_us_again_after_a_step_that_failed(tmp_path: Path) -> None:
    (tmp_path / "words").write_text(OTHERS, encoding="utf-8", newline="\n")
    (tmp_path / "Dockerfile").write_text(
        "FROM docker.io/library/debian:trixie-slim\nCOPY words /words\nRUN cat /words && exit 3\n"
    )
    done = r2i(
        "build", str(tmp_path), "--engine", "docker", "--tag", fresh_tag("texts"), GITHUB_ACTIONS="true"
    )

    assert done.returncode == 7
    assert not controls(done.stderr)
    assert not obeyed(done.stderr)
    assert obeyed(f"{done.stderr}\n::notice::ours") == ["::notice::ours"]


@pytest.mark.engine
def test_the_runner_obeys_us_again_after_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM docker.io/library/debian:trixie-slim\nRUN echo begun; sleep 1000\n"
    )
    argv = (R2I, "build", str(tmp_path), "--no-cache", "--engine", "docker", "--tag", fresh_tag("texts"))
    environment = {**os.environ, "GITHUB_ACTIONS": "true"}
    with started(*argv, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        assert child.stderr is not None
        lines = []
        for line in child.stderr:
            lines.append(line)
            if line.endswith("begun\n"):
                child.send_signal(signal.SIGTERM)

    assert obeyed("".join([*lines, "::notice::ours"])) == ["::notice::ours"]
    assert lines[-1] == "Interrupted\n"


@pytest.mark.engine
def test_what_a_server_prints_is_obeyed_by_nobody(image: tuple[Path, str]) -> None:
    top, tag = image
    (top / "Dockerfile").write_text(
        f"{(top / 'Dockerfile').read_text()}USER root\nRUN printf '#!/bin/sh\\ncat /words\\n' > /bin/jupyter && chmod +x /bin/jupyter\nUSER me\n"
    )
    arguments = ("run", str(top), "--engine", "docker", "--tag", tag, "--no-browser")
    done = r2i(*arguments, GITHUB_ACTIONS="true")

    assert "oops" in done.stderr
    assert not controls(done.stdout + done.stderr)
    assert not obeyed(done.stderr)
    said = on_a_terminal(*arguments)
    assert not controls(said[said.rindex("\\x1b]0;title") :], colours=True)


@pytest.mark.engine
def test_a_command_gives_a_program_its_bytes_and_a_runner_none(image: tuple[Path, str]) -> None:
    top, tag = image
    raw = [
        R2I,
        "run",
        str(top),
        "--engine",
        "docker",
        "--tag",
        tag,
        "--",
        "sh",
        "-c",
        "cat /words; printf 'é\\r\\nend'",
    ]
    plain = {name: value for name, value in os.environ.items() if name != "GITHUB_ACTIONS"}
    piped = subprocess.run(raw, env=plain, capture_output=True, check=True).stdout
    # In the workflow's own shell: what it captures is for a program, what it does not is for the runner.
    script = 'x=$("$@" | base64 -w0); echo "$x"; "$@"'
    argv = ["bash", "-c", script, "bash", *raw]
    done = subprocess.run(argv, env={**plain, "GITHUB_ACTIONS": "true"}, capture_output=True, check=True)
    first, _, rest = done.stdout.decode().partition("\n")

    assert piped == OTHERS.encode() + "é\r\nend".encode()
    assert base64.b64decode(first) == piped
    assert not obeyed(rest)
    assert not controls(rest)
    assert "oops" in rest
    said = on_a_terminal(
        "run", str(top), "--engine", "docker", "--tag", tag, "--", "cat", "/words", GITHUB_ACTIONS=""
    )
    words = said[said.index("\\x1b]0;title") :]
    assert not controls(words, colours=True)
    assert "\x1b[31mred\x1b[0m" in words
