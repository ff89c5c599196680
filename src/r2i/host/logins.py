"""The variables in which a platform gives us logins: r2i reads them, and no program that it starts needs them."""

from __future__ import annotations

#: The login of the repository's server, as `git credential` writes it.
GIT_LOGIN = "GIT_CREDENTIAL_ENV"

#: The login of a registry, as JSON; the name is that of repo2docker, whose platforms set it.
REGISTRY_LOGIN = "CONTAINER_ENGINE_REGISTRY_CREDENTIALS"

WITHHELD = frozenset({GIT_LOGIN, REGISTRY_LOGIN})
