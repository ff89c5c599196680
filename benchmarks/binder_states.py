"""Small repositories at random: combinations of the files by which repo2docker chooses a buildpack, a Python and its errors."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

#: Makes a directory of that name instead of a file, and a link that leads nowhere.
DIRECTORY, BROKEN = "<directory>", "<broken link>"

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CONTENTS: dict[str, list[str]] = TEXTS["contents"]
CONTENTS |= {
    "JuliaProject.toml": CONTENTS["Project.toml"],
    "environment.yaml": CONTENTS["environment.yml"],
    "requirements3.txt": CONTENTS["requirements.txt"],
}

#: What is no UTF-8 text, or only where nobody needs to look.
BYTES = [
    b"\xff\xfex\x00\n\x00",
    b"caf\xe9\n",
    b"\x00\x01\x02",
    "numpy\npandas\n".encode("utf-16"),
    b"FROM x\n" + b"#" * 9000 + b"\n\xe9\n",
    b"FROM x\n\xe9\n",
    b"#" * 9000 + b"\xe9\nFROM x\n",
]
#: Files that are alone in a state, or with few others, so that what they say counts.
LIKELY = (
    "runtime.txt",
    "environment.yml",
    "Pipfile",
    "Pipfile.lock",
    "pyproject.toml",
    "Project.toml",
    "requirements.txt",
    "apt.txt",
    "DESCRIPTION",
)


def environment_text(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(CONTENTS["environment.yml"])
    entries = [f"- {chance.choice([*TEXTS['specs'], *TEXTS['others']])}" for _ in range(chance.randint(0, 3))]
    entries += [chance.choice(TEXTS["pips"])] if chance.random() < 0.4 else []
    chance.shuffle(entries)
    quoted = chance.choice(["", "", "name: x\nchannels: [conda-forge]\n"])
    return quoted + "dependencies:\n" + "".join(f"{entry}\n" for entry in entries)


def content(name: str, chance: random.Random) -> str | bytes:
    odd = chance.random()
    if odd < 0.02:
        return DIRECTORY
    if odd < 0.03:
        return BROKEN
    if odd < 0.05:
        return chance.choice(BYTES)
    text = environment_text(chance) if name.startswith("environment.") else chance.choice(CONTENTS[name])
    return (
        text.replace("{v}", chance.choice(TEXTS["versions"]))
        .replace("{j}", chance.choice(TEXTS["compats"]))
        .replace("{s}", chance.choice(TEXTS["specifiers"]))
    )


def state(chance: random.Random) -> dict[str, str | bytes]:
    directories = chance.choice(
        [[""]] * 6 + [["binder"]] * 2 + [[".binder"], ["", "binder"], ["", ".binder"], ["binder", ".binder"]]
    )
    files: dict[str, str | bytes] = {}
    for directory in directories:
        names = chance.sample([*LIKELY, *CONTENTS], k=chance.choice([1, 1, 2, 2, 3, 4]))
        for name in names:
            files[f"{directory}/{name}" if directory else name] = content(name, chance)
        if directory and chance.random() < 0.05:
            files[directory] = chance.choice([DIRECTORY, BROKEN, "a file\n"])
    for directory in ("binder", ".binder"):
        if directory in files and files[directory] != DIRECTORY:
            files = {path: text for path, text in files.items() if not path.startswith(f"{directory}/")}
    return files


def written(files: dict[str, str | bytes], target: Path) -> None:
    for path, data in files.items():
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if data == DIRECTORY:
            file.mkdir(exist_ok=True)
        elif data == BROKEN:
            file.symlink_to("nowhere")
        else:
            file.write_bytes(data if isinstance(data, bytes) else data.encode())


def states(number: int, seed: int) -> Iterator[dict[str, str | bytes]]:
    chance = random.Random(seed)
    for _ in range(number):
        yield state(chance)
