"""What the documentation shows is what r2i prints, and what it names exists."""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from r2i.cli.app import COMMANDS, cli
from r2i.errors import R2iError
from r2i.process import run
from tests.cases import ROOT

README = ROOT / "README.md"
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
SOURCE = ROOT / "src" / "r2i"
MODULES = sorted(SOURCE.rglob("*.py"))
TABLES = sorted(SOURCE.rglob("*.toml"))
BLOCK = re.compile(
    r"(<!-- made by `(?P<command>[^`]+)` -->\n```console\n)(?P<shown>.*?)(```\n<!-- end -->)", re.DOTALL
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_shown_output_is_what_the_command_prints(document: Path, *, update_golden: bool) -> None:
    def printed(match: re.Match[str]) -> str:
        program, *arguments = shlex.split(match["command"])
        done = run(
            [str(Path(sys.executable).with_name(program)), *arguments],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert done.returncode == 0, done.stderr
        return f"{match[1]}$ {match['command']}\n{done.stdout}{match[4]}"

    text = document.read_text(encoding="utf-8")
    current = BLOCK.sub(printed, text)
    if update_golden:
        document.write_text(current, encoding="utf-8")

    assert text == current or update_golden


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"^    .*$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose)
    missing = [
        link for link in links if not link.startswith("http") and not (document.parent / link).exists()
    ]

    assert not missing


def test_the_readme_names_every_command_and_nothing_else() -> None:
    named = set(re.findall(r"^\| `r2i (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE))

    assert named == set(COMMANDS)


def test_the_readme_has_every_exit_code() -> None:
    def codes(error: type[R2iError]) -> set[int]:
        return {error.exit_code}.union(*(codes(child) for child in error.__subclasses__()))

    listed = {
        int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert codes(R2iError) - {1} <= listed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]

    assert [option.name for option in options if not option.help and not option.hidden] == []


#: Words in messages that read as a translation, and possessives of products (`conda packages`, not `conda's packages`).
UNENGLISH = re.compile(
    r"\b(?:anew|be had|overlooked|as of it|as whom|whoever|the most time|the most memory|keeps it away|begin so)\b"
    r"|\b(?:BuildKit|Binder|conda|Debian|Docker|git|Git|Jupyter|meson-python|pip|Podman|Poetry|PyPI|r2i|setuptools|Ubuntu|uv)'s\b"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_messages_are_standard_english(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    ]

    assert [text for text in texts if UNENGLISH.search(text)] == []


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_tables_are_standard_english(table: Path) -> None:
    lines = table.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not line.startswith("#") and UNENGLISH.search(line)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_pages_are_standard_english(document: Path) -> None:
    assert UNENGLISH.findall(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_standard_english(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None

    assert UNENGLISH.findall(command.get_help(click.Context(command))) == []


def test_a_hint_names_no_file_that_an_installed_r2i_has_not() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src/r2i").rglob("*.toml")}
    assert [
        str(path)
        for path, text in texts.items()
        if re.search(r"^hint = .*(?<!main/)docs/\w+\.md", text, re.MULTILINE)
    ] == []
