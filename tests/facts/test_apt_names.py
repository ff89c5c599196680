"""What `make names` would say of a release."""

from __future__ import annotations

import pytest
from tools.check_apt_names import Index, complaints

#: As the table has it in trixie: renamed, and to what; gone; one of a family.
RENAMED, NEW, GONE = "libgl1-mesa-glx", "libgl1", "wkhtmltopdf"


def said(*packages: str, provided: tuple[str, ...] = ()) -> list[str]:
    return [*complaints("trixie", Index(packages={*packages}, provided={*provided}))]


@pytest.mark.parametrize(
    ("packages", "complaint"),
    [
        ((), f"`{RENAMED}` is said to be `{NEW}`, which is no package"),
        ((NEW, RENAMED), f"`{RENAMED}` is said to be `{NEW}`, but is a package"),
        ((GONE,), f"`{GONE}` is a package"),
        (("libicu77",), r"`libicu(?P<version>[0-9]+)` has 77, not 76"),
    ],
)
def test_what_is_not_true_any_more_is_said(packages: tuple[str, ...], complaint: str) -> None:
    assert complaint in said(*packages)


def test_what_is_true_is_not() -> None:
    found = " ".join(said("libicu76t64", provided=(NEW,)))

    assert not any(f"`{word}`" in found for word in (RENAMED, GONE, "libicu(?P<version>[0-9]+)"))
