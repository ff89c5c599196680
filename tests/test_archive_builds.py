"""An image of an archive, built with the real command line from a server that breaks the connection in the middle."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import pytest

from r2i.process import Completed, run
from tests.building import R2I, notebook
from tests.real_engines import remove_image
from tests.sources.packing import tar_entry, tarred
from tests.sources.web_servers import Answer, Asked, Handler, file_answer, one_after_another, web_servers

FILES = {
    "waves-1.0/index.ipynb": notebook("print(6 * 7)").encode(),
    "waves-1.0/data.csv": os.urandom(100_000).hex().encode(),
}


def serving(content: bytes) -> Handler:
    """A server that knows what is kept, and breaks off the first time."""

    def whole(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"v1"':
            return Answer(status=304, headers={"ETag": '"v1"'})
        return file_answer(asked, content)

    return one_after_another(lambda asked: file_answer(asked, content, cut=len(content) // 2), whole)


@pytest.mark.engine
def test_an_archive_becomes_an_image_that_is_found_again(tmp_path: Path) -> None:
    link = tar_entry("waves-1.0/passwords", kind=b"2", target="/etc/passwd")
    archive = tarred(tmp_path / "waves-1.0.tar.gz", [*FILES.items(), link])
    label = f"test={secrets.token_hex(4)}"

    def built(address: str) -> Completed:
        # A proxy of this machine is for its build steps, and not for what is on this machine.
        environ = {
            **os.environ,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "NO_COLOR": "1",
        }
        argv = [R2I, "build", address, "--engine", "docker", "--progress", "plain", "--label", label]
        return run(argv, env=environ, timeout=850)

    with web_servers({"127.0.0.1": serving(archive.read_bytes())}, tmp_path) as web:
        address = f"{web.url}/download/waves-1.0.tar.gz?signature=s1gned"
        first = built(address)
        assert first.returncode == 0, first.stderr
        tag = first.stdout.strip()
        try:
            again = built(address)
            shown = run(["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", tag])
            inside = run(["docker", "run", "--rm", tag, "sh", "-c", "cat data.csv; ls -A"], timeout=300)
        finally:
            remove_image("docker", tag)
    labels = json.loads(shown.stdout)

    assert [asked.headers.get("range") for asked in web.asked] == [
        None,
        f"bytes={len(archive.read_bytes()) // 2}-",
        None,
    ]
    assert (
        "Warning: r2i leaves out links that lead out of `waves-1.0.tar.gz`, and devices: `waves-1.0/passwords`"
        in first.stderr
    )
    assert "The connection to `127.0.0.1` broke" in first.stderr
    assert again.stdout == first.stdout
    assert "is up to date" in again.stderr
    assert inside.stdout.startswith(FILES["waves-1.0/data.csv"].decode())
    assert "passwords" not in inside.stdout
    assert labels["org.opencontainers.image.source"] == f"{web.url}/download/waves-1.0.tar.gz"
    assert len(labels["org.opencontainers.image.revision"]) == 64
    assert "s1gned" not in f"{first.stdout}{first.stderr}{shown.stdout}"
