"""What a container is started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from r2i.cli.run import host_settings
from r2i.engines.protocol import RunRequest


def test_the_command_sources_the_settings_of_the_host_and_they_hold_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine pypi.example.org login ada password netrc-s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:s3cret@pypi.example.org/simple")
    with host_settings(None, given=()) as settings:
        request = settings(RunRequest(image="an-image", command=("jupyter", "lab")))
        (mount,) = request.mounts
        script = mount.source.read_text()

    assert "PIP_INDEX_URL=https://pypi.example.org/simple" in script
    assert "s3cret" not in script
    assert mount.read_only
    assert request.command[-2:] == ("jupyter", "lab")
    assert not mount.source.parent.exists()
