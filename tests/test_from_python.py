"""The example of `docs/from-python.md` is run as it stands."""

from __future__ import annotations

import re
import sys

import pytest

from r2i.building import build
from r2i.building.settings import BuildSettings
from r2i.errors import UsageError
from r2i.process import run
from tests.building import Built
from tests.cases import ROOT
from tests.real_engines import engine_of, remove_image


@pytest.mark.engine
def test_the_example_builds_and_finds_again() -> None:
    engine_of("docker")
    text = (ROOT / "docs" / "from-python.md").read_text(encoding="utf-8")
    [example] = re.findall(r"<!-- run by a test -->\n```python\n(.*?)```", text, re.DOTALL)
    try:
        first, second = (run([sys.executable, "-c", example], cwd=ROOT, timeout=600) for _ in range(2))
        listed = Built(tag="my-paper", log="").answer("tree --version")
    finally:
        remove_image("docker", "my-paper")

    assert first.returncode == 0, first.stdout + first.stderr
    assert re.fullmatch(r"Built: my-paper sha256:[0-9a-f]{64}\n", first.stdout)
    assert second.stdout == f"Already built: my-paper\n{first.stdout}"
    assert first.stderr == ""
    assert "tree v" in listed


def test_a_misspelt_engine_is_an_error_of_ours() -> None:
    settings = BuildSettings(engine="podmann")  # type: ignore[arg-type]  # as who runs no type checker writes it
    with pytest.raises(UsageError, match="`podmann` is not a container engine") as caught:
        build("examples/quickstart", settings, environ={}, directory=ROOT)

    assert caught.value.hint == "Use `auto`, `docker`, `podman`"
