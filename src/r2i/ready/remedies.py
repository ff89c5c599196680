"""What mends an import that failed in the image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from r2i.diagnosis import diagnose
from r2i.model import Evidence
from r2i.ready.needs import Needs, distribution_of

MISSING = re.compile(r"No module named '?(?P<module>[\w.]+)'?")


def remedied(needs: Needs, failed: Mapping[str, str]) -> Needs:
    """The needs, with the distributions and Debian packages for which imports called."""
    requirements, apt = {**needs.requirements}, {**needs.apt}
    for module, said in failed.items():
        why = Evidence(
            why=f"`{module}` calls for it",
            file=needs.imports[module].file,
            line=needs.imports[module].line,
        )
        missing = MISSING.search(said)
        if missing and (name := distribution_of(missing["module"])):
            requirements.setdefault(name, why)
        found = diagnose([said], pythons=())
        for change in found.changes if found else ():
            if change.option == "apt":
                # The names of Debian 13; those without the suffix are taken there, too, and on Ubuntu 22.04.
                apt |= {package.removesuffix("t64"): why for package in change.value.split()}
    return replace(needs, requirements=requirements, apt=apt)
