"""`nix_environment.py`: what is kept of the variables that Nix gives."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import nix_environment
from r2i.process import run

BEFORE = {
    "HOME": "/home/jovyan",
    "PATH": "/srv/env/bin:/usr/bin",
    "SSL_CERT_FILE": "/run/secrets/ca",
    "NIX_BUILD_SHELL": "/tmp/scratch/bash",
}


def test_only_what_nix_adds_is_kept() -> None:
    found = {
        **BEFORE,
        "PATH": "/tmp/scratch:/nix/store/a/bin:/nix/store/b/bin:/srv/env/bin:/usr/bin",
        "GREETING": "two\nlines",
        "TMPDIR": "/tmp/nix-shell.1",
        "NIX_SSL_CERT_FILE": "/no-cert-file.crt",
        "R2I_SHELL_HOOK": "export A=1",
        "shellHook": ":",
        "BASH_FUNC_x%%": "() { :; }",
    }

    assert nix_environment.of_shell(found, BEFORE) == {
        "GREETING": "two\nlines",
        "PATH": "/nix/store/a/bin:/nix/store/b/bin",
        "shellHook": "export A=1",
    }


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (
            "/tmp/scratch::/nix/store/a/bin:/nix/store/a/bin",
            "/nix/store/a/bin",
        ),  # without the setup of nixpkgs
        ("/srv/env/bin:/usr/bin", ""),
        ("", ""),
    ],
)
def test_the_path_is_that_of_nix_alone(path: str, kept: str) -> None:
    assert nix_environment.of_shell({"PATH": path}, BEFORE)["PATH"] == kept


def test_bash_reads_back_what_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nix_environment, "HOME", tmp_path)
    variables = {"PATH": "/nix/store/a b/bin", "TEXT": 'it\'s "$HOME"\n`x`'}
    script = nix_environment.script(variables, ["/nix/store/c/share/jupyter"], own_server=False)
    ask = f'{script}\nprintf "%s|%s|%s" "$TEXT" "$PATH" "$JUPYTER_PATH"'
    done = run(["/bin/bash", "-c", ask], env={"PATH": "/usr/bin", "HOME": "/h", "JUPYTER_PATH": "/before"})

    assert done.stdout == "|".join(
        [
            variables["TEXT"],
            f"/nix/store/a b/bin:{tmp_path}/bin:/usr/bin:/h/.nix-profile/bin",
            f"{tmp_path}/share/jupyter:/nix/store/c/share/jupyter:/before",
        ]
    )


def test_the_settings_of_another_server_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nix_environment, "HOME", tmp_path)
    script = nix_environment.script({"PATH": "", "JUPYTER_PATH": "/nix/store/x"}, [], own_server=True)

    assert (
        f"export JUPYTER_PATH={shlex.quote(f'/nix/store/x:{tmp_path}/share/jupyter')}" in script.splitlines()
    )
    assert "unset JUPYTER_CONFIG_PATH" in script.splitlines()
