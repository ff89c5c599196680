"""What of a repository is not for its image."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.writing import write

from r2i.building.export import context_paths
from r2i.checkout.ignore import ALWAYS, dockerignore, left_out_by, own_patterns, patterns
from r2i.errors import InvalidRepositoryError


@pytest.mark.parametrize(
    ("files", "patterns"),
    [
        ({}, ()),
        ({".dockerignore": "# why\n\ndata\n  !data/small \n"}, ("data", "!data/small")),
        ({".containerignore": "a\n"}, ("a",)),
        ({".containerignore": "a\n", ".dockerignore": "b\n"}, ("b",)),
        ({"binder/.dockerignore": "c\n", ".dockerignore": "b\n"}, ("c",)),
        # As on Binder, the one in the root counts only where there is no `binder`, or a `Dockerfile`.
        ({"binder/start": "", ".dockerignore": "b\n"}, ()),
        ({".binder/start": "", ".containerignore": "binder\n"}, ()),
        ({"binder/Dockerfile": "", ".dockerignore": "b\n"}, ("b",)),
        ({"binder/Dockerfile": "", ".dockerignore": "b\n", "binder/.dockerignore": "c\n"}, ("b",)),
        ({".dockerignore": "a\x0cb\r\nc"}, ("a\x0cb", "c")),
        ({".dockerignore": "/a\n! ./b/\n/\n./#c\n/!d\n**.e"}, ("a", "!b", "\\#c", "\\!d", "**/*.e")),
    ],
)
def test_the_first_ignore_file_counts(
    tmp_path: Path, files: dict[str, str], patterns: tuple[str, ...]
) -> None:
    assert own_patterns(write(tmp_path, files)) == patterns


@pytest.mark.parametrize(
    "pattern", ["[", "a/[", "[]", "[a-]", "[]a]", "[^]", "a\\", "!", "![", "[z-a]", "\x1b[31m"]
)
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


#: Ignore files, and what they leave of `TREE`. (`tests/engines` asks the engines themselves.)
LEFT = {
    "": "A #x [a] a ab d/A d/a d/ab d/e/a.md start",
    "a": "A #x [a] ab d/A d/a d/ab d/e/a.md start",
    "/a\n! ./d/a": "A #x [a] ab d/A d/a d/ab d/e/a.md start",
    "! a\nstart": "A #x [a] a ab d/A d/a d/ab d/e/a.md",
    "**/a": "A #x [a] ab d/A d/ab d/e/a.md start",
    "d/": "A #x [a] a ab start",
    "d/*": "A #x [a] a ab start",
    "*/a": "A #x [a] a ab d/A d/ab d/e/a.md start",
    "*": "",
    "*\n!d/e": "d/e/a.md",
    "*\n!d\nd/a*": "d/A d/e/a.md",
    "d\n!**/*.md": "A #x [a] a ab d/e/a.md start",
    "!d\nd": "A #x [a] a ab start",
    "**.md": "A #x [a] a ab d/A d/a d/ab start",
    "**b": "A #x [a] a d/A d/a d/e/a.md start",
    "d**a": "A #x [a] a ab d/A d/ab d/e/a.md start",
    "d/**": "A #x [a] a ab start",
    "**/e/**": "A #x [a] a ab d/A d/a d/ab start",
    "?": "#x [a] ab start",
    "[a-c]": "A #x [a] ab d/A d/a d/ab d/e/a.md start",
    "[^a]": "#x [a] a ab start",
    "\\[a\\]": "A #x a ab d/A d/a d/ab d/e/a.md start",
    "[[]a[\\]]": "A #x a ab d/A d/a d/ab d/e/a.md start",
    "# a\n./#x": "A [a] a ab d/A d/a d/ab d/e/a.md start",
    "START\n../a\n.\n/": "A #x [a] a ab d/A d/a d/ab d/e/a.md start",
}
TREE = LEFT[""].split()


@pytest.mark.parametrize("ignore", LEFT)
def test_a_pattern_leaves_out_what_it_says(tmp_path: Path, ignore: str) -> None:
    checkout = write(tmp_path, dict.fromkeys(TREE, "") | {".dockerignore": f".dockerignore\n{ignore}"})
    ignored = [*patterns(ignore, "")]
    left = [path for path in context_paths(tmp_path, dockerignore(checkout)) if (tmp_path / path).is_file()]
    kept = [path for path in TREE if left_out_by(path, ignored) is None]

    assert kept == LEFT[ignore].split()
    assert sorted(left) == sorted(kept)


@given(st.text(alphabet="ab*?[]^-!#/\\. \n") | st.text())
def test_any_text_is_a_list_of_patterns_or_an_error(text: str) -> None:
    try:
        first = [*patterns(text, "")]
    except InvalidRepositoryError:
        return
    again = [*patterns("\n".join(map(str, first)), "")]

    assert [(p.path, p.lets_in) for p in again] == [(p.path, p.lets_in) for p in first]
    for pattern in first:
        pattern.matches("a/b-c")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/a/" * 100 + "**/b", "a/" * 1900 + "bb"),
        ("*a" * 100 + "*b", "a" * 126 + "b" + "a" * 126),
        ("[ab]*" * 100 + "c", "ab" * 60 + "c" + "ab" * 60),
    ],
    ids=["deep", "any", "class"],
)
def test_no_pattern_takes_for_ever(pattern: str, path: str) -> None:
    assert left_out_by(path, [*patterns(pattern, "")]) is None


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
