"""A Dockerfile that a stranger wrote gets nothing of the machine: no credentials, no caches, no images, no network."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.building.namespaces import (
    cache_namespace,
    identity,
    machine_namespace,
    repository_namespace,
    stored_secret,
)
from r2i.engines.own_dockerfile import check_own_dockerfile
from r2i.engines.own_dockerfile.reachable import World
from r2i.engines.protocol import BuildRequest, Engine, Sources, StepEvent
from r2i.engines.source_policy import full_name
from r2i.engines.triggers import triggers_in
from r2i.errors import BuildFailedError, EngineError, InvalidRepositoryError
from r2i.formats.dockerfile import stages
from r2i.host.settings import public_settings
from r2i.model import Dockerfile, Image, Source
from r2i.process import Completed, run
from tests.building import R2I, fresh_tag, write
from tests.hostile.registry import registry
from tests.real_engines import BASE, engine_of, remove_image
from tests.serving import certificate

FROM = "FROM debian:trixie-slim\n"
CHECKSUM = "sha256:" + "a" * 64

STORE = {
    "r2i/ada-thesis:1": Image(reference="", id="", labels={"io.r2i.plan": "x"}),
    "mine": Image(reference="", id=""),
    "r2i": Image(reference="", id=""),
    "debian:trixie-slim": Image(reference="", id=""),
    "quay.io/lab/pulled": Image(reference="", id="", repositories=("quay.io/lab/pulled",)),
    "lab/pulled:2": Image(reference="", id="", repositories=("docker.io/lab/pulled",)),
    "lab/other": Image(reference="", id="", repositories=("docker.io/lab/pulled",)),
    "docker.io/r2i/ada-thesis:2": Image(
        reference="", id="", labels={"io.r2i.plan": "x"}, repositories=("r2i/ada-thesis",)
    ),
    "quay.io/lab/mounts": Image(
        reference="",
        id="",
        repositories=("quay.io/lab/mounts",),
        triggers=("RUN --mount=type=bind,from=quay.io/lab/mounts,source=/link,target=/x cat /x/y",),
    ),
    "quay.io/lab/lines": Image(
        reference="",
        id="",
        repositories=("quay.io/lab/lines",),
        triggers=("ENV A=b\nADD http://127.0.0.1/ /x",),
    ),
    "hooks": Image(reference="", id="", repositories=("hooks",), triggers=("ADD http://127.0.0.1/ /x",)),
}

WORLD = World(find=STORE.get, addresses=lambda host: ["127.0.0.1"] if host == "here.example.org" else [])


def refusal(text: str, *, podman: bool = False) -> InvalidRepositoryError | None:
    arguments = {"NB_USER": "jovyan", "NB_UID": "1000", "REPO_DIR": "/home/jovyan"}
    try:
        check_own_dockerfile(text, file="Dockerfile", build_args=arguments, world=WORLD, podman=podman)
    except InvalidRepositoryError as error:
        return error
    return None


GOOD = {
    "the whole repository": "FROM jupyter/scipy-notebook\nADD . .\n",
    "digest and owner": f"FROM quay.io/jupyter/base-notebook:2024@{CHECKSUM}\nADD --chown=${{NB_UID}} environment.yml /tmp/\n",
    "an image of tools": FROM + "COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/\n",
    "a release": FROM + "ADD https://github.com/x/y/releases/download/v1/x.tgz /x\n",
    "an installer": FROM + "ADD https://astral.sh/uv/0.9.1/install.sh /x\n",
    "a release by its number": FROM
    + "ARG V=1\nADD https://github.com/x/y/releases/download/v${V}/x.tgz /x\n",
    "stacks of arguments": "ARG R=quay.io\nARG O=jupyter\nARG B=$R/$O/base-notebook\nFROM $B\n",
    "a default": "ARG X\nFROM ubuntu:${X:-22.04}\n",
    "stages": FROM
    + "RUN x\nFROM debian:trixie-slim AS a\nFROM a AS b\nCOPY --from=A / /\nCOPY --from=0 / /\nRUN --mount=from=a,target=/x y\n",
    "Docker's frontend": "# syntax=docker/dockerfile:1\n" + FROM,
    "an old frontend": "# syntax=docker/dockerfile:1.2\n"
    + FROM
    + "RUN --mount=type=cache,target=/root/.cache pip install x\n",
    "here-documents": FROM + "RUN cat <<'EOF' > /x && cat <<-B >/y\nADD http://127.0.0.1/ /x\nEOF\n\tB\n",
    "the certificates": FROM
    + "RUN --mount=type=secret,id=host,mode=0444 \\\n    # so that\n    pip install x\n",
    "a checked address": FROM + f"ADD --checksum={CHECKSUM} https://example.org/x /x\n",
    "an address in a variable": FROM + "ENV U=https://zenodo.org\nADD $U/x /x\n",
    "a pulled image": "FROM quay.io/lab/pulled\nCOPY --from=lab/pulled:2 / /\n",
    "comments between": FROM
    + "RUN apt-get update && \\\n    curl \\\n  # nothing\n    git \\\n\n && rm -rf x\n",
    "quotes": FROM + 'COPY --chown="${NB_UID}" . ${HOME}\nUSER ${NB_USER}\nCMD ["jupyter", "lab"]\n',
    "a platform": "FROM --platform=linux/amd64 python:3.11\n",
    "no here-document": FROM
    + "RUN echo $((1<<2)) <<<word\nRUN sh -c 'cat > x <<EOF\\nfoo\\nEOF'\nRUN R -e \"x <<- 3; y<<-4\"\n",
    "a byte order mark": "\ufeff" + FROM,
    "files in variables": FROM + "ADD conf-$X/y /z\nADD data-$X.csv /z\n",
    "no network": FROM + "RUN --network=none ls\n",
    "Windows' line ends": "# escape=\\\r\n" + FROM.replace("\n", "\r\n") + "RUN a \\\r\n b\r\n",
}

BAD = {
    "a frontend": "# syntax=evil/frontend\n" + FROM,
    "a frontend, spaced": "#syntax = evil/x\n" + FROM,
    "a frontend behind a mark": "\ufeff# syntax=evil/x\n" + FROM,
    "a frontend behind a shebang": "#!/usr/bin/x\n# syntax=evil/x\n" + FROM,
    "a frontend in a comment of C": "// syntax=evil/x\n" + FROM,
    "a frontend in JSON": '{"syntax":"evil/x"}\n' + FROM,
    "a frontend behind a check": "# check=skip=all\n# SYNTAX=evil/x\n" + FROM,
    "a frontend of another registry": "# syntax=evil.example.org/docker/dockerfile:1\n" + FROM,
    "a frontend with options": "# syntax=docker/dockerfile:1 --evil\n" + FROM,
    "a local image": "FROM mine\n",
    "an image of r2i's": FROM + "COPY --from=r2i/ada-thesis:1 / /\n",
    "an image of r2i's by its whole name": "FROM docker.io/r2i/ada-thesis:2\n",
    "an image of this machine under the name of r2i's files": "FROM r2i\n",
    "an image under a local name": FROM + "COPY --from=lab/other / /\n",
    "quotes in a flag": FROM + 'COPY --fr"om"=mine / /\n',
    "a mounted image": FROM + "RUN --mount=type=bind,FROM=mine,target=/x ls\n",
    "an image in an argument": "ARG X=mine\nFROM ${X}\n",
    "an image behind a default": "ARG X=\nFROM ${X-benign/}r2i/ada-thesis:1\n",
    "an argument in quotes": 'ARG X=debian\nARG "X=mine"\nFROM $X\n',
    "an image named as a later stage": FROM + "COPY --from=mine / /\nFROM x AS mine\n",
    "an image after a number": "FROM debian AS a\nFROM mine\n",
    "a registry here": "FROM localhost:5000/x\n",
    "a registry on a loopback address": "FROM 127.0.0.1:5000/x\n",
    "a registry next door": "FROM 10.0.0.1:5000/x\n",
    "a registry whose name leads here": "FROM here.example.org/x\n",
    "an archive of the host": "FROM oci-archive:/etc/x\n",
    "an archive beside": "FROM tarball:backup.tar.gz\n",
    "the store of the host": FROM + "COPY --from=containers-storage:mine / /\n",
    "a trigger of the base": "FROM hooks\n",
    "a trigger of the base that mounts": "FROM quay.io/lab/mounts\n",
    "a trigger of the base of two lines": "FROM quay.io/lab/lines\n",
    "loopback": FROM + "ADD http://127.0.0.1/ /x\n",
    "loopback in a list": FROM + 'ADD ["http://127.0.0.1/", "/x"]\n',
    "loopback in quotes": FROM + 'ADD "http://127.0.0.1/" /x\n',
    "loopback with an escape": FROM + "ADD ht\\tp://127.0.0.1/ /x\n",
    "loopback as a number": FROM + f"ADD --checksum={CHECKSUM} https://2130706433/x /y\n",
    "loopback, checked": FROM + f"ADD --checksum={CHECKSUM} https://127.0.0.1/x /y\n",
    "a name that leads here, checked": FROM + f"ADD --checksum={CHECKSUM} https://here.example.org/x /y\n",
    "no checksum": FROM + "ADD --checksum=$X https://example.org/ /x\n",
    "a redirect": FROM + "ADD https://example.org/x /x\n",
    "another user": FROM + "ADD https://github.com@evil.example.org/x /x\n",
    "git": FROM + "ADD git@github.com:x/y /x\n",
    "submodules": FROM + "ADD https://github.com/x/y.git#main /x\n",
    "a host of the image's": FROM + "ADD https://$H/x /y\n",
    "an address of the image's": FROM + "ADD ${URL} /x\n",
    "an argument that the image sets": FROM + "ARG URL=https://github.com/x\nADD ${URL} /x\n",
    "a default that the image sets": FROM + "ADD ${URL:-https://github.com/x} /x\n",
    "a variable set in the old way": FROM + "ENV U=https://github.com/\nENV U http://127.0.0.1/\nADD $U /x\n",
    "a trigger": FROM + "ONBUILD ADD http://127.0.0.1/ /x\n",
    "the host's network": FROM + "RUN --network=none \\\n --net\\work=host ls\n",
    "all rights": FROM + "RUN --security=insecure ls\n",
    "a device": FROM + "RUN --device=x ls\n",
    "keys": FROM + "RUN --mount=type=ssh ls\n",
    "an escaped end of a line": FROM + "RUN echo \\\\\nCOPY --from=x / /\n",
    "half a here-document": FROM + 'RUN echo "x <<EOF y"\nCOPY --from=x / /\nRUN a \\\nEOF\n',
    "an odd end of a here-document": FROM + "RUN x <<EOF;\nfoo\nEOF;\n",
    "another escape": "# escape=`\n" + FROM + "RUN x \\\nCOPY --from=mine / /\n",
    "an escape too late": "# a comment\n# escape=`\n" + FROM,
    "a here-document that an old frontend does not know": "# syntax=docker/dockerfile:1.2\n"
    + FROM
    + "RUN x <<EOF\nCOPY --from=mine / /\nEOF\n",
    "a control character": FROM + "RUN a\x0bCOPY --from=mine / /\n",
    "the namespace in quotes": FROM + 'ARG "BUILDKIT_CACHE"_MOUNT_NS\n',
    "the namespace": FROM + "ARG BUILDKIT_CACHE_MOUNT_NS\n",
    "no instruction": FROM + "FOO x\n",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_people_write_is_built(text: str) -> None:
    assert refusal(text) is None
    assert "<<" in text or refusal(text, podman=True) is None


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_reaches_the_machine_is_refused(text: str) -> None:
    found = refusal(text)

    assert found is not None
    assert found.file == "Dockerfile"
    assert found.line is not None
    assert (found.hint or "").endswith("pass `--trust-repository` if you trust its authors as yourself")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("docker.io/debian:13", "docker.io/library/debian:13"),
        ("index.docker.io/a/b", "docker.io/a/b:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("localhost/a", "localhost/a:latest"),
        ("quay.io:443/a/b/c", "quay.io:443/a/b/c:latest"),
        (f"a:1@{CHECKSUM}", f"docker.io/library/a:1@{CHECKSUM}"),
        (f"quay.io/a@{CHECKSUM}", f"quay.io/a@{CHECKSUM}"),
    ],
)
def test_a_name_is_completed_as_docker_does_it(name: str, full: str) -> None:
    assert full_name(name) == full


@pytest.mark.parametrize(
    "config",
    [
        '{"config": {"OnBuild": ["RUN x"]}}',
        '{"CONFIG": {"onbuild": ["RUN x"]}}',
        '{"config": {"OnBuild": ["RUN x"]}, "config": {}}',
        '{"config": {"OnBuild": ["RUN x"], "OnBuild": null}}',
    ],
)
def test_what_an_image_asks_for_is_found_however_it_is_written(config: str) -> None:
    assert triggers_in(config.encode()) == ("RUN x",)


@pytest.mark.parametrize("config", ["", "{", "[" * 100_000], ids=len)
def test_an_image_that_cannot_be_read_is_refused(config: str) -> None:
    image = Image(reference="", id="", repositories=("quay.io/lab/x",), triggers=triggers_in(config.encode()))

    with pytest.raises(InvalidRepositoryError):
        check_own_dockerfile(
            "FROM quay.io/lab/x\n",
            file="Dockerfile",
            build_args={},
            world=World(find=lambda _: image, addresses=lambda _: []),
            podman=True,
        )


def test_podman_may_not_know_here_documents() -> None:
    text = FROM + "RUN x <<EOF\nCOPY --from=mine / /\nEOF\n"

    assert refusal(text) is None
    assert refusal(text, podman=True) is not None


@given(st.text(alphabet=st.sampled_from("FROM RUN COPY ADD\n\\#<<EOF'\"`-= \tx=[]\r{}$:@/é"), max_size=80))
def test_any_text_is_allowed_or_refused_with_words(text: str) -> None:
    refusal("FROM x\n" + text)
    refusal(text, podman=True)


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=x" + " " * 300_000 + "x\n" + FROM,
        FROM * 60_000,
        FROM + "RUN " + "--network=none " * 60_000 + "x\n",
        FROM + "ENV A=b\n" * 100_000,
        FROM + "ENV " + "A=b " * 200_000 + "\n",
        FROM + "".join(f"ENV A{n}=b\n" for n in range(80_000)),
        FROM + "RUN a \\\n" * 100_000,
        FROM + "RUN " + "\\ " * 300_000 + "\n",
        FROM + "RUN " + "<<A " * 200_000 + "\n",
        FROM + "COPY --from=a / /\n" * 60_000,
        FROM + "".join(f"COPY --from=a{n} / /\n" for n in range(40_000)),
        FROM + "ADD " + "${A" * 200_000 + " /\n",
        FROM + 'RUN "' + "\\'" * 300_000 + "\n",
    ],
    ids=lambda text: text.removeprefix(FROM)[:20],
)
def test_a_large_file_takes_no_time_that_matters(text: str) -> None:
    """What is quadratic in it takes minutes: the limit of all tests ends that."""
    refusal(text[:250_000], podman=True)

    assert refusal(FROM + "#" * 250_000) is not None


def test_a_repository_has_a_namespace_that_nobody_can_guess(tmp_path: Path) -> None:
    file = tmp_path / "r2i" / "secret"
    secret = stored_secret(file)

    assert stored_secret(file) == secret
    assert len(secret) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    "spoil", [lambda f: f.chmod(0o644), lambda f: f.write_bytes(b"")], ids=["open", "empty"]
)
def test_a_secret_that_others_know_is_made_anew(tmp_path: Path, spoil: object) -> None:
    file = tmp_path / "secret"
    before = stored_secret(file)
    assert callable(spoil)
    spoil(file)

    assert stored_secret(file) != before


def test_all_who_make_the_secret_at_once_have_the_same(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(stored_secret(tmp_path / "a" / "secret")))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 20
    assert len(set(found)) == 1


def source(name: str, *, subdirectory: str = "", ref: str | None = None) -> Source:
    location = f"https://example.org/{name}"
    return Source(provider="git", location=location, subdirectory=subdirectory, ref=ref)


def test_who_wrote_it_has_the_caches() -> None:
    commit = "0123456789" * 4
    others = [
        source("b"),
        source("a", subdirectory="x"),
        source("a", ref=commit),
        source("a", ref=commit[:7]),
        source("a", ref="refs/pull/1/head"),
        source("a", ref="pull/2/head"),
        source("a", ref="refs/merge-requests/1/head"),
    ]

    assert (
        identity(source("a")) == identity(source("a", ref="main")) == identity(source("a", ref="refs/tags/1"))
    )
    assert len({repository_namespace(each) for each in (source("a"), *others)}) == 8
    assert cache_namespace(source("a"), own_dockerfile=True) == repository_namespace(source("a"))
    assert cache_namespace(source("a"), own_dockerfile=False) == machine_namespace()


@pytest.mark.parametrize(
    "proxy",
    [
        "http://ada:s3cret-word@proxy.example.org:1",
        "ada:s3cret-word@proxy.example.org",
        "http://ada:a/s3cret-word@b@proxy.example.org:1",
    ],
)
def test_certificates_and_proxies_are_all_that_it_gets(tmp_path: Path, proxy: str) -> None:
    environ = {
        "HTTPS_PROXY": proxy,
        "PIP_INDEX_URL": "https://ada:s3cret-word@index.example.org/simple",
        "UV_INDEX_CORP_PASSWORD": "s3cret-word",
        "CONDA_CHANNEL_ALIAS": "https://conda.example.org/t/s3cret-word/get",
    }
    write(tmp_path, {".netrc": "machine index.example.org login ada password s3cret-word\n"})
    found = public_settings(environ, ca_bundle=None, home=tmp_path, system=tmp_path)

    assert "proxy.example.org" in found.script
    assert "s3cret-word" not in found.script + repr(found.proxies)
    assert "index.example.org" not in found.script
    assert "s3cret-word" in found.credentials
    assert "The password of `HTTPS_PROXY` is withheld from steps" in found.notices[-1].message


# With engines.


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return engine_of(request.param)


@pytest.fixture
def tag(engine: Engine) -> Iterator[str]:
    name = fresh_tag("own")
    yield name
    remove_image(engine.name, name)


def built(engine: Engine, context: Path, text: str, tag: str, **options: Any) -> list[str]:
    """What the steps print."""
    events: list[StepEvent] = []
    dockerfile = Dockerfile(text=text, support={}, ignore="", layer_lines={})
    request = BuildRequest(context=context, dockerfile=dockerfile, tags=(tag,), **options)
    engine.build(request, events.append)
    return [event.output for event in events if event.state == "output"]


def fresh(script: str) -> str:
    """A script that no layer cache knows."""
    return f": {os.urandom(8).hex()}; {script}"


IDS = ("r2i-uv-shared", "r2i-uv", "r2i-apt-trixie", "r2i-own-uv", "")


def mounts_of(ids: tuple[str, ...]) -> str:
    names = (f"id={id_}," if id_ else "" for id_ in ids)
    return " ".join(f"--mount=type=cache,{name}target=/cache{n}" for n, name in enumerate(names))


@pytest.mark.engine
def test_what_one_dockerfile_plants_in_caches_no_other_build_has(
    engine: Engine, tag: str, tmp_path: Path
) -> None:
    hostile, other = source("hostile"), source("other")
    theirs = repository_namespace(hostile)
    guessed = tuple(
        f"{namespace}/{id_}" for id_ in IDS[:2] for namespace in (theirs, repository_namespace(other))
    )
    everything = mounts_of((*IDS, *guessed))
    plant = f"FROM {BASE}\nRUN {everything} {fresh('for d in /cache*; do echo evil > $d/planted; done')}\n"

    def look() -> str:
        return f"FROM {BASE}\nRUN {mounts_of(IDS)} {fresh('cat /cache*/planted || echo nothing')}\n"

    built(engine, tmp_path, plant, tag, cache_namespace=theirs)

    assert built(engine, tmp_path, look(), tag, cache_namespace=theirs).count("evil") == len(IDS)
    assert "evil" not in built(engine, tmp_path, look(), tag, cache_namespace=repository_namespace(other))
    assert "evil" not in built(engine, tmp_path, look(), tag, cache_namespace=machine_namespace())


@pytest.mark.engine
def test_a_layer_made_with_one_cache_is_not_taken_for_another(
    engine: Engine, tag: str, tmp_path: Path
) -> None:
    """The words of a step are the same, and what it reads is not."""
    text = f"FROM {BASE}\nRUN --mount=type=cache,id=x,target=/c {fresh('date +%s.%N > /made')}\n"
    made = []
    for name in ("one", "two", "", "one"):
        built(engine, tmp_path, text, tag, cache_namespace=name or "machine", layer_namespace=name)
        made.append(run([engine.name, "run", "--rm", tag, "cat", "/made"]).stdout)

    assert len(set(made)) == 3
    assert made[0] == made[3], "what was made in its own namespace is taken again"


@pytest.mark.engine
def test_the_namespace_is_not_in_the_image(engine: Engine, tag: str, tmp_path: Path) -> None:
    namespace = os.urandom(16).hex()
    text = f"FROM {BASE}\nRUN --mount=type=cache,target=/c {fresh('env')}\n"
    printed = built(engine, tmp_path, text, tag, cache_namespace=namespace, layer_namespace="a")
    kept = run([engine.name, "history", "--no-trunc", tag]).stdout + run([engine.name, "inspect", tag]).stdout

    assert "PATH=" in "".join(printed)
    assert namespace not in kept + "".join(printed)


def r2i(directory: Path, tag: str, engine: Engine, *options: str, **environment: str) -> Completed:
    words = ["build", str(directory), "--engine", engine.name, "--progress", "plain", "--tag", tag, *options]
    return run([R2I, *words], env={**os.environ, **environment, "NO_COLOR": "1"}, timeout=300)


@pytest.mark.engine
def test_the_secret_has_no_credentials_unless_it_is_trusted(engine: Engine, tag: str, tmp_path: Path) -> None:
    text = f"FROM {BASE}\nRUN --mount=type=secret,id=host,target=/h cp /h /stolen || touch /stolen; env >> /stolen\n"
    write(tmp_path / "repo", {"Dockerfile": text})
    environment = {
        "UV_INDEX_CORP_PASSWORD": "s3cret-word",
        "PIP_INDEX_URL": "https://ada:s3cret-word@index.example.org/simple",
        "HTTP_PROXY": "http://ada:s3cret-word@proxy.example.org:3128",
    }
    stolen = []
    for options in ((), ("--trust-repository",)):
        done = r2i(tmp_path / "repo", tag, engine, "--no-cache", *options, **environment)
        assert done.returncode == 0, done.stderr
        stolen.append(run([engine.name, "run", "--rm", tag, "cat", "/stolen"]).stdout)

    assert "proxy.example.org:3128" in stolen[0]
    assert "s3cret-word" not in stolen[0]
    assert "s3cret-word" in stolen[1]


@pytest.mark.engine
def test_an_image_of_this_machine_is_not_for_others(engine: Engine, tag: str, tmp_path: Path) -> None:
    write(tmp_path / "first", {"Dockerfile": f"FROM {BASE}\nRUN echo private > /data\n"})
    write(tmp_path / "second", {"Dockerfile": f"FROM {BASE}\nCOPY --from={tag} /data /data\n"})
    first = r2i(tmp_path / "first", tag, engine)
    second = r2i(tmp_path / "second", f"{tag}-2", engine)

    assert first.returncode == 0, first.stderr
    assert second.returncode == 5
    assert f"Dockerfile:2: `{tag}` was built on this machine" in second.stderr


@pytest.mark.engine
def test_the_name_of_our_context_is_for_its_own_stages(engine: Engine, tag: str, tmp_path: Path) -> None:
    """A named context would come before a stage or an image of this name."""
    text = (
        f"FROM {BASE} AS r2i\nRUN {fresh('echo theirs > /made')}\n"
        "FROM r2i\nCOPY --from=r2i /made /copied\n"
        f"RUN --mount=type=bind,from=r2i,target=/mounted {fresh('cat /made /copied /mounted/made')}\n"
    )

    assert built(engine, tmp_path, text, tag) == ["theirs"] * 3


STEP = "touch /x/new; cat /x/secret || true"
STAGE = f"FROM {BASE} AS stage\nRUN ln -s OUTSIDE /link\nFROM {BASE}\n"
#: Links that lead to a directory of the machine, in what a step mounts.
LINKED = {
    "in a stage": f"{STAGE}RUN --mount=type=bind,from=stage,source=/link,target=/x,rw {STEP}\n",
    "in a stage, without a type": f"{STAGE}RUN --mount=from=stage,src=link,target=/x,rw {STEP}\n",
    "in a stage, for a cache": f"{STAGE}RUN --mount=type=cache,from=stage,source=/link,target=/x {STEP}\n",
    "in a cache": f"FROM {BASE}\nRUN --mount=type=cache,id=a,target=/c ln -sfn OUTSIDE /c/b\n"
    f"RUN --mount=type=cache,id=a/b,target=/x {STEP}\n",
    "in a cache without an id": f"FROM {BASE}\nRUN --mount=type=cache,target=/y ln -sfn OUTSIDE /y/x\n"
    f"RUN --mount=type=cache,target=/y/x \\\n  touch /y/x/new; cat /y/x/secret || true\n",
    "behind another source": f"FROM {BASE}\nRUN --mount=type=bind,source=inside,src=link,target=/x {STEP}\n",
    "in a here-document that some do not know": f"FROM {BASE}\nRUN cat <<EOF\n"
    f"RUN --mount=type=bind,source=link,target=/x {STEP}\n",
}


@pytest.mark.engine
@pytest.mark.parametrize("where", LINKED)
def test_no_link_that_a_step_mounts_leads_to_the_machine(
    engine: Engine, tag: str, tmp_path: Path, where: str
) -> None:
    outside = write(tmp_path / "outside", {"secret": "of the host\n"})
    context = write(tmp_path / "context", {"inside/file": ""})
    (context / "link").symlink_to(outside)
    text = LINKED[where].replace("OUTSIDE", str(outside)).replace(STEP, fresh(STEP))
    printed: list[str] = []
    with suppress(BuildFailedError, EngineError):
        printed = built(engine, context, text, tag, cache_namespace=repository_namespace(source("links")))

    assert "of the host" not in printed
    assert [path.name for path in outside.iterdir()] == ["secret"]


@pytest.fixture
def loopback() -> Iterator[tuple[str, list[str]]]:
    """A server of this machine, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"private")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


@pytest.mark.engine
def test_the_loopback_of_the_machine_is_not_asked(
    engine: Engine, tag: str, tmp_path: Path, loopback: tuple[str, list[str]]
) -> None:
    address, asked = loopback
    write(tmp_path / "repo", {"Dockerfile": f"FROM {BASE}\nADD {address} /x\n"})
    refused = r2i(tmp_path / "repo", tag, engine)
    before = list(asked)
    trusted = r2i(tmp_path / "repo", tag, engine, "--trust-repository")

    assert (refused.returncode, before) == (5, [])
    assert trusted.returncode == 0, trusted.stderr
    assert asked


#: What a base image makes of a build; `OUTSIDE` is a directory of the machine, `HERE` a server on it, `SELF` the image.
SHELL = f"--mount=type=bind,from={BASE},source=/usr,target=/usr"
READ = f"RUN {SHELL} --mount=type=bind,from=SELF,source=/outside,target=/x cat /x/secret"
TRIGGERS = {
    "an address": ("ADD HERE /x",),
    "an image of this machine": ("COPY --from=PRIVATE / /x",),
    "a link": (READ,),
    "two instructions in one": (f"ENV A=b\nADD HERE /x\n{READ}",),
    "an instruction that goes on": ("ENV A=b \\", f"c=d\n{READ}", "ADD HERE /x"),
    "a flag in parts": (READ.replace("--mount", "--mo\\\nunt"),),
}


def sources_of(text: str, reference: str, engine: Engine) -> Sources:
    """Those that the check finds, and an image of a registry of this machine, which it refuses."""
    public = text.replace(reference, "quay.io/lab/base")
    world = World(find=engine.find, addresses=lambda _: [])
    found = check_own_dockerfile(public, file="Dockerfile", build_args={}, world=world, podman=True)
    bases = tuple(replace(base, reference=reference) for base in found.bases)
    return replace(found, bases=bases, images=frozenset({reference}))


@pytest.fixture
def pulled(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Serves an image that the engine has not yet; Podman, too, asks registries of this machine without TLS."""
    settings = tmp_path / "registries.conf"
    settings.write_text('[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(settings))
    outside = write(tmp_path / "outside", {"secret": "of the host\n"})
    private, _ = certificate(tmp_path)
    links = {"outside": str(outside), **{name: f"usr/{name}" for name in ("bin", "lib", "lib64")}}
    with ExitStack() as stack:

        def serve(*triggers: str, later: Sequence[str] = ()) -> str:
            name = stack.enter_context(registry(triggers, links, certificate=private, later=later))
            stack.callback(remove_image, engine.name, name)
            return name

        yield serve


@pytest.mark.engine
@pytest.mark.parametrize("name", TRIGGERS)
def test_a_base_image_that_is_pulled_asks_the_engine_for_nothing(
    engine: Engine, tmp_path: Path, loopback: tuple[str, list[str]], pulled: Callable[..., str], name: str
) -> None:
    address, asked = loopback
    private = fresh_tag("private")
    if "PRIVATE" in "".join(TRIGGERS[name]):
        run([engine.name, "tag", BASE, private])
    written = [each.replace("HERE", address).replace("PRIVATE", private) for each in TRIGGERS[name]]
    reference = pulled(*written)
    text = f"FROM {reference}\n"
    printed: list[str] = []
    try:
        with pytest.raises((BuildFailedError, InvalidRepositoryError)):
            printed += built(engine, tmp_path, text, private, sources=sources_of(text, reference, engine))
    finally:
        remove_image(engine.name, private)

    assert asked == []
    assert "of the host" not in printed


@pytest.mark.engine
@pytest.mark.parametrize("platform", ["", "--platform=linux/amd64 "], ids=["", "for a platform"])
def test_the_image_that_was_checked_is_built_upon(
    engine: Engine, tmp_path: Path, loopback: tuple[str, list[str]], pulled: Callable[..., str], platform: str
) -> None:
    """The registry has another one afterwards."""
    address, asked = loopback
    reference = pulled(later=[f"ADD {address} /x"])
    text = f"FROM {platform}{reference} AS one\nENV A=b\nFROM {platform}{reference}\nCOPY --from=one / /one\n"
    tag = fresh_tag("checked")
    sources = sources_of(text, reference, engine)
    try:
        built(engine, tmp_path, text, tag, sources=sources)
        with suppress(BuildFailedError):
            built(engine, tmp_path, text, tag, sources=sources, no_cache=True)
    finally:
        remove_image(engine.name, tag)

    assert asked == []


TRICKY = {
    "continued": "RUN echo a \\\n\n  # comment \\\n   && echo b\\ \n   c\nWORKDIR /x\n",
    "here-documents": "RUN <<EOF cat\nRUN echo x\n EOF\nEOF\nRUN cat <<-'A' 3<<\"B.c\"\nx\n\t\tA\nCOPY x\nB.c\nWORKDIR /y\n",
    "no here-documents": 'SHELL ["/bin/bash", "-c"]\nRUN echo \'<<EOF\' "<<EOF" <<<EOF $((1<<2))\nRUN ["echo", "<<EOF"]\nWORKDIR /z\n',
    "escape": "RUN echo a `\n && echo b \\\nWORKDIR /b\n",
    "case and blanks": "\t run\techo a\n  WorkDir    /c\nrun  --network=none  --mount=type=tmpfs,target=/t   echo c  \n",
    "quotes in flags": 'RUN --net"wo"rk=no\\ne --mount=\'type=tmpfs\',target=/t echo d\nCOPY --chown="1000:1000" x /x\n',
    "comments": "#RUN x\n  # RUN y\nRUN echo a # b \\\n  && echo c\n# syntax=x\nWORKDIR /d\n",
    "ends of lines": "RUN echo a \\\r\n  && echo b\r\nWORKDIR /e\r\n",
    "end of file": "WORKDIR /f\nRUN echo a \\",
}


@pytest.mark.engine
@pytest.mark.parametrize("name", TRICKY)
def test_a_dockerfile_is_read_as_docker_reads_it(name: str, tmp_path: Path) -> None:
    docker = engine_of("docker")
    write(tmp_path, {"x": "x"})
    text = ("# escape=`\n" if name == "escape" else "") + f"FROM {BASE}\n" + TRICKY[name]
    tag = fresh_tag("read")
    events: list[StepEvent] = []
    dockerfile = Dockerfile(text=text, support={}, ignore="", layer_lines={})
    try:
        docker.build(BuildRequest(context=tmp_path, dockerfile=dockerfile, tags=(tag,)), events.append)
    finally:
        remove_image("docker", tag)
    [stage] = stages(text)
    steps = {event.line: event.text.split()[0].upper() for event in events if event.line is not None}
    read = {each.line: each.keyword for each in stage.numbered}

    # Whether a base that is there already is a step of its own changes from build to build.
    assert steps | {line: "FROM" for line, keyword in read.items() if keyword == "FROM"} == read
