"""What `r2i check` and `r2i init` look at."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from r2i.check.git_facts import git_facts
from r2i.check.rules import CODES
from r2i.check.settings import settings_of
from r2i.check.subject import Subject
from r2i.checkout import Checkout
from r2i.cli.common import PlanChoices, show_warnings
from r2i.model import Notice, Source
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


def with_answers(subject: Subject, *, ca_bundle: Path | None) -> Subject:
    """With what package indexes say of what r2i does not know; one notice where they do not answer.

    Raises `UsageError` where the CA bundle cannot be read.
    """
    from r2i.check.answer_cache import AnswerCache
    from r2i.check.online import ask
    from r2i.host.directories import cache_directory
    from r2i.host.indexes import indexes

    cache = AnswerCache(cache_directory("indexes"))
    online = ask(subject, indexes(os.environ, ca_bundle=ca_bundle, home=Path.home()), cache)
    if online.failure:
        show_warnings(
            [Notice(level="warning", message=f"`--online`: {online.failure}; the check goes on without")]
        )
    return replace(subject, online=online)
