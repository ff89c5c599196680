"""`GIT_CREDENTIAL_ENV`: the login that BinderHub gives a build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from r2i.errors import UsageError
from r2i.model import Credentials, Source
from r2i.sources import parse
from r2i.sources.git_program import looking_git
from r2i.sources.given_login import with_login
from r2i.sources.mercurial_program import mercurial_program
from tests.sources.hg_server import HG

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


def test_no_program_has_the_variables_of_a_platform(tmp_path: Path) -> None:
    """A credential helper of the user, or a filter, would read them in its environment."""
    path = f"{Path(HG).parent}:{os.environ['PATH']}"
    environ = {"PATH": path, **LOGIN, "CONTAINER_ENGINE_REGISTRY_CREDENTIALS": "{}"}
    git = looking_git(environ, tmp_path)
    with mercurial_program(read("https://example.org/x"), environ) as mercurial:
        kept = git.environment.keys() | mercurial.environment.keys()

    assert not {*LOGIN, "CONTAINER_ENGINE_REGISTRY_CREDENTIALS"} & kept
    assert "PATH" in kept


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
