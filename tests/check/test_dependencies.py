"""What requirements, cells and imports say is read whatever they hold; what is not known is not guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2i.check import optional_uses
from r2i.check.checking import check
from r2i.check.facts import provided as tables
from r2i.check.facts.distributions import distributions
from r2i.check.facts.provided import modules_of, of_conda, of_pypi, optional, provided, providers
from r2i.check.formats.github import to_github
from r2i.check.formats.json_report import to_json
from r2i.check.formats.junit import to_junit
from r2i.check.formats.sarif import to_sarif
from r2i.check.missing import missing_imports
from r2i.check.optional_uses import distributions_of
from r2i.check.requirement_edits import where
from r2i.check.rules import RULES
from r2i.check.settings import CheckSettings
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.edits.applying import combined
from tests.writing import write

DEPENDENCIES = [rule for rule in RULES if rule.code.startswith("D")]

REQUIREMENTS = [
    "numpy",
    "numpy==1.0",
    "Numpy>=2 ; python_version < '3'",
    "sklearn",
    "os",
    "-e .",
    "-r a.txt",
    "[x]",
]
REQUIREMENTS += [
    "git+https://github.com/a/b@c",
    "pywin32",
    "torch[cuda] @ https://a/b.zip",
    "--hash=x",
    "- pip:",
    "\\",
]
CODE = [
    "import a.b",
    "from . import x",
    "!pip install ",
    "'",
    '"',
    "%conda install -c",
    "a>1",
    "&&",
    "library(",
    "::",
    "using A",
]


def found(repo: Path) -> Subject:
    subject = Subject(checkout=Checkout.open(repo))
    report = check(subject, DEPENDENCIES)
    combined(subject.checkout, (one.finding.fix for one in report.findings if one.finding.fix))
    return subject


def notebook(source: str, language: str = "python") -> str:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
    metadata = {"language_info": {"name": language}}
    return json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


@pytest.mark.parametrize("file", ["requirements.txt", "environment.yml", "pyproject.toml", "Pipfile"])
def test_any_file_can_be_checked(file: str, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook("import numpy"))

    @settings(max_examples=60)
    @given(
        st.binary()
        | st.lists(st.sampled_from(REQUIREMENTS) | st.text(), max_size=8).map("\n".join).map(_encoded)
    )
    def checked(data: bytes) -> None:
        (tmp_path / file).write_bytes(data)
        found(tmp_path)

    checked()


@pytest.mark.parametrize("language", ["python", "R", "julia"])
def test_any_cell_can_be_checked(language: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy==2.2.6\n")

    @settings(max_examples=60)
    @given(st.lists(st.sampled_from(CODE) | st.text(), max_size=8).map("\n".join))
    def checked(source: str) -> None:
        (tmp_path / "a.ipynb").write_text(notebook(source, language))
        found(tmp_path)

    checked()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def test_where_the_environment_is_wrong_nobody_is_sent_to_a_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-e .\n")
    (tmp_path / "a.ipynb").write_text(notebook("%pip install seaborn"))
    report = check(Subject(checkout=Checkout.open(tmp_path)), DEPENDENCIES)

    assert [one.finding.hint for one in report.findings if one.rule.code == "D201"] == [
        "Add `seaborn` to the file that defines the environment"
    ]


def test_what_a_file_that_cannot_be_used_asks_for_is_no_news_in_a_cell(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy==2.2.6\npython>=3.7\n")
    (tmp_path / "a.ipynb").write_text(notebook("%pip install numpy"))
    report = check(Subject(checkout=Checkout.open(tmp_path)))

    assert [one.rule.code for one in report.findings] == ["D202", "F101"]


def test_a_finding_that_breaks_nothing_is_a_note_everywhere(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("sklearn==0.0\n")
    report = check(Subject(checkout=Checkout.open(tmp_path)), strict=True)

    assert [(one.rule.code, one.rule.severity, one.severity) for one in report.findings] == [
        ("D102", "error", "info")
    ]
    assert (report.ready, report.count("info"), report.count("warning")) == (True, 1, 0)
    assert json.loads(to_json(report))["findings"][0]["severity"] == "info"
    assert to_github(report).startswith("::notice ")
    assert 'failures="0"' in to_junit(report)
    assert json.loads(to_sarif(report))["runs"][0]["results"][0]["level"] == "note"


def test_what_an_environment_has() -> None:
    there = provided(["pandas"])

    assert there.has("pandas.plotting")
    assert there.has("numpy")
    assert there.has("IPython")
    assert not there.has("sklearn")
    assert there.unknown == ()
    assert provided(["nobodys-package"]).unknown == ("nobodys-package",)
    assert provided(["r-base", "nodejs"], conda=True).unknown == ()
    assert provided(["pytorch"], conda=True).has("torch")


def test_distributions_of_modules() -> None:
    assert providers("sklearn.svm")[0] == "scikit-learn"
    assert providers("cv2")[0] == "opencv-python-headless"
    assert providers("google.protobuf.message") == ("protobuf",)
    assert providers("nobodys_module") == ()
    assert (of_conda("torch"), of_pypi("pytorch"), of_conda("matplotlib")) == (
        "pytorch",
        "torch",
        "matplotlib",
    )
    assert (of_conda("tensorflow"), of_pypi("tensorflow-gpu")) == ("tensorflow", "tensorflow")


def test_the_tables_hold_names_and_modules_only() -> None:
    others = tables._others()

    assert others.keys().isdisjoint(distributions())
    assert all(
        part.isidentifier() for name in others for module in modules_of(name) for part in module.split(".")
    )
    assert "openpyxl" in optional()["pandas"]


@pytest.mark.parametrize("wrong", ["python==3.8", "numpy @ file:///home/conda/numpy", "numpy>==1"])
def test_the_other_lines_of_a_file_that_cannot_be_read_are_checked(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"{wrong}\nsklearn\npywin32==306\n")
    report = check(Subject(checkout=Checkout.open(tmp_path)))

    assert [(one.rule.code, one.finding.line) for one in report.findings if one.rule.severity == "error"] == [
        ("F101", 1),
        ("D102", 2),
        ("D104", 3),
    ]


PROJECT = '[project]\nname = "a"\nversion = "1"\ndependencies = ["numpy"]\n'


@pytest.mark.parametrize(
    ("manifest", "tool"),
    [
        (PROJECT, "uv"),
        (f"{PROJECT}[tool.pdm]\n", "pdm"),
        ('[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\nnumpy = "*"\n', "poetry"),
    ],
)
def test_a_package_is_pinned_by_what_manages_it(manifest: str, tool: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(manifest)
    report = check(Subject(checkout=Checkout.open(tmp_path), settings=CheckSettings(select=("D101",))))

    assert [one.finding.hint for one in report.findings] == [f"Run `{tool} lock`, and commit `{tool}.lock`"]


def test_the_table_of_optional_dependencies_names_what_can_be_asked_for() -> None:
    rows = optional_uses.table()
    needed = {module for row in rows for module in row.needs}

    assert all(row.functions or row.methods or row.commands or row.imports for row in rows)
    assert all(name in distributions() or modules_of(name) for row in rows if (name := row.library))
    assert {name for module in needed if not providers(module) for name in distributions_of(module)} == {
        "fastexcel",
        "python-calamine",
    }


@pytest.mark.parametrize(
    ("specifier", "needed"),
    [
        ("==5.24.1", []),
        ("<6", []),
        ("~=5.1", []),
        ("<6.1", ["anywidget"]),
        (">=5", ["anywidget"]),
        (">=5,<=7", ["anywidget"]),
        ("!=5", ["anywidget"]),
    ],
)
def test_what_a_release_began_with_is_not_expected_of_older_ones(
    specifier: str, needed: list[str], tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text(f"plotly{specifier}\n")
    cell = {"cell_type": "code", "source": "import plotly.graph_objects as go\nw = go.FigureWidget()"}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))

    assert [one.module for one in missing_imports(Subject(Checkout.open(tmp_path)))] == needed


def test_a_lock_file_is_not_edited_by_hand(tmp_path: Path) -> None:
    lock = Path(__file__).parents[1] / "fixtures" / "checks" / "F402-uv-lock" / "repo"
    for name in ("pyproject.toml", "uv.lock"):
        (tmp_path / name).write_bytes((lock / name).read_bytes())

    assert where(found(tmp_path)) == "to the requirements that `uv.lock` locks, and lock them again"


R_CELL = notebook("library(ggplot2)\nlibrary(zoo)\nlibrary(ours)", "R")


@pytest.mark.parametrize(
    ("files", "lacking"),
    [
        ({"install.R": 'install.packages("ggplot2")'}, ["zoo", "ours"]),
        # What r2i does not run or follow counts for nothing.
        ({"install.R": 'install.packages("ggplot2")  # and "zoo"'}, ["zoo", "ours"]),
        ({"install.R": 'source("R/more.R")', "R/more.R": 'install.packages("zoo")'}, ["ggplot2", "ours"]),
        ({"install.R": 'wanted <- "zoo"\ninstall.packages(wanted)'}, ["ggplot2", "ours"]),
        ({"install.R": b"# caf\xe9\ninstall.packages('zoo')"}, ["ggplot2", "ours"]),
        ({"DESCRIPTION": "Package: ours\nImports: zoo,\n    ggplot2\n"}, []),
        ({"DESCRIPTION": "Package: other\nImports: zoo\nSuggests: ggplot2\n"}, ["ggplot2", "ours"]),
        ({"binder/DESCRIPTION": "Package: ours\nImports: zoo, ggplot2\n"}, ["ours"]),
        ({"install.R": 'install.packages("zoo")', "DESCRIPTION": "Package: ours\n"}, ["ggplot2", "ours"]),
        ({"renv.lock": '{"Packages": {"zoo": {"Package": "zoo"}}}'}, ["ggplot2", "ours"]),
        ({"install.R": "", "apt.txt": "r-cran-zoo\n"}, ["ggplot2", "ours"]),
        # Anything may be installed.
        *(
            ({"install.R": f'install.packages("zoo")\n{more}'}, [])
            for more in (
                'remotes::install_github("a/b")',
                'source("https://example.org/a.R")',
                'source("gone.R")',
                'names <- readLines("names.txt")',
                'names <- read.csv("names.csv")',
                "pacman::p_load(ours)",
                'install.packages("unheard.of.package")',
                "BiocManager::install()",
            )
        ),
        ({"renv.lock": "{"}, []),
    ],
)
def test_r_packages_are_declared_where_the_build_reads_them(
    files: dict[str, str | bytes], lacking: list[str], tmp_path: Path
) -> None:
    subject = found(write(tmp_path, {**files, "a.ipynb": R_CELL}).root)

    messages = [each.finding.message for each in check(subject).findings if each.rule.code == "D311"]
    several = ", ".join(f"`{name}`" for name in lacking)
    expected = {
        0: [],
        1: [f"The cell loads the R package {several}, but no file requires it"],
    }
    assert messages == expected.get(
        len(lacking), [f"Cells load {len(lacking)} R packages that no file requires: {several}"]
    )
