"""Files of repositories that mean harm, or only look so: a plan or an error with words, and nothing from outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

from r2i import process
from r2i.buildpacks import CHAIN, ENVIRONMENTS, LANGUAGES
from r2i.checkout import Checkout
from r2i.errors import InvalidRepositoryError, NoBuildpackError, R2iError
from r2i.formats.dockerfile import stages
from r2i.model import Options
from r2i.planning.plan_json import to_json
from tests.building import R2I
from tests.cases import REPOS
from tests.writing import deep, outside_file, planned, remove_deep, write

SECRET = "python-3.12 # six git secret of the host\n"

FILES = (
    *(pack.files for pack in CHAIN),
    *(pack.files for pack in ENVIRONMENTS),
    *(pack.files for pack in LANGUAGES),
)
READ = tuple(dict.fromkeys(chain.from_iterable(FILES)))
ALL = tuple(dict.fromkeys((*READ, ".dockerignore", ".containerignore")))

#: Nobody looks into them where there is no `Project.toml`.
MANIFESTS = frozenset({"JuliaManifest.toml", "Manifest.toml"})


def absolute_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def relative_link(path: Path, outside: Path) -> None:
    path.symlink_to(os.path.relpath(outside, path.parent))


def link_through_a_directory(path: Path, outside: Path) -> None:
    through = path.parent / "through"
    through.symlink_to(outside.parent)
    path.symlink_to(f"through/{outside.name}")


def loop(path: Path, _outside: Path) -> None:
    path.symlink_to(path.name)


def longer_loop(path: Path, _outside: Path) -> None:
    path.symlink_to("other")
    (path.parent / "other").symlink_to(path.name)


def dangling(path: Path, _outside: Path) -> None:
    path.symlink_to("nowhere")


def pipe(path: Path, _outside: Path) -> None:
    os.mkfifo(path)


def device(path: Path, _outside: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path, _outside: Path) -> None:
    path.touch()
    os.truncate(path, 10**9)


def directory(path: Path, _outside: Path) -> None:
    path.mkdir()


def null(path: Path, _outside: Path) -> None:
    path.write_bytes(b"git\0\n")


def no_text(path: Path, _outside: Path) -> None:
    path.write_bytes(b"\xff\xfe\xfd\x80\n" * 3)


Maker = Callable[[Path, Path], None]
UNREADABLE: tuple[Maker, ...] = (
    absolute_link,
    relative_link,
    link_through_a_directory,
    loop,
    longer_loop,
    dangling,
    pipe,
    device,
    huge,
)
MAKERS: tuple[Maker, ...] = (*UNREADABLE, directory, null, no_text)


def result(checkout: Checkout, options: Options | None = None) -> R2iError | str:
    """The error, or all that a build would be told."""
    try:
        plan, dockerfile = planned(checkout, options)
    except R2iError as error:
        return error
    return to_json(plan) + dockerfile.text + "".join(dockerfile.support.values()) + dockerfile.ignore


@pytest.fixture
def top(tmp_path: Path) -> Path:
    path = tmp_path / "repo"
    path.mkdir()
    return path


@pytest.mark.timeout(10)
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("place", ["", "binder", ".binder"])
def test_no_file_is_more_than_an_error(
    top: Path, tmp_path: Path, place: str, name: str, maker: Maker
) -> None:
    outside = outside_file(tmp_path, SECRET)
    (top / place).mkdir(exist_ok=True)
    maker(top / place / name, outside)

    found = result(Checkout.open(top))

    if isinstance(found, str):
        assert "secret of the host" not in found
        assert str(tmp_path) not in found
        assert maker not in UNREADABLE or name in MANIFESTS
    else:
        assert isinstance(found, (InvalidRepositoryError, NoBuildpackError))
        assert "secret" not in found.message
        assert found.file == (f"{place}/{name}" if place else name)
    if name in READ and name not in MANIFESTS and maker in UNREADABLE:
        assert isinstance(found, InvalidRepositoryError)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("maker", UNREADABLE, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_a_manifest_that_counts_is_read(top: Path, tmp_path: Path, name: str, maker: Maker) -> None:
    write(top, {"Project.toml": ""})
    maker(top / name, outside_file(tmp_path, SECRET))

    found = result(Checkout.open(top))

    assert isinstance(found, InvalidRepositoryError)
    assert (found.file, "secret" in found.message) == (name, False)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("name", ["binder", ".binder"])
def test_what_is_called_binder_and_is_no_directory(
    top: Path, tmp_path: Path, name: str, maker: Maker
) -> None:
    maker(top / name, outside_file(tmp_path, SECRET))

    found = result(write(top, {"runtime.txt": "python-3.12\n"}))

    if (top / name).is_symlink():
        assert isinstance(found, InvalidRepositoryError)
        assert found.file == name
    else:
        assert isinstance(found, str)


@contextmanager
def deep_tree(top: Path) -> Iterator[None]:
    deep(top, 2000)
    try:
        yield
    finally:
        remove_deep(top)


@pytest.mark.timeout(20)
def test_a_deep_tree_is_planned(top: Path) -> None:
    with deep_tree(top):
        assert isinstance(result(write(top, {"requirements.txt": "six\n"})), str)


@pytest.mark.timeout(20)
def test_a_deep_binder_directory_is_planned(top: Path) -> None:
    (top / "binder").mkdir()
    with deep_tree(top / "binder"):
        assert isinstance(result(Checkout.open(top)), str)


@pytest.mark.timeout(20)
def test_a_chain_of_links_is_followed_or_refused(top: Path) -> None:
    write(top, {"link0": "python-3.12\n"})
    for number in range(1, 200):
        (top / f"link{number}").symlink_to(f"link{number - 1}")
    (top / "runtime.txt").symlink_to("link199")

    found = result(Checkout.open(top))

    assert isinstance(found, (str, InvalidRepositoryError))


NAMES = (
    "a'b",
    'a"b',
    "a\nRUN touch /pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "-rf",
    "--help",
    "a;b",
    "a\\",
    "{{ 7 * 7 }}",
    "\x1b]0;owned\x07",
    "a" * 250,
    os.fsdecode(b"\xff\xfe"),
    "*",
    "#",
    "!",
    "\u202egpj.exe",
)


def test_names_of_other_files_go_nowhere(top: Path) -> None:
    checkout = write(top, dict.fromkeys(NAMES, "content"))
    found = result(checkout)

    assert isinstance(found, str)
    assert not [name for name in NAMES if len(name) > 3 and name in found]


RUNTIME = (
    "python-3.12\nRUN touch /pwned",
    "python-3.12 \\\nUSER root",
    "FROM scratch",
    "# escape=`\npython-3.12`",
    "python-3.12'",
    "python-3.12\x00",
    "python-3.12\nENTRYPOINT []",
)


@pytest.mark.parametrize("text", RUNTIME)
def test_runtime_txt_holds_versions_and_no_instructions(top: Path, text: str) -> None:
    found = result(write(top, {"runtime.txt": text}))

    assert isinstance(found, InvalidRepositoryError)
    assert found.file == "runtime.txt"


@pytest.mark.parametrize("words", ["a\nb", 'a"b', "a'b", "$HOME", "`id`", "a\\", "\r\nRUN x", "é", ""])
def test_labels_and_the_appendix_are_taken_as_they_are(top: Path, words: str) -> None:
    checkout = write(top, {})
    labelled = result(checkout, Options(labels={"org.example": words}))
    ended = result(checkout, Options(appendix=f"# {words}"))

    assert isinstance(labelled, str)
    assert not [line for line in labelled.split("\n") if line.startswith("RUN x")]
    assert isinstance(ended, str)


def r2i(*arguments: str, cwd: Path | None = None) -> process.Completed:
    """Run the real program, with nothing of this environment but the path."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    return process.run([R2I, *arguments], env=environment, cwd=cwd, timeout=60)


def assert_clean_failure(done: process.Completed, code: int) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert "Error" in done.stderr


@pytest.mark.parametrize("command", ["plan", "dockerfile"])
@pytest.mark.parametrize(
    "maker", [absolute_link, loop, pipe, huge, directory, null], ids=lambda m: m.__name__
)
def test_the_program_says_what_is_wrong(top: Path, tmp_path: Path, maker: Maker, command: str) -> None:
    maker(top / "requirements.txt", outside_file(tmp_path, SECRET))
    done = r2i(command, str(top))

    assert_clean_failure(done, 5)
    assert "Error: requirements.txt" in done.stderr
    assert "Hint: " in done.stderr


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"runtime.txt": RUNTIME[0]}, 5),
        ({"apt.txt": "git; touch /pwned\n"}, 5),
        ({"apt.txt": "-o Debug::NoLocking=1\n"}, 5),
        ({"binder/a": "", ".binder/a": ""}, 5),
        ({"environment.yml": "!!python/object/apply:os.system ['touch /pwned']"}, 5),
        ({"default.nix": ""}, 5),
        ({"Dockerfile": "RUN true"}, 5),
        ({".python-version": b"3.12\0"}, 5),
    ],
)
def test_the_program_ends_with_the_code_of_the_mistake(top: Path, files: dict[str, str], code: int) -> None:
    write(top, files)

    assert_clean_failure(r2i("plan", str(top)), code)


@pytest.mark.parametrize("subdirectory", ["..", "../..", "/etc", "out", "loop", "x" * 300, "missing"])
def test_the_program_does_not_leave_the_repository(top: Path, tmp_path: Path, subdirectory: str) -> None:
    outside_file(tmp_path, SECRET)
    (top / "out").symlink_to("../outside")
    (top / "loop").symlink_to("loop")

    assert_clean_failure(r2i("plan", str(top), "--subdir", subdirectory), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--user-name", "a b"),
        ("--user-id", "0"),
        ("--user-id", "65533"),
        ("--user-id", "x"),
        ("--target-repo-dir", "/a\nRUN x"),
        ("--base-image", "--privileged"),
        ("--python", "3.12;x"),
        ("--label", "a b=c"),
        ("--label", "=c"),
        ("--label", "novalue"),
        ("--label", os.fsdecode(b"a=\xff")),
        ("--appendix", os.fsdecode(b"RUN \xff")),
        ("--nonsense",),
    ],
)
def test_the_program_checks_its_options(top: Path, arguments: tuple[str, ...]) -> None:
    assert_clean_failure(r2i("plan", str(top), *arguments), 2)


def test_escape_sequences_do_not_reach_the_terminal(top: Path) -> None:
    write(top, {"postBuild": "gcc \x1b[2Jx.c\n", "\x1b[31m.ipynb": '{"source": ["%%cython"]}'})
    write(top, {os.fsdecode(b"\xff.ipynb"): '{"source": ["%%cython"]}', ".python-version": "\x1b[8m\n"})
    done = r2i("plan", str(top))

    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert r"gcc \x1b[2Jx.c" in done.stdout


@pytest.mark.timeout(60)
def test_a_deep_tree_is_planned_by_the_program(top: Path) -> None:
    with deep_tree(top):
        done = r2i("plan", str(top), "--json")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_huge_file_takes_no_memory(top: Path) -> None:
    for name in ("runtime.txt", "a.ipynb", "data.csv"):
        huge(top / name, top)
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); from r2i.cli import main; main()"
    done = process.run([sys.executable, "-c", code, "plan", str(top)], env={"PATH": os.environ["PATH"]})

    assert_clean_failure(done, 5)
    assert "1,000 MB" in done.stderr


def test_a_directory_whose_name_is_no_text_is_planned(tmp_path: Path) -> None:
    top = tmp_path / os.fsdecode(b"caf\xe9")
    write(top, {"requirements.txt": "six\n"})
    done = r2i("plan", ".", "--json", cwd=top)

    assert done.returncode == 0, done.stderr
    assert "caf" not in done.stdout


def test_variables_of_a_repository_are_set_after_what_root_installs(top: Path) -> None:
    """`LD_PRELOAD` and `BASH_ENV` would act on root's own programs, which can read credentials."""
    variables = "name: x\nchannels: [conda-forge]\ndependencies: [python=3.12, pip, {pip: [six, -e .]}]\nvariables:\n  LD_PRELOAD: /srv/env/evil.so\n"
    checkout = write(top, {"environment.yml": variables, "setup.py": "", "postBuild": "#!/bin/sh\n"})
    lines = planned(checkout)[1].text.splitlines()
    set_at = next(number for number, line in enumerate(lines) if "LD_PRELOAD" in line)
    private = [number for number, line in enumerate(lines) if "id=credentials" in line]

    assert private
    assert max(private) < set_at


@pytest.mark.parametrize("path", sorted(REPOS.glob("*/Dockerfile")), ids=lambda path: path.parent.name)
def test_no_step_of_the_user_gets_credentials(path: Path) -> None:
    """`postBuild`, `install.R`, IJulia: root's own programs give them to the fetcher alone."""
    given: list[str] = []
    is_user = False
    for step in stages(path.read_text())[-1].instructions:
        if step.keyword == "USER":
            is_user = step.value not in {"root", "0"}
        mounted, read = "id=credentials" in step.value, ". /run/secrets/credentials" in step.value
        # What root only mounts is a file that nobody else can read.
        if (is_user and mounted) or ("setpriv" in step.value and read):
            given.append(step.value)

    assert not given
