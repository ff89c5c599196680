"""Images of `docker/Dockerfile`, as a platform starts them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from r2i.process import run
from tests.cases import ROOT

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def build_pod_image(target: str, tag: str) -> None:
    """Through the proxy and with the certificates of this machine, if it has any."""
    argv = [
        "docker",
        "buildx",
        "build",
        "--load",
        "--file=docker/Dockerfile",
        f"--target={target}",
        f"--tag={tag}",
    ]
    argv += [f"--build-arg={name}" for name in PROXIES if name in os.environ]
    argv += [f"--secret=id=ca-bundle,src={bundle}"] if (bundle := os.environ.get("SSL_CERT_FILE")) else []
    done = run([*argv, "."], cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr


@contextmanager
def pod_image(target: str) -> Iterator[str]:
    tag = f"r2i-test/pod-{target}-{secrets.token_hex(4)}"
    try:
        build_pod_image(target, tag)
        yield tag
    finally:
        run(["docker", "image", "rm", "--force", tag])


@contextmanager
def named_on_this_machine(image: str, name: str, directory: Path) -> Iterator[None]:
    """The image under the name that a platform starts, with the settings of this machine that its builds need."""
    settings = {key: os.environ[key] for key in (*PROXIES, "PIP_INDEX_URL") if key in os.environ}
    lines = [f"FROM {image}", *(f"ENV {key}={value}" for key, value in settings.items())]
    if bundle := os.environ.get("SSL_CERT_FILE"):
        (directory / "ca.pem").write_bytes(Path(bundle).read_bytes())
        lines += ["COPY ca.pem /etc/ssl/of-the-machine.pem", "ENV SSL_CERT_FILE=/etc/ssl/of-the-machine.pem"]
    (directory / "Dockerfile").write_text("\n".join(lines))
    before = run(["docker", "image", "inspect", "--format={{.Id}}", name])
    done = run(["docker", "build", f"--tag={name}", str(directory)])
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        run(["docker", "image", "rm", "--force", "--no-prune", name])
        if before.returncode == 0:
            run(["docker", "tag", before.stdout.strip(), name])
