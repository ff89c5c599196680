"""Compile the modules of an environment to bytecode, and keep it for the next environment that has the same modules.

Called with the directory that keeps the bytecode, a pattern of paths that stay as they are, and directories. The fetcher runs it on the interpreter
below the environment, with `-I -S`: to compile a module runs nothing of it, and nothing that is installed is imported. Bytecode is kept under a digest
of the module's text, its path and the interpreter, so a package can only leave behind what its own text compiles to.

Runs on the Python of the environment, 3.8 or newer, and imports nothing that lies beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import re
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Iterator, Sequence, Tuple

#: What distinguishes this interpreter from all whose bytecode differs.
INTERPRETER = f"{sys.implementation.cache_tag}\n{sys.version}\n".encode()

#: Bytes of a digest, which precede the bytecode: what a crash of the machine cut off is compiled again.
DIGEST = hashlib.sha256().digest_size

#: Where the text of a module is, and where its bytecode is kept.
Module = Tuple[str, str]

#: Of so many modules each process compiles a part at once.
PART = 16


def main(arguments: Sequence[str]) -> None:
    kept, without, *directories = arguments
    warnings.simplefilter("ignore")
    missing = [
        (path, place)
        for directory in directories
        for path in modules(directory, without)
        for place in [place_of(path, Path(path).read_bytes(), kept)]
        if not restored(path, place)
    ]
    if missing:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compiled, missing, chunksize=PART))


def modules(directory: str, without: str) -> Iterator[str]:
    pattern = re.compile(without)
    for top, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(top, name)  # noqa: PTH118 - of thousands
            if name.endswith(".py") and not pattern.search(path) and not os.path.islink(path):  # noqa: PTH114
                yield path


def place_of(path: str, text: bytes, kept: str) -> str:
    key = hashlib.sha256(INTERPRETER + path.encode(errors="surrogateescape") + b"\0" + text).hexdigest()
    return f"{kept}/{key[:2]}/{key[2:]}"


def restored(path: str, place: str) -> bool:
    """Whether the bytecode of the module was kept and is in its place now."""
    try:
        found = Path(place).read_bytes()
    except FileNotFoundError:
        return False
    digest, code = found[:DIGEST], found[DIGEST:]
    if hashlib.sha256(code).digest() != digest:
        return False
    put(path, code)
    return True


def compiled(module: Module) -> None:
    """Files that are not for this Python stay as they are."""
    path, place = module
    try:
        code = marshal.dumps(compile(Path(path).read_bytes(), path, "exec", dont_inherit=True))
    except (MemoryError, OverflowError, RecursionError, SyntaxError, ValueError):
        return
    put(path, code)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    new = Path(f"{place}.{os.getpid()}")
    new.write_bytes(hashlib.sha256(code).digest() + code)
    new.replace(place)


def put(path: str, code: bytes) -> None:
    """Python uses the bytecode while time and size of the text are those in its head (PEP 552)."""
    text, target = os.stat(path), Path(importlib.util.cache_from_source(path))  # noqa: PTH116
    head = b"".join(
        number.to_bytes(4, "little")
        for number in (0, int(text.st_mtime) & 0xFFFFFFFF, text.st_size & 0xFFFFFFFF)
    )
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(importlib.util.MAGIC_NUMBER + head + code)


if __name__ == "__main__":
    main(sys.argv[1:])
