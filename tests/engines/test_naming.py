"""Names of images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.engines.naming import checked_reference, image_reference
from r2i.errors import UsageError
from r2i.model import Options, Source

GITHUB = Source(provider="git", location="https://github.com/Owner/Some_Name.git")
LOCAL = Source(provider="local", location="/home/me/My Course")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_revision_is_named_by_repository_commit_and_options() -> None:
    name = image_reference(GITHUB, Options(), revision=COMMIT)

    assert name.startswith("r2i/owner-some-name:0123456789ab-")
    assert name == image_reference(GITHUB, Options(), revision=COMMIT)


@pytest.mark.parametrize(
    "options",
    [
        Options(python="3.12"),
        Options(base_image="debian:bookworm"),
        Options(user_id=1001),
        Options(labels={"a": "b"}),
        Options(build_args={"a": "b"}),
        Options(appendix="RUN true"),
    ],
)
def test_other_options_are_another_image_of_a_revision(options: Options) -> None:
    assert image_reference(GITHUB, options, revision=COMMIT) != image_reference(
        GITHUB, Options(), revision=COMMIT
    )


def test_subdirectories_and_hosts_are_other_images() -> None:
    sources = (
        GITHUB,
        Source(provider="git", location=GITHUB.location, subdirectory="a"),
        Source(provider="git", location="https://gitlab.com/Owner/Some_Name.git"),
    )

    assert len({image_reference(source, Options(), revision=COMMIT) for source in sources}) == 3


def test_a_directory_keeps_its_name_while_it_is_edited() -> None:
    name = image_reference(LOCAL, Options(), revision=None)

    assert name.startswith("r2i/my-course:")
    assert name == image_reference(LOCAL, Options(python="3.9"), revision=None)


@given(st.text(min_size=1), st.sampled_from(["local", "git"]), st.sampled_from([COMMIT, None]))
def test_every_location_has_a_valid_name(location: str, provider: str, revision: str | None) -> None:
    source = Source(provider=provider, location=f"/{location}")
    name = image_reference(source, Options(), revision=revision)

    assert checked_reference(name) == name


def test_a_directory_whose_name_is_not_text_has_one() -> None:
    source = Source(provider="local", location=b"/home/caf\xe9".decode(errors="surrogateescape"))

    assert checked_reference(image_reference(source, Options(), revision=None))


@pytest.mark.parametrize(
    "tag",
    [
        "a",
        "a:b",
        "owner/a:1.0",
        "registry.example.org:5000/x/y:z",
        "localhost/a",
        "a__b",
        "a--b/c",
        "a:" + "x" * 128,
    ],
)
def test_names_that_registries_take_are_taken(tag: str) -> None:
    assert checked_reference(tag) == tag


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "A",
        "a:",
        "-a",
        "-t/a",
        "--file/a",
        "a:-b",
        "a b",
        "a\n",
        "a:b\n",
        "a/",
        "/a",
        "a//b",
        "a$(id)",
        "a@sha256:" + "0" * 64,
        "a:" + "x" * 129,
        "a" * 256,
        "é",
        ".a",
        "http://a/b",
    ],
)
def test_other_names_are_usage_errors(tag: str) -> None:
    with pytest.raises(UsageError, match="not a valid image name"):
        checked_reference(tag)
