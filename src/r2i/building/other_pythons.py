"""Other Pythons for `--rescue`, where a build fails for the one that r2i chose."""

from __future__ import annotations

from dataclasses import replace

from r2i.building.settings import BuildSettings
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Change

#: Options that mend what is too old or too new for the Python that is there.
FOR_PYTHON = frozenset({"python", "as-of"})


def with_other_pythons(failure: R2iError, checkout: Checkout, settings: BuildSettings) -> R2iError:
    """The failure, with further changes to try where it may be due to its Python."""
    found = failure.diagnosis
    if not settings.rescue or found is None or not any(c.option in FOR_PYTHON for c in found.changes):
        return failure
    from r2i.planning.compose import python_alternatives

    others = [
        Change(option="python", value=version) for version in python_alternatives(checkout, settings.options)
    ]
    named = [change for change in found.changes if change.option == "python"]
    rest = [change for change in found.changes if change.option != "python"]
    failure.diagnosis = replace(found, changes=tuple(dict.fromkeys((*named, *others, *rest))))
    return failure
