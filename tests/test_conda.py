"""Conda environments, really solved, installed and asked; their channel is the tests' own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from r2i.process import Completed
from tests.building import Built, build, built_steps, image_of, notebook, occurrences, write
from tests.cases import asking_kernel
from tests.conda_channel import MARK, conda_channel, need_python

pytestmark = pytest.mark.engine

SAYS = "import sys; print(sys.executable, *sys.version_info[:2])"


@pytest.fixture(scope="module")
def alias() -> Iterator[str]:
    with conda_channel() as address:
        yield address


@pytest.fixture(scope="module")
def image(alias: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    files = {
        "environment.yml": "dependencies: [python=3.9, greet, {pip: [six==1.16.0, -e .]}]\n",
        "pyproject.toml": "[project]\nname = 'ours'\nversion = '1'\n[tool.setuptools]\npy-modules = ['ours']\n",
        "ours.py": "ANSWER = 42\n",
        "says.ipynb": notebook(f"{SAYS}; import greet, ours, six; print(greet.VERSION, ours.ANSWER)"),
    }
    directory = write(tmp_path_factory.mktemp("conda") / "conda-image", files)
    with image_of(directory, CONDA_CHANNEL_ALIAS=alias) as built:
        yield built


def test_a_notebook_uses_packages_of_conda_of_pip_and_of_the_repository(image: Built) -> None:
    assert image.executed("says.ipynb") == "/srv/env/bin/python 3 9\n2.0 42\n"


def test_what_the_channel_has_is_installed_by_conda_and_the_rest_by_pip(image: Built) -> None:
    by_conda = image.answer("ls /srv/env/conda-meta")
    by_pip = image.answer("cd /srv/env/lib/python3.9/site-packages; grep -l uv */INSTALLER")

    assert "pip-" in by_conda
    assert "pip-" not in by_pip
    assert "ipykernel-" in by_pip
    assert "ipykernel-" not in by_conda


def test_everything_is_compiled_to_bytecode_and_belongs_to_the_user(image: Built) -> None:
    script = "import asyncio, greet, os; print(all(os.path.exists(m.__cached__) for m in (asyncio, greet)))"
    foreign = "find /srv/env ! -user jovyan -o ! -type l ! -writable"

    assert image.answer(f"python -c '{script}'; {foreign}") == "True\n"


def test_conda_works_in_a_notebook_and_in_a_terminal(image: Built) -> None:
    magic = asking_kernel("%conda install tiny-01")
    answer = image.answer(f"{magic}; bash -lc 'mamba list; which conda'; cat /srv/env/.condarc")

    assert {"micromamba", "install", "--prefix", "/srv/env", "--yes", "tiny-01"} <= set(answer.split())
    assert "micromamba list" in answer
    assert "/srv/env/bin/conda" in answer
    assert "conda-forge" in answer


def test_nothing_in_the_image_tells_where_its_packages_came_from(image: Built, tmp_path: Path) -> None:
    assert occurrences(image.tag, MARK.encode(), tmp_path) == []


@pytest.mark.parametrize("minor", ["2.7", "3.6"])
def test_a_python_that_uv_does_not_have_is_a_kernel_under_the_new_server(
    alias: str, tmp_path: Path, minor: str
) -> None:
    need_python(minor)
    files = {
        "runtime.txt": f"python-{minor}\n",
        "requirements.txt": "six==1.15.0\n",
        "says.ipynb": notebook(f"from __future__ import print_function; {SAYS}; import six"),
    }
    directory = write(tmp_path / f"conda-provides-{minor}", files)
    with image_of(directory, CONDA_CHANNEL_ALIAS=alias) as built:
        assert built.executed("says.ipynb") == f"/srv/env/bin/python {minor.replace('.', ' ')}\n"
        assert built.answer("jupyter lab --version; which jupyter-notebook").endswith(
            "/srv/jupyter/bin/jupyter-notebook\n"
        )


def test_environment_yml_with_an_old_python_runs_a_notebook(alias: str, tmp_path: Path) -> None:
    need_python("3.6")
    files = {
        "environment.yml": "dependencies: [python=3.6, greet=1.0, shouting]\n",
        "says.ipynb": notebook(SAYS, kernel="shouting"),
    }
    with image_of(write(tmp_path / "conda-3.6", files), CONDA_CHANNEL_ALIAS=alias) as built:
        assert built.executed("says.ipynb") == "/srv/env/bin/python 3 6\n"


def test_source_activate_stays_in_the_environment(image: Built) -> None:
    assert image.answer("bash -c 'source activate any && which python'") == "/srv/env/bin/python\n"


def test_where_no_python_is_named_the_channel_decides_and_it_is_said(alias: str, tmp_path: Path) -> None:
    # An engine that remembers another run would not ask the channel.
    yml = f'dependencies: ["greet !=9.{secrets.randbelow(10**9)}"]\n'
    directory = write(tmp_path / "conda-any", {"environment.yml": yml})
    with image_of(directory, CONDA_CHANNEL_ALIAS=alias) as built:
        assert "another version is chosen" in built.log
        assert built.answer("python --version").startswith("Python 3.11.")


def test_a_server_that_the_environment_brings_is_joined_with_it(alias: str, tmp_path: Path) -> None:
    files = {"environment.yml": "dependencies: [python=3.11, greet, {pip: [jupytext]}]\n"}
    with image_of(write(tmp_path / "conda-joined", files), CONDA_CHANNEL_ALIAS=alias) as built:
        assert built.answer(
            "which jupyter-lab jupyterhub-singleuser; python -c 'import jupyterlab, greet'"
        ) == ("/srv/env/bin/jupyter-lab\n/srv/env/bin/jupyterhub-singleuser\n")


def test_an_edit_rebuilds_what_it_changes_and_nothing_else(alias: str, tmp_path: Path) -> None:
    never_seen = secrets.randbelow(10**9)
    yml = f"dependencies:\n- python=3.9\n- greet\n- pip:\n  - six; python_version != '{never_seen}'\n"
    directory = write(tmp_path / "repo", {"environment.yml": yml, "a.ipynb": notebook("1")})
    with image_of(directory, CONDA_CHANNEL_ALIAS=alias) as built:
        write(directory, {"a.ipynb": notebook(f"{never_seen}")})
        after_notebook = built_steps(directory, built.tag, CONDA_CHANNEL_ALIAS=alias)
        write(
            directory,
            {"environment.yml": f"# a comment\nname: {never_seen}\n" + yml.replace("greet", "greet  # x")},
        )
        after_comment = built_steps(directory, built.tag, CONDA_CHANNEL_ALIAS=alias)

    assert after_notebook == after_comment == {"Repository files"}


def test_a_day_takes_what_the_channel_had(alias: str, tmp_path: Path) -> None:
    directory = write(tmp_path / "repo", {"environment.yml": "dependencies: [python=3.9, greet]\n"})
    with image_of(directory, "--as-of=2021-06-01", CONDA_CHANNEL_ALIAS=alias) as built:
        assert built.answer("python -c 'import greet; print(greet.VERSION)'") == "1.0\n"


def test_a_day_that_makes_it_impossible_is_named(alias: str, tmp_path: Path) -> None:
    directory = write(tmp_path / "repo", {"environment.yml": "dependencies: [python=3.9, greet=2]\n"})
    done = build(directory, "r2i-test/conda-as-of", "--as-of=2021-06-01", CONDA_CHANNEL_ALIAS=alias)

    assert done.returncode == 7
    assert "greet 2.0 is excluded" in done.stderr
    assert "Without the date 2021-06-02T00:00:00Z, there is a solution" in done.stderr


def failed(tmp_path: Path, alias: str, yml: str) -> Completed:
    directory = write(tmp_path / "repo", {"environment.yml": yml})
    done = build(directory, "r2i-test/conda-fails", CONDA_CHANNEL_ALIAS=alias)
    assert done.returncode == 7, done.stderr
    return done


@pytest.mark.parametrize(
    ("dependencies", "words"),
    [
        ("[gret]", ["`gret` is not in conda-forge", "Is it `greet`?", "environment.yml:1"]),
        ("[old-friend, new-friend]", ["old-friend 1.0 would require", "greet 1.*", "greet 2.*"]),
        ("[greet=2.0=py38_7]", ["greet ==2.0 py38_7", "conda env export --from-history"]),
        ("[modern, python=3.6]", ["modern", "python >=3.9"]),
        ("[needs-card]", ["__cuda >=11"]),
    ],
)
def test_what_cannot_be_solved_names_what_is_wrong(
    alias: str, tmp_path: Path, dependencies: str, words: list[str]
) -> None:
    done = failed(tmp_path, alias, f"dependencies: {dependencies}\n")

    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_channel_that_does_not_exist_is_named(alias: str, tmp_path: Path) -> None:
    done = failed(tmp_path, alias, "channels: [nowhere, nodefaults]\ndependencies: [greet]\n")

    assert "channel 'https://conda.anaconda.org/nowhere/'" in done.stderr
    assert "Is the name of the channel right?" in done.stderr


def test_packages_for_a_card_are_chosen_where_they_are_asked_for(alias: str, tmp_path: Path) -> None:
    yml = "dependencies: [python=3.9, needs-card, cuda-version=12]\n"
    done = failed(tmp_path, alias, yml)

    # The channel has no `cuda-version`; what needs the card is no problem any more.
    assert "`cuda-version` is not in conda-forge" in done.stderr
    assert "__cuda" not in done.stderr
