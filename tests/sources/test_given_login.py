"""`GIT_CREDENTIAL_ENV`: the login that BinderHub gives a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.errors import UsageError
from r2i.model import Credentials, Source
from r2i.sources import parse
from r2i.sources.given_login import with_login

LOGIN = {"GIT_CREDENTIAL_ENV": "username=ada\npassword=s3=cret\n"}


def read(text: str) -> Source:
    return parse(text, cwd=Path("/"))


def test_it_is_for_the_server_of_the_repository() -> None:
    found = with_login(read("https://example.org/ada/private"), LOGIN).credentials

    assert found == Credentials(username="ada", password="s3=cret")


@pytest.mark.parametrize("text", ["https://eve:other@example.org/x", "git@example.org:ada/x.git", "/tmp"])
def test_it_is_for_nothing_else(text: str) -> None:
    source = read(text)

    assert with_login(source, LOGIN) == source


@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_variable_is_none(value: str) -> None:
    source = read("https://example.org/ada/private")

    assert with_login(source, {"GIT_CREDENTIAL_ENV": value}) == source


@pytest.mark.parametrize("value", ["s3cret", "username=ada", "username=ada\npassword=\x1b[2J"])
def test_a_variable_that_is_no_login_is_an_error_without_its_value(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_login(read("https://example.org/ada/private"), {"GIT_CREDENTIAL_ENV": value})

    assert "`GIT_CREDENTIAL_ENV` is not a login" in caught.value.message
    assert "s3cret" not in str(caught.value) + str(caught.value.hint)
