"""What `r2i check` and `r2i init` look at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from r2i.check.git_facts import git_facts
from r2i.check.rules import CODES
from r2i.check.settings import settings_of
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.as_of import asked, dated
from r2i.cli.common import note, options_from
from r2i.model import Source
from r2i.sources.git_program import looking_git


def subject_of(checkout: Checkout, source: Source, chosen: Mapping[str, Any]) -> Subject:
    """With the options of the plan in what click collected, and the settings of the repository."""
    options = dated(options_from(chosen), asked(chosen["as_of"]), checkout=checkout, source=source, note=note)
    return Subject(
        checkout=checkout,
        options=options,
        git=git_facts(checkout, looking_git(os.environ)),
        settings=settings_of(checkout, codes=CODES),
        source=source,
    )
