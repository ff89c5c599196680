"""When a file was last changed: real histories, local and behind real servers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from r2i.checkout import Checkout
from r2i.errors import TemporaryError
from r2i.sources import LastChange, Unknown, fetched, last_change, parse
from tests.sources.serving import Repository, git, id_of, serve

YEARS = ("2019", "2020", "2021", "2022")


@pytest.fixture
def dated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A history of one commit a year; the requirements are those of 2020, the notebook is of 2022."""
    repository = Repository.make(tmp_path)
    files = (
        {"requirements__txt": "six\n", "analysis__requirements.txt": "six\n"},
        {"requirements__txt": "attrs\n"},
        {"analysis__requirements.txt": "attrs\n"},
        {"index.ipynb": "{}\n"},
    )
    for year, changed in zip(YEARS, files, strict=True):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{year}-06-30T12:00:00+02:00")
        repository.commit(
            year,
            **{name.replace("requirements__txt", "requirements.txt"): text for name, text in changed.items()},
        )
        git("tag", f"of-{year}", cwd=repository.work)
    return repository.publish()


def asked(
    address: str,
    environ: dict[str, str],
    *,
    files: Sequence[str] = ("requirements.txt",),
    ref: str | None = None,
    subdirectory: str = "",
) -> tuple[LastChange | Unknown, Checkout]:
    source = parse(address, ref=ref, subdirectory=subdirectory, cwd=Path("/"))
    with fetched(source, environ=environ, report=lambda _: None) as checkout:
        before = sorted(path for path in checkout.boundary.rglob("*") if path.is_file())
        change = last_change(source, checkout, files, environ=environ, report=lambda _: None)
        assert sorted(path for path in checkout.boundary.rglob("*") if path.is_file()) == before
    return change, checkout


def moment(change: LastChange | Unknown) -> str:
    assert isinstance(change, LastChange), change
    return change.moment.isoformat()


CASES = [
    (["requirements.txt"], "", "2020-06-30T10:00:00+00:00"),
    (["requirements.txt", "index.ipynb"], "", "2022-06-30T10:00:00+00:00"),
    (["requirements.txt"], "analysis", "2021-06-30T10:00:00+00:00"),
]


@pytest.mark.parametrize(("files", "subdirectory", "when"), CASES)
@pytest.mark.parametrize("where", ["work", "file", "smart"])
def test_it_is_that_of_the_file_and_not_of_the_newest_commit(
    where: str, files: list[str], subdirectory: str, when: str, *, dated: Repository, environ: dict[str, str]
) -> None:
    with serve(dated.served.parent) as server:
        address = {"work": str(dated.work), "file": dated.url, "smart": f"{server.url}/project.git"}[where]
        change, _ = asked(address, environ, files=files, subdirectory=subdirectory)

    assert moment(change) == when


@pytest.mark.parametrize("filters", ["true", "false"])
def test_files_are_left_out_where_the_server_can(
    filters: str, dated: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    from r2i.sources.git_fetch import program
    from r2i.sources.history import _fetch_history

    dated.options["uploadpack.allowFilter"] = filters
    dated.publish()
    directory = tmp_path / "history"
    directory.mkdir()
    source = parse(dated.url, cwd=Path("/"))
    _fetch_history(directory, program(source, environ), location=dated.url, commit=id_of(dated, "main"))

    kinds = git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)", cwd=directory).split()

    assert kinds.count("commit") == 4
    assert ("blob" in kinds) == (filters == "false")


def test_a_server_that_gives_no_single_commit_gives_its_history(
    dated: Repository, environ: dict[str, str]
) -> None:
    dated.options["uploadpack.allowAnySHA1InWant"] = "false"
    dated.publish()
    with serve(dated.served.parent, mode="dumb") as server:
        change, _ = asked(f"{server.url}/project.git", environ, ref="of-2021")

    assert moment(change).startswith("2020-")


def test_a_server_that_is_gone_is_worth_another_try(dated: Repository, environ: dict[str, str]) -> None:
    with serve(dated.served.parent) as server:
        source = parse(f"{server.url}/project.git", cwd=Path("/"))
        fetching = fetched(source, environ=environ, report=lambda _: None)
        checkout = fetching.__enter__()
    with pytest.raises(TemporaryError):
        last_change(source, checkout, ["requirements.txt"], environ=environ, report=lambda _: None)
    fetching.__exit__(None, None, None)


def test_what_is_not_committed_has_no_date(dated: Repository, environ: dict[str, str]) -> None:
    (dated.work / "new.txt").write_text("six\n")

    change, _ = asked(str(dated.work), environ, files=["requirements.txt", "new.txt"])

    assert isinstance(change, Unknown)
    assert change.reason == "`new.txt` was never committed"


def test_a_directory_outside_of_git_has_no_date(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "requirements.txt").write_text("six\n")

    change, _ = asked(str(tmp_path), {**environ, "GIT_CEILING_DIRECTORIES": "/"})

    assert change == Unknown(
        reason="the directory is not part of a git repository",
        hint="Use a date instead, such as `--as-of 2021-06-30`",
    )


def test_a_repository_without_commits_has_no_date(tmp_path: Path, environ: dict[str, str]) -> None:
    repository = Repository.make(tmp_path)
    (repository.work / "requirements.txt").write_text("six\n")

    change, _ = asked(str(repository.work), environ)

    assert isinstance(change, Unknown)
    assert change.reason == "the git repository has no commit yet"


def test_a_shallow_clone_says_so_instead_of_naming_its_end(
    dated: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth=1", dated.url, str(clone), cwd=tmp_path)

    change, _ = asked(str(clone), environ)

    assert isinstance(change, Unknown)
    assert "shallow" in change.reason
    assert "--unshallow" in change.hint


def test_a_shallow_clone_that_reaches_far_enough_knows(
    dated: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth=4", dated.url, str(clone), cwd=tmp_path)

    change, _ = asked(str(clone), environ)

    assert moment(change).startswith("2020-")


def test_an_edited_file_is_named(dated: Repository, environ: dict[str, str]) -> None:
    (dated.work / "requirements.txt").write_text("attrs\nsix\n")

    change, _ = asked(str(dated.work), environ)

    assert isinstance(change, LastChange)
    assert change.edited == ("requirements.txt",)


def test_other_line_ends_are_no_edit(dated: Repository, environ: dict[str, str]) -> None:
    (dated.work / "requirements.txt").write_bytes(b"attrs\r\n")

    change, _ = asked(str(dated.work), environ)

    assert isinstance(change, LastChange)
    assert change.edited == ()


def test_where_a_file_is_a_link_its_target_counts(
    dated: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (dated.work / "link.txt").symlink_to("requirements.txt")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2023-01-01T00:00:00Z")
    dated.commit("link")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-01-01T00:00:00Z")
    dated.commit("target", **{"requirements.txt": "six\n"})

    change, _ = asked(str(dated.work), environ, files=["link.txt"])

    assert moment(change).startswith("2024-")


def test_a_configuration_that_comes_with_a_directory_starts_nothing(
    dated: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    clone, touched = tmp_path / "clone", tmp_path / "touched"
    dated.options["uploadpack.allowFilter"] = "true"
    dated.publish()
    git("clone", "-q", "--filter=tree:0", "--no-checkout", dated.url, str(clone), cwd=tmp_path)
    (clone / "requirements.txt").write_text("attrs\n")
    command = f"touch {touched}"
    for key in ("core.fsmonitor", "core.sshCommand", "remote.origin.uploadpack", "gpg.program", "core.pager"):
        git("config", key, f"{command}; true", cwd=clone)
    git("config", "log.showSignature", "true", cwd=clone)

    source = parse(str(clone), cwd=Path("/"))
    change = last_change(
        source, Checkout.open(clone), ["requirements.txt"], environ=environ, report=lambda _: None
    )

    assert isinstance(change, Unknown)
    assert not touched.exists()
    assert os.path.lexists(clone / ".git")
