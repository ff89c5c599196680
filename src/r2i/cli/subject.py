"""What `r2i check` and `r2i init` look at."""

from __future__ import annotations

import os

from r2i.check.git_facts import git_facts
from r2i.check.rules import CODES
from r2i.check.settings import settings_of
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.common import PlanChoices
from r2i.model import Source
from r2i.sources.git_program import looking_git


def subject_of(checkout: Checkout, source: Source, plan: PlanChoices) -> Subject:
    """With the options of the plan, and the settings of the repository."""
    return Subject(
        checkout=checkout,
        options=plan.options_for(checkout, source),
        git=git_facts(checkout, looking_git(os.environ, checkout.root)),
        settings=settings_of(checkout, codes=CODES),
        source=source,
    )
