"""A repository of 2021 whose requirements name no versions: broken with what there is today, whole as of its day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.process import run
from tests.building import image_of, notebook, write
from tests.pythons import python_downloads
from tests.sources.serving import git

pytestmark = pytest.mark.engine

#: Flask before 2.0 takes any MarkupSafe, and breaks with what came after 2.0.
FILES = {"requirements.txt": "flask<2\n", "analysis.ipynb": ""}

SOURCE = "import flask, importlib.metadata as m; print(flask.__version__, m.version('markupsafe'))"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The requirements are of March 2021; the notebook was changed a year later."""
    directory = tmp_path_factory.mktemp("as-of") / "of-2021"
    directory.mkdir()
    git("init", "-q", cwd=directory)
    with pytest.MonkeyPatch.context() as patch:
        for date, files in (
            ("2021-03-10T12:00:00Z", FILES),
            ("2022-03-10T12:00:00Z", {"analysis.ipynb": notebook(SOURCE)}),
        ):
            patch.setenv("GIT_COMMITTER_DATE", date)
            write(directory, files)
            git("add", "-A", cwd=directory)
            git("commit", "-q", "-m", "work", cwd=directory)
    return directory


@pytest.fixture(scope="module")
def downloads() -> Iterator[str]:
    with python_downloads(["3.8", "3.9"]) as address:
        yield address


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_as_of_its_day_it_builds_and_runs(scheme: str, repository: Path, downloads: str) -> None:
    source = f"{scheme}{repository}"
    with image_of(source, "--as-of=auto", UV_PYTHON_DOWNLOADS_JSON_URL=downloads) as image:
        output = image.executed("analysis.ipynb") + image.answer("pip --version")
        form = '{{index .Config.Labels "io.r2i.as-of"}}'
        label = run(["docker", "inspect", "--format", form, image.tag]).stdout

    assert "1.1.2 1.1.1" in output
    assert "pip 21.0.1 " in output  # what r2i adds is of that day, too
    assert "(python 3.8)" in output
    assert label.strip() == "2021-03-10T12:00:00Z"


@pytest.mark.drift
def test_with_what_there_is_today_it_is_broken(repository: Path, downloads: str) -> None:
    with image_of(repository, UV_PYTHON_DOWNLOADS_JSON_URL=downloads) as image:
        asked = image.ask(f'python -c "{SOURCE}"')

    assert asked.returncode == 1
    assert "cannot import name 'soft_unicode' from 'markupsafe'" in asked.stderr
