"""The Python that an environment asks for or allows, as the rest of r2i says it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from r2i.formats.conda.environment_yml import Dependency
from r2i.model import PythonConstraint, VersionRequest

EXACT = re.compile(r"(?:==)?(\d+\.\d+(?:\.\d+)?)(?:\.\*)?", re.ASCII)
#: Conda's own packages are bounded by the first pre-release (`<3.11.0a0`), which PEP 440 orders as conda does.
CLAUSE = re.compile(
    r"(?:(?:<=|>=|<|>)\d+(?:\.\d+)*(?:\.?(?:a|b|rc|dev)\d*)?|(?:==|!=|~=)\d+(?:\.\d+)*|(?:!=|==)?\d+(?:\.\d+)*\.\*)",
    re.ASCII,
)


def python_of(
    dependencies: Iterable[Dependency],
) -> tuple[VersionRequest | None, tuple[PythonConstraint, ...]]:
    """A version where one is named, else what is allowed; alternatives (`3.8|3.9`) are left to the solver."""
    request, constraints = None, []
    for dependency in dependencies:
        version, line = dependency.spec.version, dependency.line
        if dependency.spec.name != "python" or not version:
            continue
        if exact := EXACT.fullmatch(version):
            why = f"requires Python {exact[1]}"
            request = request or VersionRequest(version=exact[1], evidence=line.evidence(why))
        elif all(CLAUSE.fullmatch(clause) for clause in version.split(",")):
            specifier = ",".join(
                f"=={clause}" if clause[0].isdigit() else clause for clause in version.split(",")
            )
            why = f"allows Python {specifier}"
            constraints.append(PythonConstraint(specifier=specifier, evidence=line.evidence(why)))
    return request, tuple(constraints)
