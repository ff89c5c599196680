"""A look into an image: which versions it has of what, and which modules cannot be imported there."""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from r2i.engines.protocol import Engine, File, RunRequest
from r2i.errors import NotReadyError
from r2i.formats.requirements.specifiers import normalised

#: Where the task lies in the container.
TASK, SCRIPT, PREPARE = "/.r2i-task", "/.r2i-look.py", "/.r2i-prepare"

#: How long `postBuild` and all imports may take together, in seconds.
TIMEOUT = 3600.0

#: What an image says of more modules than anybody imports is not kept.
MOST_MODULES = 10_000

#: Manifests of hundreds of packages are shorter, in characters.
LONGEST_FILE = 500_000

#: For any Python that a repository may ask for, also 2.7. Versions come first: an import may end the process.
LOOK = """\
import io, json, sys

task = json.load(open("/.r2i-task"))
mark = task["mark"]
try:
    from importlib.metadata import distributions
    found = {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}
except ImportError:
    import pkg_resources
    found = {each.project_name: each.version for each in pkg_resources.working_set}
print("\\n" + mark + json.dumps({"versions": found}))
sys.stdout.flush()

for path in task["files"]:
    try:
        with io.open(path, encoding="utf-8") as stream:
            text = stream.read(task["longest"])
        print("\\n" + mark + json.dumps({"file": path, "text": text}))
    except (IOError, ValueError):
        pass
sys.stdout.flush()

def fails(module):
    try:
        __import__(module)
        return ""
    except ImportError as error:
        parent, _, name = module.rpartition(".")
        if parent:
            # What is imported from a module need not be one.
            __import__(parent)
            if hasattr(sys.modules[parent], name):
                return ""
        return "%s: %s" % (type(error).__name__, error)

for module in task["modules"]:
    print("\\n" + mark + json.dumps({"trying": module}))
    sys.stdout.flush()
    try:
        said = fails(module)
    except BaseException as error:
        said = "%s: %s" % (type(error).__name__, error)
    print("\\n" + mark + json.dumps({"tried": module, "said": said[:2000]}))
    sys.stdout.flush()
"""


@dataclass(frozen=True, kw_only=True)
class Look:
    """`versions` are of normalised names, `failed` says why a module cannot be imported, `files` are texts by path in the image."""

    versions: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def look_into(
    engine: Engine,
    image: str,
    modules: Iterable[str],
    *,
    prepare: str = "",
    files: Iterable[str] = (),
    with_settings: Callable[[RunRequest], RunRequest],
) -> Look:
    """Start a container of the image, and try to import there; `prepare` is a shell script that runs before.

    `files` are paths of files to read, as far as they are there.
    """
    mark = secrets.token_hex(8)
    paths = [*files]
    task = json.dumps({"mark": mark, "modules": [*modules], "files": paths, "longest": LONGEST_FILE})
    texts = {TASK: task, SCRIPT: LOOK, PREPARE: prepare}
    request = RunRequest(
        image=image,
        command=("sh", "-c", f"sh -e {PREPARE} && exec /srv/env/bin/python {SCRIPT}"),
        files=tuple(File(path=path, text=text) for path, text in texts.items()),
    )
    last: deque[str] = deque(maxlen=20)
    with engine.start(with_settings(request)) as container:
        clock = threading.Timer(TIMEOUT, container.stop)
        clock.start()
        try:
            seen = read_look(_passed_on(container.logs(), last), mark, files=paths)
            status = container.wait()
        finally:
            clock.cancel()
    if not seen.versions:
        raise NotReadyError(
            f"Python in the image exited with status {status}",
            hint="See its last lines above",
            log=tuple(last),
        )
    return seen


def _passed_on(lines: Iterable[str], last: deque[str]) -> Iterator[str]:
    """All of them one by one: `postBuild` may print without end."""
    for line in lines:
        last.append(line)
        yield line


def read_look(lines: Iterable[str], mark: str, *, files: Container[str] = ()) -> Look:
    """What the script said among whatever else was printed; a module that ended the process has failed, too."""
    versions: dict[str, str] = {}
    failed: dict[str, str] = {}
    texts: dict[str, str] = {}
    for line in lines:
        said = _message(line, mark)
        match said:
            case {"versions": dict(found)}:
                versions = {
                    normalised(str(name)): str(one) for name, one in found.items() if _is_version(one)
                }
            case {"file": str(path), "text": str(text)} if path in files and len(text) < LONGEST_FILE:
                texts[path] = text
            case {"trying": str(module)} if len(failed) < MOST_MODULES:
                failed[module] = "Python exited during the import"
            case {"tried": str(module), "said": ""}:
                failed.pop(module, None)
            case {"tried": str(module), "said": str(words)} if module in failed:
                failed[module] = words
            case _:
                pass
    return Look(versions=versions, failed=failed, files=texts)


def _message(line: str, mark: str) -> object:
    """Whatever runs there may write anything, also after the mark."""
    if not line.startswith(mark):
        return None
    try:
        return json.loads(line.removeprefix(mark))
    except (ValueError, RecursionError):
        return None


def _is_version(text: object) -> bool:
    try:
        Version(str(text))
    except InvalidVersion:
        return False
    return True
