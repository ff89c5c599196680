"""Images with R: what is cached, and what stays of the machine's settings."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from r2i.building.launch import SERVER_PORT, server_command, wait_for_server
from r2i.checkout import Checkout
from r2i.engines.protocol import Port, RunRequest
from r2i.model import Options
from r2i.planning.compose import make_plan
from r2i.process import run
from tests.building import build, built_steps, fresh_tag, image_of, notebook, occurrences, write
from tests.cran import cran_mirror
from tests.planned_builds import planned_build
from tests.real_engines import engine_of, remove_image
from tests.rstudio import rstudio_mirror, with_stand_in

pytestmark = pytest.mark.engine

FILES = {
    "install.R": 'install.packages("polite")\n',
    "runtime.txt": "r-4.5-2024-10-31\n",
    "a.ipynb": notebook("6 * 7", kernel="ir"),
}


def test_an_edited_notebook_rebuilds_nothing_before_the_source(tmp_path: Path) -> None:
    source, tag = write(tmp_path / "repo", FILES), fresh_tag("r-cache")
    try:
        with cran_mirror() as cran:
            assert build(source, tag, R2I_CRAN=cran).returncode == 0
        never_seen = secrets.randbelow(10**9)
        write(source, {"a.ipynb": notebook(f"6 * {never_seen}", kernel="ir")})

        # The mirror is gone, and its address does not count.
        assert built_steps(source, tag) == {"Repository files"}
    finally:
        remove_image("docker", tag)


def test_the_address_of_the_mirror_stays_nowhere(tmp_path: Path) -> None:
    files = {**FILES, "postBuild": "#!/bin/sh\nRscript -e 'remotes::install_cran(\"compiled\")'\n"}
    with cran_mirror() as cran, image_of(write(tmp_path / "repo", files), R2I_CRAN=cran) as image:
        address = cran.removeprefix("http://")

        assert image.answer("Rscript -e 'cat(compiled::answer(), polite::ask())'") == "42 hello, 2.0 please"
        assert occurrences(image.tag, address.encode(), tmp_path) == []


def test_rstudio_is_behind_the_token_and_on_no_port(tmp_path: Path) -> None:
    """With a stand-in for its server (`tests/rstudio.py`), and the real proxy, which starts it."""
    repo = write(tmp_path / "repo", {"runtime.txt": "r-4.5-2024-10-31\n"})
    plan = with_stand_in(make_plan(Checkout.open(repo), Options(rstudio=True)))
    with (
        rstudio_mirror() as mirror,
        planned_build(repo, plan, "rstudio", {"R2I_RSTUDIO": mirror}) as made,
        engine_of("docker").start(
            RunRequest(
                image=made.image.tag,
                command=server_command("lab"),
                ports=(Port(container_port=SERVER_PORT),),
                environment={"JUPYTER_TOKEN": "test"},
            )
        ) as container,
    ):
        wait_for_server(container, SERVER_PORT)
        opened = asked(container.id, "curl -sf http://127.0.0.1:8888/rstudio/?token=test")
        without = asked(container.id, "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8888/rstudio/")
        # State `0A` is that of what waits for connections; the socket of the server is the only one.
        listening = asked(container.id, "cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" {print $2}'")

    options = dict(line.partition("=")[::2] for line in opened.splitlines()[1:])
    assert opened.startswith("stand-in for RStudio\n")
    assert options["--www-root-path"] == "/rstudio/"
    assert options["--server-user"] == "jovyan"
    assert "--www-socket" in options
    assert "--www-port" not in options
    assert without in ("302", "403")
    assert {address.rpartition(":")[2] for address in listening.split()} == {f"{SERVER_PORT:04X}"}


def asked(container: str, script: str) -> str:
    done = run(["docker", "exec", container, "sh", "-c", script], timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
