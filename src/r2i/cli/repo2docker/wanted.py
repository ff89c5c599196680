"""What somebody asks of `repo2docker`, whichever way: options, traits, or a file of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to do, in the words of repo2docker. `user_id` and `user_name` are None where nobody names them.

    `registry` has the keys `registry`, `username` and `password`. `warnings` are about what has no effect.
    """

    repo: str
    command: tuple[str, ...] = ()
    ref: str | None = None
    subdir: str = ""
    image_name: str = ""
    json_logs: bool = False
    debug: bool = False
    build: bool = True
    run: bool = True
    push: bool = False
    engine: str = ""
    base_image: str | None = None
    platform: str = ""
    must_declare: bool = False
    user_id: int | None = None
    user_name: str | None = None
    repo_dir: str | None = None
    appendix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    cache_from: tuple[str, ...] = ()
    engine_arguments: tuple[str, ...] = ()
    registry: Mapping[str, str] = field(default_factory=dict)
    swh_token: str = ""
    ports: tuple[str, ...] = ()
    publish_all: bool = False
    volumes: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    editable: bool = False
    warnings: tuple[str, ...] = ()


#: The values of fields of `Wanted`, as far as somebody gave any.
Given = dict[str, Any]
