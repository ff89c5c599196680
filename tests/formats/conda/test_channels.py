"""The channels that an environment names."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.errors import InvalidRepositoryError
from r2i.formats.conda.channels import complete, parse_channel
from r2i.formats.requirements.lines import Line


def line(text: str) -> Line:
    return Line(file="environment.yml", number=2, text=text)


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("conda-forge", "conda-forge"),
        ("conda-forge/label/broken", "conda-forge/label/broken"),
        ("conda-forge/linux-64", "conda-forge"),
        ("https://conda.anaconda.org/conda-forge/", "conda-forge"),
        ("https://anaconda.org/bioconda", "bioconda"),
        ("https://conda.example.org/lab/", "https://conda.example.org/lab"),
        ("http://192.0.2.7:8080/lab/noarch", "http://192.0.2.7:8080/lab"),
    ],
)
def test_a_channel_is_its_name_or_its_address(text: str, channel: str) -> None:
    assert parse_channel(line(text)) == channel


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file:///home/ada/channel", "machine"),
        ("/srv/channel", "machine"),
        ("../channel", "machine"),
        ("C:\\channel", "machine"),
        ("https://ada:secret-word@conda.example.org/lab", "password"),
        ("https://conda.example.org/t/secret-word/lab", "password"),
        ("https://conda.anaconda.org/t/secret-word/lab", "password"),
        ("s3://bucket/channel", "not a channel"),
        ("https://", "not a channel"),
        ("conda forge", "not a channel"),
        ("$(id)", "not a channel"),
        ("https://[", "not a channel"),
        ("https://conda.example.org/$(id)", "not a channel"),
        ("https://conda.example.org/lab?x", "not a channel"),
    ],
)
def test_what_no_build_can_use_is_an_error_that_keeps_secrets(text: str, words: str) -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        parse_channel(line(text))

    assert words in caught.value.message
    assert "secret-word" not in f"{caught.value.message}{caught.value.hint}"
    assert caught.value.where == "environment.yml:2"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("given", "channels"),
    [
        ((), ("conda-forge",)),
        (("nodefaults",), ("conda-forge",)),
        (("bioconda",), ("bioconda", "conda-forge")),
        (("defaults",), ("defaults", "conda-forge")),
        (("conda-forge", "bioconda", "conda-forge"), ("conda-forge", "bioconda")),
        (("bioconda", "nodefaults"), ("bioconda",)),
    ],
)
def test_conda_forge_is_the_last_channel_unless_it_is_kept_away(
    given: tuple[str, ...], channels: tuple[str, ...]
) -> None:
    assert complete(given, line("x") if given else None)[0] == channels


def test_what_is_added_and_what_defaults_are_is_said() -> None:
    messages = " ".join(notice.message for notice in complete(("defaults",), line("defaults"))[1])

    assert "Anaconda" in messages
    assert "`conda-forge` is added" in messages


@given(
    st.text(max_size=40) | st.sampled_from(["https://", "file:"]).flatmap(lambda s: st.text().map(s.__add__))
)
def test_any_text_is_a_channel_without_blanks_or_quotes_or_an_error(text: str) -> None:
    with suppress(InvalidRepositoryError):
        assert not set(parse_channel(line(text))) & set(" '\"`$;&|<>(){}\\\n")
