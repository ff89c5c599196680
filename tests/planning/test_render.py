"""From a plan to a Dockerfile that holds our instructions and no others, whatever the repository says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.writing import planned, write

from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError
from r2i.model import Dockerfile, Options, Plan
from r2i.planning.compose import make_plan
from r2i.planning.render import PACKAGES, render
from r2i.quoting import printable, quoted, shell_word

#: What somebody might write who wants an instruction, a command or a terminal of their own.
NASTY = (
    "\nRUN touch /pwned\n",
    "\r\nRUN touch /pwned",
    "\u2028RUN touch /pwned",
    "\x0bRUN touch /pwned",
    "\x85RUN touch /pwned",
    "$(touch /pwned)",
    "`touch /pwned`",
    "; touch /pwned",
    "&& touch /pwned",
    "' && touch /pwned '",
    '" && touch /pwned "',
    "${HOME}",
    "\\",
    "\\\n",
    "<<EOF",
    "# syntax=example.org/evil",
    "#",
    "-o Dpkg::Options::=x",
    "\x1b]0;owned\x07",
    "%%cython",
    "{{ user }}",
    "{% if %}",
)
SENSIBLE = (
    "python-3.12\n",
    "r-4.4-2024-10-31\n",
    "3.11.4\n",
    "#!/bin/sh\n",
    'exec "$@"\n',
    "gcc -c x.c\n",
    "git\n",
    "numpy==2.0\n",
    "-e .\n",
    "six @ https://example.org/six.zip\n",
    "pip install jupyterlab\n",
)
contents = st.lists(st.one_of(st.sampled_from(SENSIBLE + NASTY), st.text(max_size=8)), max_size=5).map(
    "".join
)
file_names = st.one_of(
    st.sampled_from(
        (
            "runtime.txt",
            ".python-version",
            "apt.txt",
            "requirements.txt",
            "postBuild",
            "start",
            ".dockerignore",
        )
    ),
    st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20)
    .filter(lambda name: name not in {".", ".."})
    .map(lambda name: f"{name}.ipynb"),
)
repositories = st.dictionaries(file_names, contents, max_size=5)


def instructions(text: str) -> list[str]:
    parser = DockerfileParser(fileobj=BytesIO(text.encode()))
    return [step["instruction"] for step in parser.structure if step["instruction"] != "COMMENT"]


def expected_instructions(plan: Plan) -> list[str]:
    """The instructions of the same layers with harmless values."""
    layers = tuple(replace(layer, title="x", variables=harmless(layer.variables)) for layer in plan.layers)
    with TemporaryDirectory() as empty:
        return instructions(render(replace(plan, layers=layers), Checkout.open(Path(empty))).text)


def harmless(value: Any) -> Any:
    """A value of the same shape that says nothing."""
    if isinstance(value, Mapping):
        return {key: harmless(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(harmless, value))
    return "x" if value and isinstance(value, str) else value


def check(plan: Plan, dockerfile: Dockerfile) -> None:
    assert instructions(dockerfile.text) == expected_instructions(plan)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", dockerfile.text)
    first_line = dockerfile.text.partition("\n")[0]
    assert re.match(r"# \w+ \w", first_line), "a directive could follow"


@pytest.mark.slow
@settings(max_examples=300)
@example({"a\nRUN touch \\\n.ipynb": '{"source": ["%%cython"]}'})
@example({"start": "#!/bin/sh\n", "postBuild": "gcc x.c\x1b[2J"})
@given(repositories)
def test_no_repository_adds_an_instruction(files: dict[str, str]) -> None:
    with TemporaryDirectory() as directory:
        for name in list(files):
            if len(name.encode()) > 200:
                del files[name]
        checkout = write(Path(directory), files)
        try:
            plan, dockerfile = planned(checkout)
        except R2iError as error:
            assert error.exit_code in {4, 5}  # noqa: PT017
            return
        check(plan, dockerfile)
        assert directory not in dockerfile.text


@given(st.text())
@example("a\nRUN touch /pwned")
@example("a\\\nRUN touch /pwned")
@example("\x1b[2J")
def test_no_title_is_more_than_a_comment(title: str) -> None:
    with TemporaryDirectory() as directory:
        checkout = write(Path(directory), {})
        plan = make_plan(checkout, Options())
    titled = replace(plan, layers=(replace(plan.layers[0], title=title), *plan.layers[1:]))

    check(titled, render(titled, checkout))


@settings(max_examples=100)
@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9.]{0,9}", fullmatch=True), st.text(max_size=30), max_size=3)
)
def test_labels_are_what_was_asked_for(labels: dict[str, str]) -> None:
    with TemporaryDirectory() as directory:
        plan, dockerfile = planned(write(Path(directory), {}), Options(labels=labels))
    written = DockerfileParser(fileobj=BytesIO(dockerfile.text.encode())).structure
    line = next(step["value"] for step in written if step["instruction"] == "LABEL")
    read = {unquoted(name): unquoted(value) for name, value in re.findall(rf"({WORD})=({WORD})", line)}

    assert instructions(dockerfile.text) == expected_instructions(plan)
    for name, value in labels.items():
        assert read[name] == " ".join(value.splitlines())


#: A word in double quotes, as BuildKit reads it: a backslash takes the meaning of `"`, `$` and itself, and of no other.
WORD = r'"(?:[^"\\]|\\.)*"'


def unquoted(word: str) -> str:
    assert re.fullmatch(WORD, word, re.DOTALL), word
    assert not re.search(r"(?<!\\)(?:\\\\)*\$", word), "a variable would be expanded"
    return re.sub(r'\\(["$\\])', r"\1", word[1:-1])


@given(st.text())
@example("\\")
@example('\\"$HOME')
@example("a\\\nRUN x")
def test_quoted_values_are_read_as_they_were(value: str) -> None:
    assert unquoted(quoted(value)) == " ".join(value.splitlines())


@given(st.text())
def test_a_shell_word_is_on_one_line_or_refused(value: str) -> None:
    try:
        word = shell_word(value)
    except InvalidRepositoryError:
        assert re.search(r"[\r\n]", value)
        return
    assert not re.search(r"[\r\n]", word)


@given(st.text(st.characters()))
def test_printable_strings_cannot_move_the_cursor(value: str) -> None:
    text = printable(value)

    assert text.isprintable()
    text.encode()


def test_what_is_printable_stays() -> None:
    assert printable("naïve `日本` …") == "naïve `日本` …"
    assert printable("a\x1b[31m\n\udce9") == r"a\x1b[31m\n\udce9"


def test_a_dockerfile_of_the_repository_is_used_as_it_is(tmp_path: Path) -> None:
    text = "FROM debian:12\nRUN true # {{ not }} a template\n"
    _, dockerfile = planned(write(tmp_path, {"Dockerfile": text.replace("\n", "\r\n")}))

    assert (dockerfile.text, dockerfile.support, dockerfile.layer_lines) == (text, {}, {})


def test_lines_lead_back_to_their_layers(tmp_path: Path) -> None:
    files = {"start": '#!/bin/sh\nexec "$@"\n', "postBuild": "#!/bin/sh\n", "runtime.txt": "python-3.12\n"}
    plan, dockerfile = planned(write(tmp_path, files))
    lines = dockerfile.text.split("\n")

    for index, layer in enumerate(plan.layers):
        own = [lines[number - 1] for number, found in dockerfile.layer_lines.items() if found == index]
        assert f"# {layer.title}" in own
    for number, line in enumerate(lines, 1):
        if re.match("[A-Z]+ ", line):
            assert number in dockerfile.layer_lines


def test_the_appendix_ends_the_dockerfile(tmp_path: Path) -> None:
    appendix = 'RUN echo "a" \\\n && true\nUSER root'
    _, dockerfile = planned(write(tmp_path, {}), Options(appendix=appendix))

    assert dockerfile.text.endswith(f"# From --appendix\n{appendix}\n")


def test_support_files_are_named_by_the_instructions_that_read_them(tmp_path: Path) -> None:
    _, dockerfile = planned(write(tmp_path, {"requirements.txt": "six\n"}))
    mounted = set(re.findall(r"from=r2i,source=([\w./-]+)", dockerfile.text))

    for path in dockerfile.support:
        assert any(f"{path}/".startswith(f"{source}/") for source in mounted), path
    for source in mounted:
        assert any(f"{path}/".startswith(f"{source}/") for path in dockerfile.support), source


def test_the_layers_of_the_installer_and_the_server_are_the_same_for_every_repository(tmp_path: Path) -> None:
    one = planned(write(tmp_path / "one", {"requirements.txt": "six\n"}))
    other = planned(write(tmp_path / "other", {"runtime.txt": "python-3.10", "start": "#!/bin/sh\n"}))
    parts = [dockerfile.text.partition("\n# User account")[0] for _, dockerfile in (one, other)]

    assert "jupyter" in parts[0]
    assert parts[0] == parts[1]


@pytest.mark.parametrize("package", PACKAGES)
def test_templates_lie_where_they_are_looked_for(package: str) -> None:
    root = Path(__file__).parents[2] / "src" / Path(*package.split("."))

    assert list(root.glob("*.Dockerfile.j2"))


def test_root_finds_its_programs_where_nobody_else_writes(tmp_path: Path) -> None:
    """The image's own path begins with directories of the user's, and packages bring programs of any name."""
    files = {
        "environment.yml": "dependencies: [python=3.12, pip, {pip: [six, -e .]}]\n",
        "setup.py": "",
        "start": '#!/bin/sh\r\nexec "$@"\n',
    }
    text = planned(
        write(tmp_path, {**files, "postBuild": "#!/bin/sh\r\n"}), Options(repo_dir="/home/jovyan/work")
    )[1].text
    after = text.partition("\n# User account")[2].partition("RUN ")[2].partition("\n\n")[2]
    steps = re.split(r"^(?=(?:RUN|USER) )", after, flags=re.MULTILINE)
    user = "root"
    for step in steps:
        user = step.split()[1] if step.startswith("USER ") else user
        if step.startswith("RUN ") and user == "root":
            assert "export PATH=/usr/local/sbin:" in step or step.startswith('RUN [ "$(/usr/bin/readlink'), (
                step
            )
    assert user == "jovyan"
