"""Options of a build elsewhere: what is understood, what is refused, and what reaches the engine's program."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.test_reading import BUILD, FILES, ignore

from r2i.engines import docker, podman
from r2i.engines.choice import choose
from r2i.engines.layer_cache import CacheOption, cache_environment, layer_cache
from r2i.engines.outputs import Output, checked_outputs, excluded, output_from
from r2i.engines.platforms import platforms_from
from r2i.engines.podman import Podman
from r2i.engines.protocol import Sources
from r2i.errors import EngineError, UsageError

NO_SOURCES = Sources(bases=(), images=frozenset(), hosts=frozenset(), check=lambda _base, _image: None)

OCI = Output(kind="oci", destination=Path("/out/image.tar"))


@pytest.mark.parametrize(
    ("option", "text", "word"),
    [
        ("--cache-from", "ghcr.io/owner/name:cache", "type=registry,ref=ghcr.io/owner/name:cache"),
        ("--cache-to", "type=registry,ref=h:5000/n,mode=max", "type=registry,ref=h:5000/n,mode=max"),
        ("--cache-to", "type=inline", "type=inline"),
        ("--cache-to", "TYPE=gha,scope=a", "type=gha,scope=a"),
        ("--cache-to", '"dest=a,b",type=local', 'type=local,"dest=a,b"'),
        ("--cache-to", "type=s3,bucket=b,region=r,secret_access_key=x", "type=s3,bucket=b,region=r"),
    ],
)
def test_cache_is_written_as_buildx_takes_it(option: CacheOption, text: str, word: str) -> None:
    assert layer_cache(option, text).word == word


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--cache-to", "", "cannot be read"),
        ("--cache-to", "type=regestry,ref=a", "has the unknown type `regestry`"),
        ("--cache-to", "ref=a", "has no known `type`"),
        ("--cache-to", "type=registry", "needs `ref`"),
        ("--cache-to", "type=local,src=a", "needs `dest`"),
        ("--cache-from", "type=local,src=/does/not/exist", "names no directory"),
        ("--cache-from", "type=inline", "cannot be of type `inline`"),
        ("--cache-from", "Upper/Case", "is not a valid image name"),
        ("--cache-to", "type=registry,ref=a,mode=most", "neither `min` nor `max`"),
        ("--cache-to", "type=registry,ref=a,ref=b", "has `ref` twice"),
        ("--cache-to", "type=gha,token", "a field that is not `NAME=VALUE`"),
        (
            "--cache-to",
            "type=azblob,account_url=a,secret_access_key=S3CRET",
            "cannot take `secret_access_key`",
        ),
    ],
)
def test_cache_that_is_none_is_refused(option: CacheOption, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        layer_cache(option, text)

    assert raised.value.hint
    assert "S3CRET" not in f"{raised.value} {raised.value.hint}"


def test_credentials_of_a_cache_are_in_the_environment_only() -> None:
    cache = layer_cache("--cache-to", "type=s3,bucket=b,region=r,access_key_id=I,secret_access_key=S3CRET")
    request = replace(BUILD, cache_to=(cache,))

    assert "S3CRET" not in repr((request, docker.build_argv(request, FILES)))
    assert cache_environment([cache], {"AWS_PROFILE": "p", "AWS_ACCESS_KEY_ID": "other", "PATH": "/bin"}) == {
        "AWS_PROFILE": "p",
        "AWS_ACCESS_KEY_ID": "I",
        "AWS_SECRET_ACCESS_KEY": "S3CRET",
    }


def test_caches_of_github_need_its_variables() -> None:
    cache = layer_cache("--cache-from", "type=gha")
    with pytest.raises(UsageError, match="needs `ACTIONS_RUNTIME_TOKEN`"):
        cache_environment([cache], {"PATH": "/bin"})

    variables = {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_CACHE_URL": "u"}
    assert cache_environment([cache], {**variables, "PATH": "/bin"}) == variables
    assert cache_environment([layer_cache("--cache-to", "type=inline")], variables) == {}


def test_two_caches_have_no_different_credentials() -> None:
    caches = [layer_cache("--cache-to", f"type=gha,token={token}") for token in ("one", "two")]
    with pytest.raises(UsageError, match="different credentials"):
        cache_environment(caches, {})


def test_podman_takes_repositories_of_registries_for_caches() -> None:
    there = layer_cache("--cache-to", "localhost:5000/owner/name")
    words = podman.build_argv(replace(BUILD, cache_from=(there,), cache_to=(there,)), FILES)

    assert {"--cache-from=localhost:5000/owner/name", "--cache-to=localhost:5000/owner/name"} <= {*words}
    for text in ("type=inline", "owner/name:tag", "type=registry,ref=owner/name,mode=max"):
        with pytest.raises(EngineError, match="With Podman, `--cache-to`"):
            podman.build_argv(replace(BUILD, cache_to=(layer_cache("--cache-to", text),)), FILES)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("none", Output(kind="none")),
        ("type=cacheonly", Output(kind="none")),
        ("type=docker", Output(kind="store")),
        ("type=registry", Output(kind="registry")),
        ("type=image,push=true", Output(kind="registry")),
        ("type=oci,dest=/out/image.tar", OCI),
        ('type=docker,"dest=a,b"', Output(kind="docker", destination=Path("a,b"))),
    ],
)
def test_output_is_understood(text: str, output: Output) -> None:
    assert output_from(text) == output


@pytest.mark.parametrize(
    "text",
    [
        "",
        "out",
        "type=local,dest=out",
        "type=oci",
        "type=oci,dest=-",
        "type=image",
        "type=oci,dest=a,tar=false",
    ],
)
def test_output_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        output_from(text)

    assert raised.value.hint


@pytest.mark.parametrize(
    ("texts", "tags", "platforms"),
    [
        (("none", "type=oci,dest=a"), (), ()),
        (("type=oci,dest=a", "type=docker,dest=./a"), (), ()),
        (("type=registry",), (), ()),
        (("type=docker,dest=a",), (), ("linux/amd64", "linux/arm64")),
    ],
)
def test_outputs_that_conflict_are_refused(
    texts: tuple[str, ...], tags: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError):
        checked_outputs([output_from(text) for text in texts], tags=tags, platforms=platforms)


def test_local_store_alone_is_no_output() -> None:
    assert checked_outputs([output_from("type=docker")], tags=(), platforms=()) == ()


def test_docker_gets_what_is_asked_for_elsewhere() -> None:
    request = replace(
        BUILD,
        platforms=("linux/amd64", "linux/arm64"),
        cache_from=(layer_cache("--cache-from", "name:cache"),),
        outputs=(Output(kind="registry"), OCI),
    )
    words = docker.build_argv(request, replace(FILES, archives={OCI: Path("/out/.r2i-x/image.tar")}))

    assert words[words.index("--no-cache") + 1 :] == (
        "--platform=linux/amd64,linux/arm64",
        "--cache-from=type=registry,ref=name:cache",
        "--metadata-file=.",
        "--output=type=oci,dest=/out/.r2i-x/image.tar",
        "--push",
        "--",
        "/checkout",
    )
    # The archives are made of the local store.
    assert "--load" in docker.build_argv(request, FILES, exports=False)


def test_archives_in_the_context_are_not_part_of_it(tmp_path: Path) -> None:
    names = ("image.tar", "#a/[1].tar")
    inside = [Output(kind="oci", destination=tmp_path / name) for name in names]

    assert excluded([OCI, Output(kind="none")], [], tmp_path) == ""
    assert excluded(inside, [], tmp_path).split() == ["image.tar", ".r2i-*", r"\#a/\[1].tar", r"\#a/.r2i-*"]


def test_caches_that_are_written_into_the_context_are_not_part_of_it(tmp_path: Path) -> None:
    places = (f"dest={tmp_path}/a/[cache]", f"dest={tmp_path}", f"dest={tmp_path.parent}/elsewhere")
    caches = [layer_cache("--cache-to", f"type=local,{place}") for place in places]
    caches.append(layer_cache("--cache-to", "type=inline"))

    assert excluded([], caches, tmp_path).split() == [r"a/\[cache]"]


def test_platforms_have_one_name() -> None:
    assert platforms_from(["linux/amd64, arm64", "x86_64", "linux/arm64/v8", "arm"]) == (
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
    )
    for text in ("linux/amdd", "windows/amd64", "", "linux/amd64,", "linux/amd64;id"):
        with pytest.raises(UsageError, match="is not a platform"):
            platforms_from([text])


def test_builder_is_one_of_docker() -> None:
    with pytest.raises(UsageError, match="Podman has no `--builder`"):
        choose("podman", {}, builder="elsewhere")


@pytest.mark.parametrize(
    "more",
    [
        {"platforms": ("linux/amd64", "linux/arm64")},
        {"platforms": ("linux/arm64",), "sources": NO_SOURCES},
        {"outputs": (Output(kind="registry"),)},
    ],
)
def test_podman_refuses_what_only_builders_of_docker_do(more: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="Podman") as raised:
        Podman({}).build(replace(BUILD, **more), ignore)

    assert raised.value.hint


@given(st.text() | st.from_regex(r"(type=[a-z]*|[a-z\",=\\]*)(,[a-z]+=[a-z\",]*)*", fullmatch=True))
def test_any_option_gives_a_value_or_an_error(text: str) -> None:
    for read in (
        lambda: layer_cache("--cache-to", text),
        lambda: layer_cache("--cache-from", text),
        lambda: output_from(text),
        lambda: platforms_from([text]),
    ):
        with suppress(UsageError):
            read()
