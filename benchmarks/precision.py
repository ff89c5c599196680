"""How many findings of `r2i check` on real repositories are true, by judgements that are kept.

    python benchmarks/precision.py FOLDER [--judgements FILE] [--sample N]

Each directory in FOLDER is a repository; nothing of it is run. The errors and warnings of `r2i check` (without D101) are counted by
rule. A judgement says of one of them whether it is `true` (something breaks), `harmless` (right, but nothing breaks) or `false`. FILE is a table
of them (tab-separated: verdict, repository, code, file, message, why), which people write and which is never changed here: findings without one are
printed in the same form, `N` of them chosen at random but the same each time, so that they can be judged and appended. Judgements of what is no
longer found are counted apart: a `false` among them is a mended fault, a `true` one is lost.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from r2i.process import run

R2I = str(Path(sys.executable).with_name("r2i"))
VERDICTS = ("true", "harmless", "false")


class Found(NamedTuple):
    """A finding, without its line: that changes with every edit above it."""

    repository: str
    code: str
    file: str
    message: str


def found_in(repository: Path) -> Iterator[Found]:
    done = run([R2I, "check", str(repository), "--format", "json"], timeout=120)
    if done.returncode not in (0, 8):
        sys.exit(f"{repository}: r2i exits with {done.returncode}: {done.stderr}")
    for one in json.loads(done.stdout)["findings"]:
        if one["severity"] != "info" and one["code"] != "D101":
            yield Found(repository.name, one["code"], one["file"] or "", one["message"])


def read_judgements(file: Path) -> dict[Found, str]:
    judged: dict[Found, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        verdict, *fields = line.split("\t")
        if verdict not in VERDICTS or len(fields) < len(Found._fields):
            sys.exit(
                f"{file}:{number}: write {', '.join(VERDICTS)} and {', '.join(Found._fields)}, between tabs"
            )
        judged[Found(*fields[: len(Found._fields)])] = verdict
    return judged


def table(found: Iterable[Found], judged: Mapping[Found, str]) -> Iterator[str]:
    """A line for each rule, and one for all: how many there are, how many of each verdict, and the share of true ones."""
    counts: dict[str, Counter[str]] = {}
    for one in found:
        for row in (one.code, "all"):
            counts.setdefault(row, Counter()).update(["found", judged.get(one, "not judged")])
    yield f"{'rule':6}{'found':>8}" + "".join(
        f"{name:>12}" for name in (*VERDICTS, "not judged", "share true")
    )
    for row in sorted(counts, key=lambda name: (name == "all", name)):
        of = counts[row]
        seen = sum(of[verdict] for verdict in VERDICTS)
        share = f"{of['true'] / seen:.0%}" if seen else "-"
        yield (
            f"{row:6}{of['found']:8}"
            + "".join(f"{of[name]:12}" for name in (*VERDICTS, "not judged"))
            + f"{share:>12}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--judgements", type=Path, metavar="FILE")
    parser.add_argument("--sample", type=int, default=20, metavar="N", help="how many to judge [default: 20]")
    given = parser.parse_args()
    judged = read_judgements(given.judgements) if given.judgements else {}
    repositories = sorted(path for path in given.folder.iterdir() if path.is_dir())
    found = list(dict.fromkeys(one for repository in repositories for one in found_in(repository)))
    print(f"{len(repositories)} repositories, {len(found)} errors and warnings")
    print(*table(found, judged), sep="\n")
    names = {repository.name for repository in repositories}
    gone = Counter(verdict for one, verdict in judged.items() if one not in found and one.repository in names)
    print("No longer found: " + ", ".join(f"{gone[verdict]} {verdict}" for verdict in VERDICTS))
    open_ones = [one for one in found if one not in judged]
    chosen = random.Random(0).sample(open_ones, min(given.sample, len(open_ones)))
    if chosen:
        print("\nNot judged:")
    for one in sorted(chosen):
        print("?", *one, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
