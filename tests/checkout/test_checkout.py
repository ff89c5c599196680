"""Reading a repository's files, and nothing else."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import outside_file, write

from r2i.checkout import MAX_CONFIG_BYTES, Checkout
from r2i.errors import InvalidRepositoryError, UsageError


@pytest.fixture
def top(tmp_path: Path) -> Path:
    directory = tmp_path / "repo"
    directory.mkdir()
    return directory


def refusal(checkout: Checkout, path: str) -> InvalidRepositoryError:
    with pytest.raises(InvalidRepositoryError) as caught:
        checkout.read(path)
    assert caught.value.file == path
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("files", "directory"),
    [
        ({"apt.txt": ""}, ""),
        ({"binder/apt.txt": ""}, "binder"),
        ({".binder/apt.txt": ""}, ".binder"),
        ({"binder": "a file", "apt.txt": ""}, ""),
    ],
)
def test_configuration_is_read_from_binder_or_the_root(
    top: Path, files: dict[str, str], directory: str
) -> None:
    assert write(top, files).config_dir == directory


def test_both_binder_directories_are_an_error(top: Path) -> None:
    checkout = write(top, {"binder/a": "", ".binder/a": ""})

    with pytest.raises(InvalidRepositoryError, match=r"both a `binder` and a `\.binder`"):
        _ = checkout.config_dir


def test_a_binder_link_within_the_repository_is_followed(top: Path) -> None:
    checkout = write(top, {"deploy/apt.txt": "git\n"})
    (top / "binder").symlink_to("deploy")

    assert checkout.config("apt.txt") == "binder/apt.txt"
    assert checkout.read("binder/apt.txt") == "git\n"


@pytest.mark.parametrize("target", ["../outside", "nowhere", "binder"])
def test_a_binder_link_that_cannot_be_followed_is_not_passed_over(
    top: Path, tmp_path: Path, target: str
) -> None:
    outside_file(tmp_path)
    (top / "binder").symlink_to(target)

    with pytest.raises(InvalidRepositoryError, match="`binder` is a symbolic link"):
        _ = Checkout.open(top).config_dir


def test_a_file_beside_the_binder_directory_does_not_count(top: Path) -> None:
    assert write(top, {"apt.txt": "", "binder/start": ""}).config("apt.txt") is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        (codecs.BOM_UTF8 + "é".encode(), "é"),
        (codecs.BOM_UTF16_LE + "numpy\r\n".encode("utf-16-le"), "numpy\n"),
        (codecs.BOM_UTF16_BE + "numpy".encode("utf-16-be"), "numpy"),
        (b"", ""),
    ],
)
def test_text_is_read_whatever_editor_wrote_it(top: Path, data: bytes, text: str) -> None:
    assert write(top, {"a": data}).read("a") == text


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"a\nb\xff\n", 2, "`a` is not UTF-8 text"),
        (b"a\nb\nc\0", 3, "`a` has a null character"),
        (codecs.BOM_UTF16_LE + b"abc", 1, "`a` is not UTF-16-LE text"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(top: Path, data: bytes, line: int, words: str) -> None:
    error = refusal(write(top, {"a": data}), "a")

    assert (error.message, error.line) == (words, line)


def test_a_directory_is_called_one(top: Path) -> None:
    checkout = write(top, {"start/main.py": ""})
    free = os.dup(0)
    os.close(free)

    assert refusal(checkout, "start").message == "`start` is a directory"
    assert os.dup(0) == free, "the directory was left open"
    os.close(free)


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_without_waiting(top: Path) -> None:
    os.mkfifo(top / "a")

    assert refusal(Checkout.open(top), "a").message == "`a` is not a regular file"


@pytest.mark.timeout(10)
def test_a_huge_file_is_refused_unread(top: Path) -> None:
    (top / "a").touch()
    os.truncate(top / "a", 10**9)

    assert "1,000 MB" in refusal(Checkout.open(top), "a").message


def test_the_largest_size_is_read(top: Path) -> None:
    checkout = write(top, {"a": b"x" * MAX_CONFIG_BYTES, "b": b"x" * (MAX_CONFIG_BYTES + 1)})

    assert len(checkout.read("a")) == MAX_CONFIG_BYTES
    refusal(checkout, "b")


@pytest.mark.parametrize("relative", [False, True])
def test_a_link_out_of_the_repository_is_refused(top: Path, tmp_path: Path, *, relative: bool) -> None:
    target = outside_file(tmp_path)
    (top / "a").symlink_to(os.path.relpath(target, top) if relative else target)

    error = refusal(Checkout.open(top), "a")

    assert error.message == "`a` is a symbolic link that leads out of the repository"


def test_a_directory_that_is_a_link_out_is_refused(top: Path, tmp_path: Path) -> None:
    outside_file(tmp_path)
    (top / "sub").symlink_to("../outside")
    checkout = Checkout.open(top)

    refusal(checkout, "sub/secret")
    assert not checkout.is_dir("sub")


def test_a_link_to_a_neighbour_with_the_same_beginning_is_refused(top: Path, tmp_path: Path) -> None:
    write(tmp_path, {"repository/a": "secret"})
    (top / "a").symlink_to("../repository/a")

    refusal(Checkout.open(top), "a")


@pytest.mark.parametrize("target", ["nowhere", "a"])
def test_links_that_lead_nowhere_are_seen_and_refused(top: Path, target: str) -> None:
    (top / "a").symlink_to(target)
    checkout = Checkout.open(top)

    assert checkout.has("a")
    assert refusal(checkout, "a").message == "`a` is a symbolic link that leads nowhere"


def test_a_link_may_lead_anywhere_within_the_repository(top: Path) -> None:
    write(top, {"shared/requirements.txt": "six\n", "course/a.ipynb": "{}"})
    (top / "course" / "requirements.txt").symlink_to("../shared/requirements.txt")

    assert Checkout.open(top, subdirectory="course").read("requirements.txt") == "six\n"


@pytest.mark.parametrize(
    "subdirectory", ["..", "../..", "../repository", "/etc", "out", "a", "missing", "x" * 300, "loop", "a\0b"]
)
def test_subdir_stays_in_the_repository(top: Path, tmp_path: Path, subdirectory: str) -> None:
    write(tmp_path, {"repository/x": "", "repo/a": ""})
    (top / "out").symlink_to("../repository")
    (top / "loop").symlink_to("loop")

    with pytest.raises(UsageError):
        Checkout.open(top, subdirectory=subdirectory)


def test_a_missing_directory_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a directory"):
        Checkout.open(tmp_path / "missing")


def test_glob_is_sorted_and_follows_no_links(top: Path, tmp_path: Path) -> None:
    outside_file(tmp_path)
    write(tmp_path, {"outside/x.ipynb": ""})
    write(top, {"b.ipynb": "", "a/c.ipynb": "", "a/b/d.ipynb": "", ".git/e.ipynb": "", "e.py": ""})
    (top / "out").symlink_to("../outside")
    (top / "link.ipynb").symlink_to("b.ipynb")

    assert list(Checkout.open(top).glob(".ipynb")) == ["b.ipynb", "a/c.ipynb", "a/b/d.ipynb"]


@pytest.mark.parametrize(
    ("path", "relative_to", "result"),
    [
        ("a.txt", "", "a.txt"),
        ("a.txt", "sub/r.txt", "sub/a.txt"),
        ("../a.txt", "sub/r.txt", "a.txt"),
        ("../a.txt", "r.txt", None),
        ("../repo/a.txt", "r.txt", "a.txt"),
        ("/etc/passwd", "r.txt", None),
        ("out/secret", "r.txt", None),
        (".", "sub/r.txt", "sub"),
    ],
)
def test_named_paths_are_normalised_within_the_root(
    top: Path, tmp_path: Path, path: str, relative_to: str, result: str | None
) -> None:
    outside_file(tmp_path)
    (top / "out").symlink_to("../outside")

    assert Checkout.open(top).inside(path, relative_to=relative_to) == result


@pytest.mark.parametrize("text", ["a = [", "a = " + "[" * 100_000, "\x00"])
def test_toml_that_is_none_is_refused(top: Path, text: str) -> None:
    checkout = write(top, {"pyproject.toml": text})

    with pytest.raises(InvalidRepositoryError):
        checkout.read_toml("pyproject.toml")


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    with TemporaryDirectory() as directory:
        checkout = write(Path(directory), {"a": data})
        try:
            text = checkout.read("a")
        except InvalidRepositoryError:
            return
    assert "\r" not in text
    assert "\0" not in text
    text.encode()


@pytest.mark.parametrize(("size", "end"), [(3, b"llo"), (5, b"hello"), (9, b"hello"), (0, b"")])
def test_the_end_of_a_file(tmp_path: Path, size: int, end: bytes) -> None:
    (tmp_path / "a").write_bytes(b"hello")

    assert Checkout.open(tmp_path).read_end("a", size) == end


def test_only_of_regular_files_inside_there_is_an_end(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "directory").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (top / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(top / "pipe")

    for name in ("directory", "link", "pipe", "missing"):
        with pytest.raises(InvalidRepositoryError):
            Checkout.open(top).read_end(name, 5)


def test_a_name_that_no_file_can_have_leads_nowhere(tmp_path: Path) -> None:
    assert Checkout.open(tmp_path).inside("a\0b") is None
