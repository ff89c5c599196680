"""What BuildKit may fetch for a build, as a policy that it keeps itself, whatever its frontend and the base images ask for.

https://github.com/moby/buildkit/blob/master/docs/build-repro.md (source policies)
"""

from __future__ import annotations

import json

from r2i.engines.naming import registry_and_path
from r2i.engines.protocol import Sources

#: buildx reads the policy from the file that this variable names.
VARIABLE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"

#: Docker's frontends, and the image with which the first of them copied files.
FRONTENDS = ("dockerfile", "dockerfile-upstream", "dockerfile-copy")


def source_policy(sources: Sources) -> str:
    """The last rule that fits counts. An image is asked for by its name, and then by its name with a digest."""
    allowed = ["local://*"]
    for name in FRONTENDS:
        allowed += [f"docker-image://docker.io/docker/{name}{end}" for end in (":*", "@*")]
    for image in sorted(sources.images):
        allowed += [f"docker-image://{full_name(image)}{end}" for end in ("", "@*")]
    allowed += [f"https://{host}/*" for host in sorted(sources.hosts)]
    rules = [_rule("DENY", "*"), *(_rule("ALLOW", pattern) for pattern in allowed)]
    return json.dumps({"rules": rules})


def full_name(image: str) -> str:
    """An image's name as BuildKit completes it: with the registry, and a tag where there is no digest."""
    name, at, digest = image.partition("@")
    host, path = registry_and_path(name)
    if host in {"", "docker.io", "index.docker.io"}:
        host, path = "docker.io", path if "/" in path else f"library/{path}"
    tagged = at or ":" in path.rpartition("/")[2]
    return f"{host}/{path}{'' if tagged else ':latest'}{at}{digest}"


def _rule(action: str, pattern: str) -> dict[str, object]:
    return {"action": action, "selector": {"identifier": pattern, "match_type": "WILDCARD"}}
