"""Repositories of Mercurial, and the server that comes with it, on the loopback address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HG = str(Path(sys.executable).with_name("hg"))
AUTHOR = {"HGRCPATH": "", "HGPLAIN": "1", "HGUSER": "Ada <ada@example.org>"}


def hg(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [HG, *arguments], check=False, cwd=cwd, env=os.environ | AUTHOR, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(work: Path, message: str, day: int, **files: str) -> str:
    for name, text in files.items():
        path = work / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    hg("commit", "--addremove", "-q", "-m", message, "-d", f"2021-05-{day:02} 12:00 +0000", cwd=work)
    return hg("identify", "--debug", "-i", cwd=work)


@contextmanager
def serving(work: Path) -> Iterator[str]:
    """`hg serve`, the server that comes with it."""
    words = ["serve", "-a", "127.0.0.1", "-p", "0", "--print-url", "--prefix", "project"]
    with subprocess.Popen(
        [HG, *words],
        cwd=work,
        env=os.environ | AUTHOR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            found = re.search(r":(\d+)/", server.stdout.readline())
            assert found is not None
            yield f"hg+http://127.0.0.1:{found[1]}/project"
        finally:
            server.terminate()
