"""Everything that one may type: the golden list of `addresses.toml`, and whatever text there is."""

from __future__ import annotations

import socket
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from r2i.errors import R2iError, UsageError
from r2i.model import Source
from r2i.sources import parse
from r2i.sources.binder_links import FORMS, is_launch_link
from r2i.sources.opens import below_server
from r2i.sources.pasted import pasted
from r2i.sources.providers import PROVIDERS

NOWHERE = Path("/nonexistent")
LISTED = tomllib.loads(Path(__file__).with_name("addresses.toml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = [*LISTED["understood"], *LISTED["refused"]]

#: What addresses are made of, so that random text often is nearly one.
PIECES = st.sampled_from(
    (
        *(
            "https://",
            "http://",
            "git@",
            "mybinder.org",
            "hub.example.org",
            "/binder",
            "/v2/",
            "/repo/",
            "HEAD",
            "main",
        ),
        *(
            "gh/",
            "gl/",
            "gist/",
            "git/",
            "zenodo/",
            "ckan/",
            "hydroshare/",
            "owner",
            "name",
            ".git",
            "é",
            "x",
            ":8000",
        ),
        *(
            "%2F",
            "%252F",
            "%3A",
            "%0A",
            "%2e",
            "?",
            "&",
            "=",
            "#",
            "urlpath",
            "labpath",
            "filepath",
            "next",
            "git-pull",
        ),
        *(
            "repo",
            "branch",
            "targetPath",
            "..",
            "/",
            "\\",
            "(",
            ")",
            "[",
            "]",
            "<",
            ">",
            "](",
            " ",
            "\n",
            "\0",
            "\udcff",
        ),
        *(
            "doi:",
            "10.5281",
            "/zenodo.1",
            "swh:1:rev:",
            "osf.io",
            "/dataset/",
            "?persistentId=",
            "0123456789abcdef" * 2,
        ),
    )
)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a server fails."""

    def refused(*_: object) -> None:
        raise AssertionError("a server was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def as_row(source: Source) -> dict[str, Any]:
    row: dict[str, Any] = {
        field.name: value
        for field in fields(source)
        if field.name not in {"content", "credentials", "ref_path_is_file"}
        and (value := getattr(source, field.name))
    }
    if source.ref_path_is_file:
        row["file"] = True
    if content := source.content:
        row["content"] = " ".join(
            filter(None, (content.source.location, content.source.ref, content.directory))
        )
    if source.credentials:
        row["username"] = source.credentials.username
    return row


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("row", ROWS, ids=[row["text"][:60] for row in ROWS])
def test_an_address_is_understood_or_refused_with_a_hint(row: dict[str, Any]) -> None:
    expected = {key: value for key, value in row.items() if key not in {"text", "option_ref"}}
    try:
        found = as_row(parse(row["text"], ref=row.get("option_ref"), cwd=NOWHERE))
    except R2iError as error:
        found = {"exit": error.exit_code, "message": error.message, "hint": error.hint}

    assert found == expected


def test_a_name_that_is_not_in_utf_8_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`caf\\udce9` is not valid UTF-8"):
        parse("caf\udce9", cwd=tmp_path)


def test_the_list_has_every_provider_and_every_kind_of_binder_link() -> None:
    providers = {row["provider"] for row in LISTED["understood"]}
    kinds = {kind for kind in FORMS if any(f"/v2/{kind}/" in row["text"] for row in LISTED["understood"])}

    assert len(ROWS) >= 120
    assert kinds == set(FORMS)
    assert providers | {"local"} == {provider.name for provider in PROVIDERS}


@pytest.mark.parametrize(
    "name", ["10.5281/zenodo.1234", "owner/name", "doi:10.5281/zenodo.1234", "mybinder.org/v2/gh/o/n/HEAD"]
)
def test_a_directory_of_that_name_wins(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir(parents=True)

    assert parse(name, cwd=tmp_path) == Source(provider="local", location=str(tmp_path / name))


@settings(deadline=500)
@given(st.lists(PIECES, max_size=14).map("".join) | st.text())
@example("](" * 4000)
@example("https://x" + ")" * 8000 + " ")
@example("https://mybinder.org/v2/gh/" + "/v2/" * 1000)
@example("https://x.org" + "/v2" * 1300)
@example("doi:10.5281/" + ")" * 4000)
@example("\\" * 4000)
def test_any_text_is_a_source_or_an_error_at_once(text: str) -> None:
    try:
        source = parse(text, cwd=NOWHERE)
    except R2iError:
        return
    assert source.location
    assert source.opens.isprintable()
    assert source.opens.isascii()


@given(st.lists(PIECES, max_size=10).map("".join))
def test_what_a_link_opens_is_below_the_server(path: str) -> None:
    try:
        found = below_server(path, what="The link")
    except R2iError:
        return
    assert not found.startswith("/")
    assert ".." not in found.partition("?")[0].partition("#")[0].split("/")
    assert below_server(found, what="The link") == found


@given(st.lists(PIECES, max_size=10).map("".join))
def test_markup_gives_one_link_or_stays_as_it_is(text: str) -> None:
    try:
        found = pasted(text)
    except R2iError:
        return
    assert found == text or found in text.replace("\\", "").replace("&amp;", "&")
    assert isinstance(is_launch_link(found), bool)
