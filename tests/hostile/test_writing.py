"""What r2i writes never goes where a repository leads: links, hard links, and a tree that changes meanwhile."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from r2i import process
from r2i.process import Completed
from tests.building import R2I
from tests.check.cases import GIT
from tests.ready.repositories import files_of, notebook, repository
from tests.writing import Files, write

MINE = b"export PATH=$PATH:~/bin\n"

#: What `--fix` mends by new contents and by a permission.
WINDOWS = b"#!/bin/bash\r\necho hello\r\n"
UNIX = b"#!/bin/bash\necho hello\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file of the user's, in a directory of the user's."""
    path = tmp_path / "home" / "profile"
    path.parent.mkdir()
    path.write_bytes(MINE)
    path.chmod(0o600)
    return path


@pytest.fixture
def top(tmp_path: Path) -> Path:
    path = tmp_path / "repo"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def nothing_of_the_users_has_changed(mine: Path) -> Iterator[None]:
    yield
    assert (mine.read_bytes(), stat.S_IMODE(mine.stat().st_mode)) == (MINE, 0o600)
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}


def r2i(*arguments: str, cwd: Path, before: str = "") -> Completed:
    """The real program; `before` is Python that its process runs first."""
    argv = [R2I, *arguments]
    if before:
        argv = [sys.executable, "-c", f"{before}\nfrom r2i.cli import main\nmain()", *arguments]
    return process.run(argv, cwd=cwd, env=environment(cwd.parent / "home"), timeout=60)


def fix(top: Path, *, before: str = "") -> Completed:
    return r2i("check", "--fix", "--yes", ".", cwd=top, before=before)


def left_behind(top: Path) -> list[str]:
    return [path.name for path in top.rglob(".*") if "r2i" in path.name]


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*GIT, *arguments], cwd=directory, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


# Names that earlier versions of r2i wrote to before they renamed


def test_a_fix_is_not_written_through_a_link_of_a_name_that_can_be_known(top: Path, mine: Path) -> None:
    write(top, {"postBuild": WINDOWS})
    (top / ".postBuild.r2i").symlink_to(mine)
    fix(top)

    assert (top / "postBuild").read_bytes() == UNIX
    assert (top / ".postBuild.r2i").readlink() == mine


def test_what_another_run_left_behind_is_not_taken_for_ours(top: Path) -> None:
    write(top, {"postBuild": WINDOWS, ".postBuild.r2i": "mine"})
    fix(top)

    assert (top / "postBuild").read_bytes() == UNIX
    assert (top / ".postBuild.r2i").read_text() == "mine"


def test_init_is_not_written_through_a_link_of_a_name_that_can_be_known(tmp_path: Path, mine: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("import numpy"), "README.md": "# A\n"})
    (directory / "binder").mkdir()
    for link in (".README.md.r2i", "binder/.requirements.txt.r2i", "binder/.runtime.txt.r2i"):
        (directory / link).symlink_to(mine)
    done = r2i("init", ".", "--yes", "--no-build", cwd=directory)

    assert done.returncode == 0, done.stderr
    assert "mybinder.org" in (directory / "README.md").read_text()
    assert (directory / "binder" / "requirements.txt").read_text().endswith("numpy\n")


# Other names for a file of the user's


@pytest.mark.parametrize("data", [WINDOWS, UNIX], ids=["contents", "permission"])
def test_a_file_that_has_another_name_outside_is_not_changed_there(top: Path, data: bytes) -> None:
    outside = top.parent / "other" / "postBuild"
    write(outside.parent, {"postBuild": data})
    outside.chmod(0o640)
    os.link(outside, top / "postBuild")
    fix(top)

    assert (top / "postBuild").read_bytes() == UNIX
    assert stat.S_IMODE((top / "postBuild").stat().st_mode) == 0o750
    assert (outside.read_bytes(), stat.S_IMODE(outside.stat().st_mode)) == (data, 0o640)


def test_a_report_is_not_written_into_a_file_that_has_another_name_outside(top: Path, mine: Path) -> None:
    os.link(mine, top / "report.html")
    done = r2i("check", ".", "--html", "report.html", cwd=top)

    assert done.returncode in {0, 8}, done.stderr
    assert "<html" in (top / "report.html").read_text()


def test_a_new_file_does_not_get_the_rights_of_others(top: Path) -> None:
    write(top, {"postBuild": WINDOWS})
    (top / "postBuild").chmod(0o4755)
    fix(top)

    assert stat.S_IMODE((top / "postBuild").stat().st_mode) == 0o755


# Directories that are links


def linked(top: Path, name: str, target: Path) -> None:
    (top / name).parent.mkdir(parents=True, exist_ok=True)
    (top / name).symlink_to(target)


@pytest.mark.parametrize("link", [".github", ".github/workflows"])
def test_init_makes_no_workflow_behind_a_link(tmp_path: Path, mine: Path, link: str) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("import numpy"), "README.md": "# A\n"})
    linked(directory, link, mine.parent)
    done = r2i("init", ".", "--yes", "--no-build", cwd=directory)

    assert done.returncode == 0, done.stderr
    assert "cannot be written because its path contains a symbolic link" in done.stderr


def test_what_is_git_s_own_is_no_file_of_the_repository(top: Path) -> None:
    git(top, "init", "--quiet")
    write(top, {"requirements.txt": "-r .git/more.txt\n", ".git/more.txt": "sklearn\n"})
    (top / "postBuild").symlink_to(".git/hooks/pre-commit")
    write(top, {".git/hooks/pre-commit": WINDOWS})
    done = fix(top)

    assert "No fixes available" in done.stderr
    assert (top / ".git" / "more.txt").read_text() == "sklearn\n"
    assert (top / ".git" / "hooks" / "pre-commit").read_bytes() == WINDOWS


def test_a_link_to_another_file_of_the_repository_says_which_one_changes(top: Path) -> None:
    write(top, {"scripts/build": WINDOWS})
    (top / "postBuild").symlink_to("scripts/build")
    done = fix(top)

    assert "postBuild: a link to scripts/build, which changes" in done.stderr
    assert (top / "postBuild").is_symlink()
    assert (top / "scripts" / "build").read_bytes() == UNIX


# A repository that changes while somebody is asked


@contextmanager
def asked(top: Path, *arguments: str) -> Iterator[Callable[[], Completed]]:
    """A command until it has shown what it would change, and how it ends where every answer is yes."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [R2I, *(arguments or ("check", "--fix"))],
        cwd=top,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=0,
        env=environment(top.parent / "home"),
    )
    os.close(theirs)

    def answered() -> Completed:
        os.write(ours, b"y\n" * 9)
        out, err = child.communicate(timeout=60)
        return Completed(argv=(R2I,), returncode=child.returncode, stdout=out, stderr=err)

    try:
        assert child.stderr is not None
        said = ""
        while "[Y/n]" not in said and (character := child.stderr.read(1)):
            said += character
        assert "[Y/n]" in said
        yield answered
    finally:
        child.kill()
        child.communicate()
        os.close(ours)


def test_a_directory_that_becomes_a_link_meanwhile_leads_nowhere(top: Path, mine: Path) -> None:
    write(top, {"binder/postBuild": WINDOWS})
    with asked(top) as answered:
        (top / "binder").rename(top / "before")
        (top / "binder").symlink_to(mine.parent)
        done = answered()

    assert done.returncode == 5
    assert "Error: binder: `binder` is a symbolic link" in done.stderr
    assert "Hint: " in done.stderr
    assert left_behind(top) == []


def test_a_file_that_becomes_a_link_meanwhile_leads_nowhere(top: Path, mine: Path) -> None:
    write(top, {"postBuild": WINDOWS})
    with asked(top) as answered:
        (top / "postBuild").unlink()
        (top / "postBuild").symlink_to(mine)
        done = answered()

    assert done.returncode == 5
    assert (top / "postBuild").readlink() == mine


def test_what_somebody_changed_meanwhile_stays_and_so_does_all_else(top: Path) -> None:
    write(top, {"postBuild": WINDOWS, "requirements.txt": "sklearn\n"})
    with asked(top) as answered:
        write(top, {"postBuild": "#!/bin/sh\necho mine\n"})
        done = answered()

    assert done.returncode == 1
    assert "`postBuild` has changed since r2i read it" in done.stderr
    assert (top / "postBuild").read_text() == "#!/bin/sh\necho mine\n"
    assert (top / "requirements.txt").read_text() == "sklearn\n"
    assert left_behind(top) == []


def test_init_writes_what_it_has_shown_or_nothing(tmp_path: Path) -> None:
    directory = repository(tmp_path, {"a.ipynb": notebook("import numpy"), "README.md": "# A\n"})
    with asked(directory, "init", "--no-build") as answered:
        write(directory, {"README.md": "Another one\n"})
        done = answered()

    assert done.returncode == 1
    assert "`README.md` has changed since r2i read it" in done.stderr
    assert files_of(directory).keys() == {"a.ipynb", "README.md"}
    assert (directory / "README.md").read_text() == "Another one\n"


# All or nothing

AT_THE_SECOND_NAME = """
import sys
names = []
def hook(event, arguments):
    if event == "os.rename" and not str(arguments[1]).endswith(".pyc"):
        names.append(arguments)
        if len(names) == 2:
            {act}
sys.addaudithook(hook)
"""

TWO: Files = {"postBuild": WINDOWS, "requirements.txt": "sklearn\n"}


def test_where_one_file_cannot_be_written_all_are_as_they_were(top: Path) -> None:
    write(top, TWO)
    (top / "postBuild").chmod(0o640)
    done = fix(top, before=AT_THE_SECOND_NAME.format(act="raise OSError(28, 'No space left on device')"))

    assert done.returncode == 1
    assert "cannot be changed: No space left on device" in done.stderr
    assert {name: (top / name).read_bytes() for name in TWO} == {
        "postBuild": WINDOWS,
        "requirements.txt": b"sklearn\n",
    }
    assert stat.S_IMODE((top / "postBuild").stat().st_mode) == 0o640
    assert left_behind(top) == []


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_between_two_files_leaves_no_half_of_the_change(top: Path, number: str) -> None:
    write(top, TWO)
    act = f"import os, signal; os.kill(os.getpid(), signal.{number})"
    done = fix(top, before=AT_THE_SECOND_NAME.format(act=act))

    assert (done.returncode, "Traceback" in done.stderr) == (130, False)
    assert (top / "postBuild").read_bytes() == UNIX
    assert (top / "requirements.txt").read_text() == "scikit-learn\n"
    assert left_behind(top) == []


# Outputs that the user names


OUTPUTS = {"--output": "r2i.sarif", "--html": "report.html", "--badge": "b.svg"}


def file_link(top: Path, name: str, mine: Path) -> str:
    (top / name).symlink_to(os.path.relpath(mine, top))
    return name


def link_to_nothing_yet(top: Path, name: str, mine: Path) -> str:
    (top / name).symlink_to(mine.parent / "autostart")
    return name


def directory_link(top: Path, name: str, mine: Path) -> str:
    (top / "out").symlink_to(mine.parent)
    return f"out/{name}"


def chain_of_links(top: Path, name: str, mine: Path) -> str:
    (top / "one").symlink_to(mine.parent)
    (top / "two").symlink_to("one")
    return f"../{top.name}/two/./{name}"


@pytest.mark.parametrize("link", [file_link, link_to_nothing_yet, directory_link, chain_of_links])
@pytest.mark.parametrize(("option", "name"), OUTPUTS.items())
def test_no_output_goes_through_a_link_of_the_repository(
    top: Path, mine: Path, option: str, name: str, link: Callable[[Path, str, Path], str]
) -> None:
    write(top, {"requirements.txt": "six\n"})
    done = r2i("check", ".", option, link(top, name, mine), cwd=top)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"Error: `{option} " in done.stderr
    assert "is a symbolic link to " in done.stderr
    assert "Hint: Choose another file, or remove the link" in done.stderr


def test_nor_through_one_that_lies_above_the_directory_that_is_checked(top: Path, mine: Path) -> None:
    write(top, {"course/requirements.txt": "six\n"})
    git(top, "init", "--quiet")
    (top / "report.html").symlink_to(mine)

    assert r2i("check", ".", "--html", "../report.html", cwd=top / "course").returncode == 2


def test_nor_through_one_in_another_repository_that_one_is_in(top: Path, mine: Path, tmp_path: Path) -> None:
    write(top, {"requirements.txt": "six\n"})
    git(top, "init", "--quiet")
    (top / "report.html").symlink_to(mine)
    write(tmp_path / "other", {"requirements.txt": "six\n"})

    assert r2i("check", "../other", "--html", "report.html", cwd=top).returncode == 2


def test_a_link_of_the_users_own_is_followed(top: Path, tmp_path: Path) -> None:
    write(top, {"requirements.txt": "six\n"})
    (tmp_path / "reports").mkdir()
    (tmp_path / "link").symlink_to("reports")
    (tmp_path / "reports" / "latest").symlink_to("today.html")
    done = r2i("check", ".", "--html", "../link/latest", cwd=top)

    assert done.returncode in {0, 8}, done.stderr
    assert "<html" in (tmp_path / "reports" / "today.html").read_text()
    assert (tmp_path / "reports" / "latest").is_symlink()


def test_a_checkout_behind_a_link_of_the_users_own_is_written_to(top: Path, tmp_path: Path) -> None:
    write(top, {"postBuild": WINDOWS})
    (tmp_path / "link").symlink_to("repo")
    done = r2i("check", "link", "--fix", "--yes", "--html", "link/report.html", cwd=tmp_path)

    assert done.returncode in {0, 8}, done.stderr
    assert (top / "postBuild").read_bytes() == UNIX
    assert "<html" in (top / "report.html").read_text()


def test_an_output_keeps_its_permissions_and_is_new_ones_otherwise(top: Path) -> None:
    write(top, {"requirements.txt": "six\n", "old.html": "old"})
    (top / "old.html").chmod(0o604)
    r2i("check", ".", "--html", "old.html", "-o", "new.txt", cwd=top)
    write(top, {"reference": ""})

    assert stat.S_IMODE((top / "old.html").stat().st_mode) == 0o604
    assert (top / "new.txt").stat().st_mode == (top / "reference").stat().st_mode
    assert left_behind(top) == []


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_is_written_to(top: Path, name: str) -> None:
    write(top, {"requirements.txt": "six\n"})
    done = r2i("check", ".", "--format", "json", "--output", name, cwd=top)

    assert done.returncode in {0, 8}, done.stderr
    assert json.loads(done.stdout[done.stdout.index("{\n") :])


@pytest.mark.parametrize("place", ["", "../"])
def test_a_pipe_that_somebody_reads_is_written_to(top: Path, place: str) -> None:
    write(top, {"requirements.txt": "six\n"})
    pipe = top / f"{place}pipe.html"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as stream:
        child = subprocess.Popen(
            [R2I, "check", ".", "--html", f"{place}pipe.html"],
            cwd=top,
            stdout=subprocess.DEVNULL,
            env=environment(top.parent / "home"),
        )
        select.select([stream], [], [], 60)
        text = stream.read()
        child.wait(timeout=60)

    assert text.endswith(b"</html>")
    assert child.returncode in {0, 8}
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.timeout(60)
def test_a_pipe_of_the_repository_that_nobody_reads_is_no_reason_to_wait(top: Path) -> None:
    write(top, {"requirements.txt": "six\n"})
    os.mkfifo(top / "report.html")
    done = r2i("check", ".", "--html", "report.html", cwd=top)

    assert done.returncode == 2
    assert "cannot be written" in done.stderr


# A folder to build


@pytest.mark.parametrize("output", ["empty", "nothing", "link/folder", "link/new/folder"])
def test_no_folder_is_written_through_a_link_of_the_repository(top: Path, mine: Path, output: str) -> None:
    write(top, {"requirements.txt": "six\n"})
    (top.parent / "free").mkdir()
    (top / "empty").symlink_to(top.parent / "free")
    (top / "nothing").symlink_to(mine.parent / "autostart")
    (top / "link").symlink_to(mine.parent)
    done = r2i("dockerfile", ".", "-o", output, cwd=top)

    assert (done.returncode, done.stdout) == (2, "")
    assert "is a symbolic link to " in done.stderr
    assert list((top.parent / "free").iterdir()) == []


def test_a_folder_is_written_through_a_link_of_the_users_own(top: Path, tmp_path: Path) -> None:
    write(top, {"requirements.txt": "six\n"})
    (tmp_path / "scratch").mkdir()
    (tmp_path / "link").symlink_to("scratch")
    done = r2i("dockerfile", ".", "-o", "../link/new/folder", cwd=top)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scratch" / "new" / "folder" / "repo" / "requirements.txt").read_text() == "six\n"


#: When the new folder is made, all that is to be copied has been listed.
SWAPPED = """
import os, sys
def hook(event, arguments):
    if event == "os.mkdir" and not os.path.islink("sub"):
        os.rename("sub", "before")
        os.symlink({target!r}, "sub")
sys.addaudithook(hook)
"""


def test_a_directory_that_becomes_a_link_is_not_read_through(top: Path, mine: Path) -> None:
    write(top, {".dockerignore": "sub\n!sub/profile\n", "sub/profile": "ours\n"})
    hook = SWAPPED.format(target=str(mine.parent))
    done = r2i("dockerfile", ".", "-o", "../folder", cwd=top, before=hook)

    assert (top / "sub").is_symlink()
    assert done.returncode == 1, done.stderr
    assert not (top.parent / "folder").exists()
    assert left_behind(top.parent) == []


# What is written for oneself


def test_records_are_not_written_through_a_link(tmp_path: Path, mine: Path) -> None:
    from r2i.building.records import _file, remember, remembered

    cache = tmp_path / "shared"
    cache.mkdir()
    _file(cache, "x").with_suffix(f".{os.getpid()}").symlink_to(mine)
    remember(cache, "x", fingerprint="f", image="i", bases={})

    assert remembered(cache, "x")["image"] == "i"
