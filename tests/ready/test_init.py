"""`r2i init` without an engine: what it writes, what it leaves alone, how it asks."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from r2i.check.facts.system_packages import of_modules, of_programs
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.app import run
from r2i.ready.look import read_look
from r2i.ready.needs import needed
from r2i.ready.proposals import pinned
from tests.building import R2I
from tests.check.cases import GIT
from tests.ready.repositories import files_of, notebook, repository

BADGE = "[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/me/course/HEAD"


@pytest.fixture(autouse=True)
def outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


def init(directory: Path, *arguments: str) -> int:
    return run(["init", str(directory), "--no-build", "--yes", *arguments])


def test_a_folder_of_notebooks_gets_what_it_lacks(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        {
            "first.ipynb": notebook(
                "import numpy as np\nimport helpers\nimport cv2", "%pip install -q 'tabulate>0.8' "
            ),
            "helpers.py": "from yaml import safe_load\nimport graphviz\n",
            "tests/test_helpers.py": "import pytest\n",
            "README.md": "# A course\n\nWelcome\n",
        },
    )

    assert init(directory) == 0
    files = files_of(directory)
    assert files["requirements.txt"].splitlines()[1:] == [
        "graphviz",
        "numpy",
        "opencv-python-headless",
        "pyyaml",
        "tabulate>0.8",
    ]
    assert files["apt.txt"] == "graphviz\n"
    assert files["runtime.txt"] == "python-3.13\n"
    assert files["README.md"] == f"# A course\n\n{BADGE}?urlpath=lab%2Ftree%2Ffirst.ipynb)\n\nWelcome\n"


def test_what_only_the_kernel_happens_to_bring_is_asked_for(tmp_path: Path) -> None:
    code = "import six, dateutil, IPython, ipywidgets\nfrom IPython.display import display"
    directory = repository(tmp_path, {"a.ipynb": notebook(code)})
    init(directory)

    assert files_of(directory)["requirements.txt"].splitlines()[1:] == ["python-dateutil", "six"]


def test_what_libraries_import_when_they_are_called_is_asked_for(tmp_path: Path) -> None:
    code = "import pandas as pd\ndf = pd.read_excel('https://example.org/a.xlsx')\ndf.style.format('{}')\n%run b.ipynb"
    directory = repository(tmp_path, {"a.ipynb": notebook(code), "b.ipynb": notebook("import fastparquet")})
    init(directory)

    assert files_of(directory)["requirements.txt"].splitlines()[1:] == [
        "fastparquet",
        "jinja2",
        "nbformat",
        "openpyxl",
        "pandas",
    ]


def test_what_is_brought_by_what_is_declared_is_left_to_it(tmp_path: Path) -> None:
    files = {"requirements.txt": "pandas==2.3.3\n", "a.ipynb": notebook("import pandas, dateutil")}
    directory = repository(tmp_path, files)
    init(directory)

    assert files_of(directory)["requirements.txt"] == "pandas==2.3.3\n"


def test_the_second_time_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = repository(
        tmp_path,
        {
            "a.ipynb": notebook("import numpy, spacy\nnlp = spacy.load('en_core_web_sm')", "!ffmpeg -i x y"),
            "README.md": "# A\n",
        },
    )
    init(directory)
    before = files_of(directory)
    capsys.readouterr()

    assert init(directory) == 0
    assert files_of(directory) == before
    assert "Nothing to write" in capsys.readouterr().err


def test_the_workflow_runs_the_check_with_actions_that_cannot_change(tmp_path: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("1")})
    init(directory)
    workflow = yaml.safe_load((directory / ".github/workflows/binder.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()

    assert workflow["permissions"] == {"contents": "read"}
    assert all(len(step["uses"].partition("@")[2]) == 40 for step in job["steps"] if "uses" in step)
    assert "r2i check --execute --format github" in job["steps"][-1]["run"]


def test_a_workflow_that_checks_is_left_alone(tmp_path: Path) -> None:
    there = {"a.ipynb": notebook("1"), ".github/workflows/ci.yaml": "run: r2i check\n"}
    directory = repository(tmp_path, there)
    init(directory)

    assert not (directory / ".github/workflows/binder.yml").exists()


def test_elsewhere_than_on_github_there_is_no_workflow_of_its(tmp_path: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("1")}, remote="git@gitlab.com:me/course.git")
    init(directory)

    assert not (directory / ".github").exists()


def test_a_directory_of_a_repository_gets_no_workflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = repository(tmp_path, {"docs/a.ipynb": notebook("import numpy")})
    init(directory / "docs")

    assert set(files_of(directory / "docs")) == {"a.ipynb", "requirements.txt", "runtime.txt"}
    said = capsys.readouterr()
    assert "at the top of the repository, not in `docs/`: run `r2i init` there" in said.err
    assert "urlpath=lab%2Ftree%2Fdocs%2Fa.ipynb" in said.out


def test_below_the_configuration_nothing_is_written_that_binder_would_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {"docs/a.ipynb": notebook("import numpy"), "requirements.txt": "numpy==2.2.6\n"}
    directory = repository(tmp_path, there)
    init(directory / "docs")

    assert set(files_of(directory / "docs")) == {"a.ipynb"}
    assert "at the top of the repository, not in `docs/`" in capsys.readouterr().err


def test_what_lies_behind_a_link_out_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("1")})
    (tmp_path / "outside").mkdir()
    (directory / ".github").symlink_to("../outside")

    assert init(directory) == 0
    assert "cannot be written because its path contains a symbolic link" in capsys.readouterr().err
    assert not list((tmp_path / "outside").iterdir())


def test_what_is_declared_in_the_root_stays_there(tmp_path: Path) -> None:
    requirements = "numpy==2.3.4  # the grid\r\nscikit-learn\r\n"
    directory = repository(
        tmp_path,
        {"requirements.txt": requirements, "a.ipynb": notebook("import numpy, sklearn, seaborn, scipy")},
    )
    init(directory)

    assert (directory / "requirements.txt").read_bytes().decode() == f"{requirements}seaborn\r\n"
    assert (directory / "runtime.txt").read_text() == "python-3.13\n"
    assert not (directory / "binder").exists()


def test_options_that_make_it_build_are_kept_in_the_files(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        {
            "requirements.txt": "SKlearn==0.0\nwheel\n",
            "runtime.txt": "python-3.11\n",
            "a.ipynb": notebook("import sklearn"),
        },
    )
    options = [
        "--replace",
        "sklearn=scikit-learn",
        "--replace",
        "wheel=",
        "--python",
        "3.13",
        "--apt",
        "libpq5",
    ]

    assert init(directory, *options) == 0
    assert (directory / "requirements.txt").read_text() == "scikit-learn\n"
    assert (directory / "runtime.txt").read_text() == "python-3.13\n"
    assert (directory / "apt.txt").read_text() == "libpq5\n"


def test_an_environment_of_conda_gets_a_line_of_its_own_kind(tmp_path: Path) -> None:
    text = "name: x\ndependencies:\n  - python=3.12\n  - numpy=2.1\n"
    directory = repository(
        tmp_path, {"binder/environment.yml": text, "a.ipynb": notebook("import numpy, cartopy")}
    )
    init(directory)

    assert (directory / "binder/environment.yml").read_text() == f"{text}  - cartopy\n"
    assert not (directory / "runtime.txt").exists()


def test_where_no_line_can_be_added_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipfile = '[packages]\nnumpy = "*"\n'
    directory = repository(
        tmp_path, {"Pipfile": pipfile, "a.ipynb": notebook("import numpy, seaborn", "!ffmpeg -i x")}
    )

    assert init(directory) == 0
    assert "`Pipfile` does not declare `seaborn`, which a.ipynb:5 needs" in capsys.readouterr().err
    assert (directory / "Pipfile").read_text() == pipfile
    assert (directory / "apt.txt").read_text() == "ffmpeg\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "setup.py",
            "from setuptools import setup\nsetup(name='a', py_modules=[], install_requires=['numpy'])\n",
        ),
        (
            "pyproject.toml",
            '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\npython = "^3.12"\nnumpy = "*"\n',
        ),
    ],
)
def test_where_nothing_at_all_can_be_written_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, text: str
) -> None:
    code = notebook("import numpy, seaborn, ours_only")
    directory = repository(tmp_path, {file: text, "a.ipynb": code}, remote="")

    assert init(directory) == 0
    said = capsys.readouterr().err
    assert f"`{file}` does not declare `seaborn`, which a.ipynb:5 needs" in said
    assert "imports `ours_only` (cell 1), and r2i does not know which package provides it" in said
    assert "not pinned" not in said


@pytest.mark.parametrize(
    ("name", "text"), [("Dockerfile", "FROM debian\n"), ("default.nix", "mkShell { }\n")]
)
def test_a_file_that_says_all_is_left_alone(
    tmp_path: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: text, "a.ipynb": notebook("import numpy", "!ffmpeg -version"), "README.md": "# A\n"}
    directory = repository(tmp_path, files)
    init(directory)

    assert set(files_of(directory)) == {name, "README.md", "a.ipynb", ".github/workflows/binder.yml"}
    assert "install with apt" not in capsys.readouterr().err


def test_what_code_loads_is_fetched_by_post_build(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        {
            "a.ipynb": notebook("import spacy, b\nspacy.load('de_core_news_md'); spacy.load('$(x)')"),
            "b.py": "import spacy\nspacy.load('en_core_web_sm')\n",
            "unused.py": "import spacy\nspacy.load('fr_core_news_sm')\n",
        },
    )
    init(directory)

    assert (directory / "postBuild").read_text() == (
        "#!/bin/sh\nset -e\n"
        "python -m spacy download de_core_news_md\n"
        "python -m spacy download en_core_web_sm\n"
    )
    assert os.access(directory / "postBuild", os.X_OK)


def test_without_a_readme_the_badge_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(repository(tmp_path, {"a.ipynb": notebook("1"), "b.ipynb": notebook("1")}))

    assert capsys.readouterr().out == f"{BADGE})\n"


def test_without_a_remote_there_is_no_badge_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("1"), "README.md": "# A\n"}, remote="")

    assert init(directory) == 0
    assert "No badge yet" in capsys.readouterr().err
    assert (directory / "README.md").read_text() == "# A\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("README.md", "# A\n\n[![Tests](x)](y)\n", "# A\n\nBADGE\n[![Tests](x)](y)\n"),
        ("README.md", "# A", "# A\n\nBADGE\n"),
        ("README.md", "# A\nText\n", "# A\n\nBADGE\n\nText\n"),
        ("README.md", "A\r\n===\r\n\r\nText\r\n", "A\r\n===\r\n\r\nBADGE\r\n\r\nText\r\n"),
        ("README.md", "---\ntitle: x\n---\n# A\n", "---\ntitle: x\n---\n# A\n\nBADGE\n"),
        ("README.md", "\ufeffText\n", "\ufeffBADGE\n\nText\n"),
        ("README.md", "", "BADGE\n"),
        ("README.md", "# A\n\n[b](https://hub.example.org/v2/gh/me/course/HEAD)\n", None),
        ("readme.rst", "===\nA\n===\n\nText\n", "===\nA\n===\n\nBADGE\n\nText\n"),
        ("README.rst", "A\n~\n", "BADGE\n\nA\n~\n"),
    ],
)
def test_the_badge_goes_below_the_title(tmp_path: Path, name: str, before: str, after: str | None) -> None:
    directory = repository(tmp_path, {name: before, "a.ipynb": notebook("1"), "b.ipynb": notebook("1")})
    init(directory)
    badge = f"{BADGE})"
    if name.endswith("rst"):
        url = "https://mybinder.org"
        badge = f".. image:: {url}/badge_logo.svg\n   :target: {url}/v2/gh/me/course/HEAD\n   :alt: Binder"
    expected = before if after is None else after.replace("BADGE", badge)

    assert (directory / name).read_bytes().decode() == expected


def test_a_module_that_nobody_knows_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(repository(tmp_path, {"a.ipynb": notebook("1", "import numpy\nimport ours_only")}))

    said = capsys.readouterr().err
    assert "imports `ours_only` (cell 2), and r2i does not know which package provides it" in said
    assert "versions are not pinned" in said


@pytest.mark.parametrize("remote", ["", "https://github.com/me/course"])
@pytest.mark.parametrize("files", [{}, {"README.md": "# A course\n", "data/x.csv": "1\n"}])
def test_where_nothing_is_there_is_nothing_to_get_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], remote: str
) -> None:
    (tmp_path / "repo").mkdir()
    directory = repository(tmp_path, files, remote=remote)

    assert init(directory) == 4
    assert "The directory has no notebook" in capsys.readouterr().err
    assert files_of(directory) == files


@pytest.mark.parametrize(
    ("files", "added"),
    [
        ({"run.py": "import numpy\n"}, {"requirements.txt", "runtime.txt"}),
        ({"apt.txt": "ffmpeg\n"}, {"runtime.txt"}),
        ({"environment.yml": "dependencies: [python=3.12]\n"}, set()),
    ],
)
def test_scripts_and_files_for_binder_need_no_notebook(
    tmp_path: Path, files: dict[str, str], added: set[str]
) -> None:
    directory = repository(tmp_path, files)

    assert init(directory) == 0
    assert set(files_of(directory)) == {*files, *added, ".github/workflows/binder.yml"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["me/course"], 2, "Clone or download the repository first"),
        (["."], 2, "Pass `--yes`"),
        (["nowhere"], 3, "does not exist"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("1")})
    done = subprocess.run(
        [R2I, "init", *arguments], cwd=directory, input="", capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert words in done.stderr
    assert set(files_of(directory)) == {"a.ipynb"}


def test_files_that_are_wrong_are_told_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = repository(tmp_path, {"apt.txt": "curl; rm\n", "a.ipynb": notebook("1")})

    assert init(directory) == 5
    assert "apt.txt:1" in capsys.readouterr().err


@contextmanager
def on_a_terminal(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`r2i init --no-build` with a terminal to ask on, and the end of it where answers are typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [R2I, "init", "--no-build"],
        cwd=directory,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def test_on_a_terminal_each_file_is_asked_for(tmp_path: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("import numpy"), "README.md": "# A\n"})
    with on_a_terminal(directory) as (process, terminal):
        os.write(terminal, b"y\nn\n\nn\n")
        _, said = process.communicate(timeout=60)

        assert process.returncode == 0, said
    assert said.count("Write these changes? [Y/n]") == 4
    assert set(files_of(directory)) == {"README.md", "a.ipynb", "requirements.txt"}
    assert BADGE in (directory / "README.md").read_text()


def test_an_interrupt_leaves_everything_as_it_was(tmp_path: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("import numpy"), "README.md": "# A\n"})
    before = files_of(directory)
    with on_a_terminal(directory) as (process, terminal):
        os.write(terminal, b"y\ny\n")
        assert process.stderr is not None
        asked = 0
        while asked < 3:
            asked += process.stderr.read(1) == "?"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

        assert process.returncode == 130
    assert said.endswith("\nInterrupted\n")
    assert files_of(directory) == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy", "numpy==2.1"),
        ("numpy>=1.2,<3", "numpy==2.1"),
        ("Num_Py", "Num_Py"),
        ("numpy==1.9", "numpy==1.9"),
        ("numpy==1.*", "numpy==2.1"),
        ("torch[b,a]; python_version > '3.8'", 'torch[a,b]==2.9.0 ; python_version > "3.8"'),
        ("no requirement", "no requirement"),
    ],
)
def test_what_was_installed_is_pinned(text: str, expected: str) -> None:
    assert pinned(text, {"numpy": "2.1", "torch": "2.9.0+cpu"}) == expected


def test_a_look_tells_versions_and_failures() -> None:
    said: list[object] = [
        {"versions": {"Num_Py": "2.1", "evil": "1 # x"}},
        {"trying": "a"},
        {"tried": "a", "said": ""},
        {"trying": "b"},
        {"tried": "b", "said": "ImportError: no"},
        {"trying": "c"},
    ]
    lines = ["noise", "Mx", "M" * 9, "M[" * 99_999, *(f"M{json.dumps(one)}" for one in said)]

    look = read_look(lines, "M")

    assert look.versions == {"num-py": "2.1"}
    assert look.failed == {"b": "ImportError: no", "c": "Python exited during the import"}


@given(st.lists(st.text()))
def test_whatever_a_container_says_is_read(lines: list[str]) -> None:
    assert not read_look([f"M{line}" for line in lines], "M").versions


def test_names_in_the_table_are_names() -> None:
    tables = [of_modules(init=True), of_programs(init=True)]
    packages = [package for names in tables for some in names.values() for package in some]

    assert all(word.isidentifier() for word in of_modules(init=True))
    assert not set("".join(packages)) - set("abcdefghijklmnopqrstuvwxyz0123456789.+-")


def test_init_knows_all_that_rules_report() -> None:
    assert of_modules().items() < of_modules(init=True).items()
    assert of_programs().items() < of_programs(init=True).items()


def test_needs_are_found_in_modules_that_notebooks_reach_only(tmp_path: Path) -> None:
    directory = repository(
        tmp_path,
        {"a.ipynb": notebook("import used"), "used.py": "import pandas", "unused.py": "import scipy"},
    )

    assert list(needed(Subject(Checkout.open(directory))).requirements) == ["pandas"]


def test_r_packages_get_the_day_of_the_commit_and_no_line_for_python_beside_it(tmp_path: Path) -> None:
    files = {"install.R": 'install.packages("ggplot2")\n', "a.ipynb": notebook("import json")}
    directory = repository(tmp_path, files)
    for command in (("add", "--all"), ("commit", "--quiet", "--message=x", "--date=2025-10-31T12:00:00Z")):
        environ = {**os.environ, "GIT_COMMITTER_DATE": "2025-10-31T12:00:00Z"}
        subprocess.run([*GIT, *command], cwd=directory, check=True, env=environ)

    assert init(directory) == 0
    assert files_of(directory)["runtime.txt"] == "r-4.5-2025-10-31\n"
    assert init(directory) == 0
    assert files_of(directory)["runtime.txt"] == "r-4.5-2025-10-31\n"


def test_only_files_that_were_asked_for_are_taken_from_an_image() -> None:
    lines = [f'M{{"file": "{path}", "text": "x"}}' for path in ("/home/a/Manifest.toml", "/etc/passwd")]

    assert read_look(lines, "M", files=["/home/a/Manifest.toml"]).files == {"/home/a/Manifest.toml": "x"}
