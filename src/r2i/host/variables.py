"""The variables with which a machine's settings are said to build steps."""

from __future__ import annotations

import re

from r2i.host.condarc import CUSTOM_CHANNELS, DEFAULT_CHANNELS

#: Variables with addresses, separated by white space or (see `SEPARATORS`) commas.
ADDRESSES = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_PYPY_INSTALL_MIRROR",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
    "CONDA_CHANNEL_ALIAS",
    DEFAULT_CHANNELS,
    CUSTOM_CHANNELS,
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "JULIA_PKG_SERVER",
    "JULIAUP_SERVER",
    "R2I_CRAN",
    "R2I_RSTUDIO",
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

#: What every engine knows without an `ARG`, and leaves out of the image's history and the keys of its cache.
PREDEFINED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
PLAIN = (
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_TIMEOUT",
    "PIP_RETRIES",
    "UV_INDEX_STRATEGY",
    "UV_INSECURE_HOST",
    "UV_HTTP_TIMEOUT",
    "UV_REQUEST_TIMEOUT",
    "UV_HTTP_RETRIES",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "CONDA_REMOTE_CONNECT_TIMEOUT_SECS",
    "CONDA_REMOTE_READ_TIMEOUT_SECS",
)

#: A channel by its name alone.
CHANNEL = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*")

#: How channels of conda have a token in their address.
TOKEN = re.compile(r"/t/([^/\s]+)/")
INDEX_CREDENTIALS = re.compile(r"UV_INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD)")
SEPARATORS = {"UV_FIND_LINKS": ","}

#: Addresses beside the main one: to lose them surprises nobody who named a directory of this machine.
ADDITIONAL = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")

#: Client certificates are files with private keys: they stay on the host.
CLIENT_CERTIFICATES = ("PIP_CLIENT_CERT", "SSL_CLIENT_CERT")

#: Shorter ones would blot out innocent words of a log.
MIN_CREDENTIAL = 6
