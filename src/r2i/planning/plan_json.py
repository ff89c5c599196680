"""The plan as JSON: the golden format of the tests and the interface for other programs (`docs/plan.schema.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from r2i.errors import R2iError
from r2i.model import Plan

if TYPE_CHECKING:
    from r2i.binder.values import Binder, BinderContents, Difference

#: Raised when a field changes its meaning or goes away; new fields do not raise it.
SCHEMA_VERSION = 1


#: The label of an image that has the digest of its plan.
PLAN_LABEL = "io.r2i.plan"


def to_json(plan: Plan) -> str:
    """Two-space indented JSON with a line end; the same plan gives the same bytes."""
    return json.dumps({"schema": SCHEMA_VERSION, **_plain(plan)}, indent=2, ensure_ascii=False) + "\n"


def to_json_beside_binder(
    plan: Plan | None,
    failure: R2iError | None,
    binder: Binder,
    contents: BinderContents,
    differences: Sequence[Difference],
) -> str:
    """The plan as `plan` (`docs/plan-binder.schema.json`), null where there is none; `error` then says why."""
    error = None
    if failure is not None:
        error = {name: getattr(failure, name) for name in ("exit_code", "message", "hint", "file", "line")}
    document = {
        "schema": SCHEMA_VERSION,
        "plan": {"schema": SCHEMA_VERSION, **_plain(plan)} if plan is not None else None,
        "error": _plain(error),
        "binder": {**_plain(binder), "contents": _plain(contents)},
        "differences": _plain(tuple(differences)),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def digest(plan: Plan) -> str:
    """`sha256:…` of the plan's JSON, without what is only said of it: that changes no image."""
    made = replace(plan, notices=(), ignored=())
    return f"sha256:{sha256(to_json(made).encode()).hexdigest()}"


def secret_digest(value: str) -> str:
    """Enough of a digest to see that a value has changed, and too little to find it by."""
    return f"sha256:{sha256(value.encode()).hexdigest()[:8]}…"


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        # A file name need not be text: what UTF-8 cannot encode is written as `\udc..`.
        return value.encode(errors="backslashreplace").decode()
    return value
