"""Notebooks that are texts: which texts are, and what their cells say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.checking import check
from r2i.check.code.notebooks import Notebook
from r2i.check.code.text_notebooks import text_notebook
from r2i.check.execution.planned import planned
from r2i.check.settings import CheckSettings
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from tests.cases import ROOT

CHECKS = ROOT / "tests" / "fixtures" / "checks"
MYST = "---\nkernelspec:\n  name: python3\n---\n\n"


def read(directory: Path, name: str, text: str) -> Notebook | None:
    (directory / name).write_text(text, encoding="utf-8")
    return text_notebook(Checkout.open(directory.resolve()), name, len(text))


def test_every_form_is_known() -> None:
    subject = Subject(checkout=Checkout.open(CHECKS / "N107-texts" / "repo"))

    assert {notebook.path: (notebook.form, notebook.kernel) for notebook in subject.text_notebooks} == {
        "analysis.md": ("MyST Markdown", "python3"),
        "plain.md": ("Markdown", "python3"),
        "report.Rmd": ("R Markdown", ""),
        "slides.qmd": ("Quarto", ""),
        "percent.py": ("a script of jupytext, `percent` format", "python3"),
        "light.R": ("a script of jupytext, `light` format", "ir"),
    }
    assert planned(subject) == ()


@pytest.mark.parametrize(
    ("name", "text", "source", "line"),
    [
        ("a.md", MYST + "```{code-cell}\n:tags: [a]\nimport b\n```\n", "\nimport b", 7),
        ("a.md", MYST + "````{code-cell} ipython3\n---\ntags: [a]\n---\n```\n````\n", "\n\n\n```", 7),
        ("a.md", "---\njupytext: {}\n---\n~~~python tags=[]\nx\n~~~\n", "x", 5),
        ("a.Rmd", "```{python a, echo=FALSE}\nimport b\n```", "import b", 2),
        ("a.qmd", "```{python}\n#| label: a\n1\n```", "#| label: a\n1", 2),
        ("a.py", "# ---\n# jupyter:\n#   x: y\n# ---\n1", "# ---\n# jupyter:\n#   x: y\n# ---\n1", 1),
    ],
)
def test_cells_have_their_code_and_its_line(
    tmp_path: Path, name: str, text: str, source: str, line: int
) -> None:
    found = read(tmp_path, name, text)

    assert found is not None
    assert [(cell.source, cell.first_line) for cell in found.code] == [(source, line)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "```python\nimport a\n```\n"),
        ("post.md", "---\ntitle: jupytext\n---\n```python\nimport a\n```\n"),
        ("a.qmd", "---\ntitle: a\n---\n```python\nimport a\n```\n"),
        ("a.Rmd", "only words\n"),
        ("a.py", "# %%\nimport a\n"),
        ("a.py", "import a\n# ---\n# jupyter:\n# ---\n"),
        ("a.txt", MYST),
    ],
)
def test_other_texts_are_no_notebooks(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text) is None


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.Rmd", "```{r}\n1\n```\n", "r"),
        ("a.Rmd", "```{r}\n1\n```\n```{python}\n1\n```\n", "python"),
        ("a.Rmd", "```{bash}\nls\n```\n", "other"),
        ("a.md", MYST + "```{code-cell} r\n1\n```\n", "r"),
        ("a.md", "---\njupytext: {}\n---\n```r\n1\n```\n", "r"),
        ("a.R", "# ---\n# jupyter:\n#   x: y\n# ---\n1", "r"),
    ],
)
def test_the_language_is_known(tmp_path: Path, name: str, text: str, language: str) -> None:
    found = read(tmp_path, name, text)

    assert found is not None
    assert found.language == language


def test_an_ignored_text_does_not_hide_the_others(tmp_path: Path) -> None:
    for name in ("a.Rmd", "b.Rmd", "c.Rmd"):
        (tmp_path / name).write_text("```{r}\n1\n```\n", encoding="utf-8")
    settings = CheckSettings(per_file_ignores={"a.Rmd": ("N107",)})
    report = check(Subject(checkout=Checkout.open(tmp_path.resolve()), settings=settings))

    assert [one.finding.file for one in report.findings if one.rule.code == "N107"] == ["b.Rmd"]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.md", MYST + "```{code-cell}\nimport seaborn\n```\n", 7),
        ("a.qmd", "```{python}\nimport seaborn\n```\n", 2),
        ("a.py", "# ---\n# jupyter:\n#   jupytext: {}\n# ---\n# %%\nimport seaborn\n", 6),
    ],
)
def test_rules_about_imports_apply(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("numpy==2.2.6\n", encoding="utf-8")
    report = check(Subject(checkout=Checkout.open(tmp_path.resolve())))
    found = {(one.rule.code, one.finding.line) for one in report.findings}

    assert {("D301", line), ("N107", 1)} <= found


@given(
    st.lists(
        st.sampled_from(
            ["---\n", "```", "{python}", "{code-cell}", "\n", ":tags: [a]\n", "# ---\n", "jupytext:", "x"]
        )
    )
)
def test_any_text_is_a_notebook_or_none(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    directory = tmp_path_factory.mktemp("text")
    for name in ("a.md", "a.qmd", "a.py"):
        found = read(directory, name, "---\njupytext:\n---\n" + "".join(parts))
        assert found is None or found.form
