"""What of a repository is not for its image."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.errors import InvalidRepositoryError
from r2i.export import context_paths
from r2i.ignore import ALWAYS, dockerignore, own_patterns
from tests.writing import write


@pytest.mark.parametrize(
    ("files", "patterns"),
    [
        ({}, ()),
        ({".dockerignore": "# why\n\ndata\n  !data/small \n"}, ("data", "!data/small")),
        ({".containerignore": "a\n"}, ("a",)),
        ({".containerignore": "a\n", ".dockerignore": "b\n"}, ("b",)),
        ({"binder/.dockerignore": "c\n", ".dockerignore": "b\n"}, ("c",)),
        ({"binder/start": "", ".dockerignore": "b\n"}, ("b",)),
        ({".dockerignore": "a\x0cb\r\nc"}, ("a\x0cb", "c")),
    ],
)
def test_the_first_ignore_file_counts(
    tmp_path: Path, files: dict[str, str], patterns: tuple[str, ...]
) -> None:
    assert own_patterns(write(tmp_path, files)) == patterns


@pytest.mark.parametrize("pattern", ["[", "a/[", "[]", "[a-]", "[]a]", "[^]", "a\\", "!", "![", "\x1b[31m"])
def test_what_no_engine_takes_for_a_pattern_is_an_error_of_the_repository(
    tmp_path: Path, pattern: str
) -> None:
    with pytest.raises(InvalidRepositoryError, match="is not a pattern") as caught:
        own_patterns(write(tmp_path, {".dockerignore": f"ok\n{pattern}\n"}))

    assert caught.value.where == ".dockerignore:2"
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "pattern", ["[a]", "[^a-z]x", "a]", "\\[", "[\\]]", "**/*.[ch]?", "!!a", "a b", "[!a]"]
)
def test_a_pattern_is_taken_as_it_is(tmp_path: Path, pattern: str) -> None:
    assert own_patterns(write(tmp_path, {".dockerignore": pattern})) == (pattern,)


def test_our_patterns_come_last_so_that_no_other_lets_them_in(tmp_path: Path) -> None:
    text = dockerignore(write(tmp_path, {".dockerignore": "!**\n"}))

    assert text == "\n".join(("!**", *ALWAYS)) + "\n"


PRIVATE = (
    ".git/config",
    ".git/hooks/pre-commit",
    ".git/logs/HEAD",
    ".git/FETCH_HEAD",
    ".git/modules/sub/config",
    ".git/modules/a/b/hooks/post-checkout",
    ".git/worktrees/w/logs/HEAD",
    "vendored/.git/config",
    "vendored/.git/hooks/x",
)


@pytest.mark.parametrize("own", ["", "!**\n", "*\n!.git/config\n!.git\n", "!.git/hooks\n"])
def test_no_pattern_of_a_repository_lets_credentials_of_git_in(tmp_path: Path, own: str) -> None:
    checkout = write(
        tmp_path, dict.fromkeys(PRIVATE, "token") | {".git/HEAD": "", "a.py": "", ".dockerignore": own}
    )

    assert not set(PRIVATE).intersection(context_paths(tmp_path, dockerignore(checkout)))


def test_the_history_itself_stays(tmp_path: Path) -> None:
    checkout = write(tmp_path, {".git/HEAD": "", ".git/refs/heads/main": "", ".git/objects/aa/b": ""})
    kept = set(context_paths(tmp_path, dockerignore(checkout)))

    assert {".git/HEAD", ".git/refs/heads/main", ".git/objects/aa/b"} <= kept
