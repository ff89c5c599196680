"""When an image is built, and when it is there already; the engine is one that only remembers."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.cli.fake_engines import OnlyBuilds
from tests.real_engines import BASE

from r2i.building.builder import Builder
from r2i.building.listener import Silent
from r2i.building.rescuing import rescued
from r2i.building.settings import BuildSettings
from r2i.cli.rescue import builder_for
from r2i.engines.bounds import Bounds
from r2i.engines.protocol import BuildRequest, StepEvent
from r2i.errors import BuildFailedError, R2iError, TemporaryError, UsageError
from r2i.model import Image, Options
from r2i.sources import parse

pytestmark = pytest.mark.usefixtures("home")


@dataclass
class Store(OnlyBuilds):
    """An engine without a machine: what it builds is an entry in a dictionary."""

    name: Literal["docker", "podman"] = "docker"
    images: dict[str, str] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    builds: list[BuildRequest] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        self.builds.append(request)
        self.images |= dict.fromkeys(request.tags, f"sha256:{len(self.builds)}")
        return Image(reference=request.tags[0], id=f"sha256:{len(self.builds)}")

    def find(self, reference: str) -> Image | None:
        self.asked.append(reference)
        found = self.images.get(reference)
        pulled = (reference.partition(":")[0],)
        return Image(reference=reference, id=found, repositories=pulled) if found else None

    def tag(self, image: str, reference: str) -> None:
        self.images[reference] = image

    def digest(self, reference: str) -> str | None:
        return self.registry.get(reference)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    top = tmp_path / "repo"
    top.mkdir()
    (top / "requirements.txt").write_text("six\n")
    return top


def build(engine: Store, location: Path | str, **changes: Any) -> Image:
    source = parse(str(location), cwd=Path("/"))
    settings = BuildSettings(**changes)
    return builder_for(engine, "plain", started=0).image(source, settings)


def revision(directory: Path) -> str:
    for words in (
        "init -q -b main",
        "add -A",
        "-c user.name=a -c user.email=a@example.org commit -q -m one",
    ):
        subprocess.run(["git", *words.split()], cwd=directory, check=True)
    return f"file://{directory}"


@pytest.fixture(params=["directory", "revision"])
def location(request: pytest.FixtureRequest, directory: Path) -> Path | str:
    return directory if request.param == "directory" else revision(directory)


def test_what_has_not_changed_is_built_once(location: Path | str) -> None:
    engine = Store(images={BASE: "sha256:old"})
    first, second = build(engine, location), build(engine, location)

    assert len(engine.builds) == 1
    assert first.id == second.id


@pytest.mark.parametrize("before", [{BASE: "sha256:old"}, {}], ids=["there", "not there"])
def test_another_base_image_is_a_reason_to_build(location: Path | str, before: dict[str, str]) -> None:
    engine = Store(images=dict(before))
    build(engine, location)
    engine.images[BASE] = "sha256:new"
    build(engine, location)
    build(engine, location)

    assert len(engine.builds) == 2


def test_a_base_image_that_is_gone_is_none(location: Path | str) -> None:
    engine = Store(images={BASE: "sha256:old"})
    build(engine, location)
    del engine.images[BASE]
    build(engine, location)

    assert len(engine.builds) == 1


def test_the_base_images_of_a_dockerfile_count_too(directory: Path) -> None:
    (directory / "Dockerfile").write_text("FROM one AS first\nFROM first\nCOPY --from=first / /\nFROM two\n")
    engine = Store(images={"one": "sha256:1", "two": "sha256:2", "first": "sha256:3"})
    build(engine, directory)
    engine.images["first"] = "sha256:4"
    build(engine, directory)
    once = len(engine.builds)
    engine.images["two"] = "sha256:5"
    build(engine, directory)

    assert (once, len(engine.builds)) == (1, 2)


def test_the_base_image_is_looked_up_once_where_it_is_there(directory: Path) -> None:
    engine = Store(images={BASE: "sha256:old"})
    build(engine, directory)

    assert engine.asked.count(BASE) == 1
    assert engine.builds[0].labels["org.opencontainers.image.base.digest"] == "sha256:old"


def test_a_base_image_of_a_registry_is_recorded_by_its_digest(directory: Path) -> None:
    engine = Store(registry={BASE: "sha256:there"})
    build(engine, directory)

    assert engine.builds[0].labels["org.opencontainers.image.base.digest"] == "sha256:there"


@pytest.mark.parametrize(
    ("trusted", "login"), [(False, ""), (True, "ada:s3cret@")], ids=["a stranger's", "trusted"]
)
def test_a_dockerfile_of_the_repository_gets_the_proxies_of_the_host(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool, login: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:s3cret@proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "example.net")
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example.org:1080")
    engine = Store()
    build(engine, directory)
    (directory / "Dockerfile").write_text("ARG https_proxy\nFROM one\n")
    build(engine, directory, trusted=trusted)

    own, theirs = (request.proxies for request in engine.builds)
    assert own == {}, "steps of ours read the secret"
    assert theirs == {
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://{login}proxy.example.org:3128"),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "example.net"),
    }
    assert ("s3cret" in str(engine.builds[-1].secrets)) == trusted


def test_a_proxy_that_the_history_would_show_is_not_passed(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:s3cret@proxy.example.org:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://ada:s3cret@proxy.example.org:3128")
    (directory / "Dockerfile").write_text("FROM one\nARG A=1 HTTPS_PROXY\n")
    engine = Store()
    build(engine, directory, options=Options(build_args={"http_proxy": "x"}))

    said = capsys.readouterr().err
    assert {"HTTPS_PROXY", "HTTP_PROXY", "http_proxy"}.isdisjoint(engine.builds[0].proxies)
    assert "https_proxy" in engine.builds[0].proxies
    assert "Dockerfile:2: the image's history would show the value of `ARG HTTPS_PROXY`" in said
    assert "s3cret" not in said


def test_a_dockerfile_is_given_the_values_that_the_plan_does_not_show(directory: Path) -> None:
    (directory / "Dockerfile").write_text("FROM one\nARG WORD\n")
    engine = Store()
    for word in ("sesame", "sesame", "poppy"):
        build(engine, directory, options=Options(build_args={"WORD": word}))

    assert [request.build_args["WORD"] for request in engine.builds] == ["sesame", "poppy"]
    assert {request.build_args["NB_USER"] for request in engine.builds} == {"jovyan"}


def test_an_image_without_a_dockerfile_of_its_own_is_given_nothing(directory: Path) -> None:
    engine = Store()
    build(engine, directory, options=Options(build_args={"HTTP_PROXY": "x"}))

    assert engine.builds[0].build_args == {}


@pytest.mark.parametrize(
    "change",
    [{"no_cache": True}, {"options": Options(python="3.12")}],
    ids=["no cache", "options"],
)
def test_what_the_user_asks_for_is_built(location: Path | str, change: dict[str, object]) -> None:
    engine = Store()
    build(engine, location)
    build(engine, location, **change)

    assert len(engine.builds) == 2


def test_an_image_of_a_revision_gets_one_more_name(directory: Path) -> None:
    engine = Store()
    location = revision(directory)
    first = build(engine, location)
    second = build(engine, location, tags=("one:1", "two:1"))

    assert len(engine.builds) == 1
    assert (second.reference, second.id) == ("one:1", first.id)
    assert engine.images["one:1"] == engine.images["two:1"] == first.id


def test_each_engine_builds_for_itself(location: Path | str) -> None:
    docker, podman = Store(), Store(name="podman")
    for engine in (docker, podman, docker, podman):
        build(engine, location)

    assert len(docker.builds) == len(podman.builds) == 1


def test_a_revision_without_its_large_files_does_not_pass_for_the_revision(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "sh"):
        (programs / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(programs))
    if subprocess.run(["git", "lfs", "version"], check=False, capture_output=True).returncode == 0:
        pytest.skip("git finds git-lfs in a directory of its own")
    (directory / "a.csv").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    )
    (directory / ".gitattributes").write_text("*.csv filter=lfs\n")
    engine, url = Store(), revision(directory)
    first = build(engine, url)
    build(engine, url)

    assert first.reference.endswith("-incomplete")
    assert len(engine.builds) == 2


@pytest.mark.parametrize("option", ["push", "reuse"])
def test_a_registry_is_named_by_a_tag(directory: Path, option: Literal["push", "reuse"]) -> None:
    engine = Store()
    settings = BuildSettings(push=option == "push", reuse=option == "reuse")
    with pytest.raises(UsageError, match=f"`--{option}` needs a name"):
        rescued(builder_for(engine, "plain", started=0), parse(str(directory), cwd=Path("/")), settings)

    assert not engine.builds


@dataclass
class Slow(Store):
    """Its first build waits until somebody else waits for it, and may fail then."""

    waited_for: threading.Event = field(default_factory=threading.Event)
    failure: R2iError | None = None

    def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
        if not self.builds:
            assert self.waited_for.wait(60)
            if self.failure:
                self.builds.append(request)
                raise self.failure
        return super().build(request, listen)


@dataclass
class Hears(Silent):
    engine: Slow
    notes: list[str] = field(default_factory=list)
    known: list[Image] = field(default_factory=list)

    def note(self, message: str) -> None:
        if message.startswith("Waiting"):
            self.notes.append(message)
            self.engine.waited_for.set()

    def unchanged(self, image: Image) -> None:
        self.known.append(image)


def at_once(engine: Slow, location: Path | str) -> tuple[list[Image | R2iError], Hears]:
    """What two builds of the same give that begin at the same time."""
    listener = Hears(engine)
    builder = Builder(engine=engine, environ=os.environ, home=Path.home(), listener=listener)

    def image(_: int) -> Image | R2iError:
        try:
            return builder.image(parse(str(location), cwd=Path("/")), BuildSettings())
        except R2iError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(image, range(2))), listener


def test_what_two_want_at_the_same_time_is_built_once(location: Path | str) -> None:
    engine = Slow()
    (first, second), listener = at_once(engine, location)

    assert isinstance(first, Image)
    assert isinstance(second, Image)
    assert first.id == second.id
    assert len(engine.builds) == 1
    assert listener.notes == [f"Waiting for another build of `{location}` (process {os.getpid()})"]
    assert [image.id for image in listener.known] == [first.id]


def test_who_waited_for_a_build_that_fails_builds_itself(location: Path | str) -> None:
    engine = Slow(failure=BuildFailedError("no"))
    results, listener = at_once(engine, location)

    assert sorted(type(result).__name__ for result in results) == ["BuildFailedError", "Image"]
    assert len(engine.builds) == 2
    assert listener.known == []


def test_who_waits_longer_than_a_build_may_take_is_told_so(directory: Path) -> None:
    with held(directory), pytest.raises(TemporaryError) as raised:
        build(Store(), directory, bounds=Bounds(timeout=0.2))

    assert str(raised.value) == (
        f"Another build of `{directory}` (process {os.getpid()}) takes longer than `--build-timeout 0.2s`"
    )


def test_what_is_there_is_found_while_others_build(directory: Path) -> None:
    engine = Store()
    first = build(engine, directory)
    with held(directory):
        found = build(engine, directory)

    assert found.id == first.id


def test_who_uses_no_cache_does_not_wait(directory: Path) -> None:
    with held(directory):
        build(engine := Store(), directory, no_cache=True)

    assert len(engine.builds) == 1


def test_waiting_takes_from_the_time_of_a_build(directory: Path) -> None:
    engine = Slow(failure=BuildFailedError("no"))
    at_once(engine, directory)

    first, second = (request.bounds.waited for request in engine.builds)
    assert first < second


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Somebody else builds this directory."""
    started, ended = threading.Event(), threading.Event()

    class Waits(Store):
        def build(self, request: BuildRequest, listen: Callable[[StepEvent], None]) -> Image:
            started.set()
            assert ended.wait(60)
            raise BuildFailedError("no")

    thread = threading.Thread(target=suppressed, args=(Waits(), directory))
    thread.start()
    assert started.wait(60)
    try:
        yield
    finally:
        ended.set()
        thread.join()


def suppressed(engine: Store, directory: Path) -> None:
    with suppress(BuildFailedError):
        build(engine, directory)
