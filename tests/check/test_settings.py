"""What is checked, as `pyproject.toml`, the command line and comments say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.checking import check
from r2i.check.rules import CODES
from r2i.check.settings import CheckSettings, parsed_size, settings_of, with_chosen
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, R2iError, UsageError


def read(directory: Path, text: str) -> CheckSettings:
    (directory / "pyproject.toml").write_text(text, encoding="utf-8")
    return settings_of(Checkout.open(directory), codes=CODES)


def test_all_that_the_file_can_say(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [tool.r2i.check]
        select = ["F", "D101"]
        ignore = ["F3"]
        exclude = ["archive/**"]
        max-size = "1.5 GB"
        [tool.r2i.check.per-file-ignores]
        "drafts/*" = ["D"]
        """,
    )

    assert (found.selects("F101"), found.selects("F301"), found.selects("D102")) == (True, False, False)
    assert (found.excludes("archive/2019/a.ipynb"), found.excludes("a/archive.py")) == (True, False)
    assert found.max_size == 1_500_000_000
    assert found.ignores("D101", "drafts/a.ipynb", "")
    assert not found.ignores("F101", "drafts/a.ipynb", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.r2i.chek]", "`tool.r2i` has no key `chek`"),
        ("[tool]\nr2i = 1", "`tool.r2i` is not a table"),
        ("[tool.r2i]\ncheck = 1", "`tool.r2i.check` is not a table"),
        ("[tool.r2i.check]\nselct = []", "`tool.r2i.check` has no key `selct`"),
        ("[tool.r2i.check]\nselect = 'F'", "`tool.r2i.check.select` is not a list of strings"),
        ("[tool.r2i.check]\nignore = ['Q1']", "`tool.r2i.check.ignore` contains `Q1`, which matches no rule"),
        ("[tool.r2i.check]\nmax-size = 4", "`tool.r2i.check.max-size` is not a size"),
        ("[tool.r2i.check]\nper-file-ignores = []", "`tool.r2i.check.per-file-ignores` is not a table"),
        (
            "[tool.r2i.check.per-file-ignores]\na = ['Q']",
            "`tool.r2i.check.per-file-ignores.a` contains `Q`, which matches no rule",
        ),
        ("[tool.r2i", "`pyproject.toml` is not valid TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_what_is_wrong_in_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        read(tmp_path, text)

    assert caught.value.message == message
    assert caught.value.file == "pyproject.toml"


def test_the_command_line_decides_and_takes_lists_in_any_case() -> None:
    chosen = with_chosen(
        CheckSettings(select=("N",), ignore=("F2",)),
        select=("f1, d101", "S"),
        ignore=("F101",),
        max_size="2gb",
        codes=CODES,
    )

    assert chosen.select == ("F1", "D101", "S")
    assert chosen.ignore == ("F2", "F101")
    assert chosen.max_size == 2_000_000_000


@pytest.mark.parametrize(
    ("select", "size", "message"),
    [("F9,F1", None, "`--select F9` matches no rule"), ("F1", "much", "`--max-size much` is not a size")],
)
def test_what_is_wrong_on_the_command_line(select: str, size: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_chosen(CheckSettings(), select=(select,), ignore=(), max_size=size, codes=CODES)


@pytest.mark.parametrize(
    ("comment", "ignored"),
    [
        ("", False),
        ("# r2i: ignore", True),
        ("#r2i:ignore[D101]", True),
        ("# r2i: ignore[F, D1]", True),
        ("# r2i: ignore[D102]", False),
        ("# r2i: ignore[]", False),
    ],
)
def test_a_comment_is_for_its_line(tmp_path: Path, comment: str, *, ignored: bool) -> None:
    (tmp_path / "requirements.txt").write_text(f"scipy==1.15.2\nnumpy  {comment}\n", encoding="utf-8")
    report = check(Subject(checkout=Checkout.open(tmp_path), settings=CheckSettings(select=("D101",))))

    assert (report.suppressed, len(report.findings)) == ((1, 0) if ignored else (0, 1))


def test_a_comment_in_a_cell_is_for_its_line(tmp_path: Path) -> None:
    notebook = Path(__file__).parents[1] / "fixtures" / "checks" / "N401-input" / "repo"
    (source,) = notebook.glob("*.ipynb")
    text = source.read_text(encoding="utf-8").replace("input(", "input(  # r2i: ignore[N401]\\n", 1)
    (tmp_path / "a.ipynb").write_text(text, encoding="utf-8")
    report = check(Subject(checkout=Checkout.open(tmp_path), settings=CheckSettings(select=("N401",))))

    assert report.suppressed == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000),
        ("2 GiB", 2_000_000_000),
        ("1.5g", 1_500_000_000),
        ("7", 7),
        ("", None),
        ("-1", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert parsed_size(text) == size


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"[tool.r2i.check]\n{text}".encode()))
def test_any_file_gives_settings_or_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(data)
    try:
        found = settings_of(Checkout.open(tmp_path), codes=CODES)
    except R2iError:
        return

    assert isinstance(found.selects("F101"), bool)
