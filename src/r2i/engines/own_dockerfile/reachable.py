"""Which images and addresses an own Dockerfile may have the engine fetch: none of this machine or its network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeVar

from r2i.engines.naming import REFERENCE, registry_and_path
from r2i.engines.own_dockerfile.refusals import RefusedError
from r2i.engines.own_dockerfile.variables import expanded, plainly
from r2i.engines.protocol import StageBase
from r2i.model import Image

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}\Z")

#: What would make Podman read a file here, or its store: `FROM tarball:backup.tar.gz`.
TRANSPORTS = frozenset(
    [
        *("atomic", "containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive"),
        *("ostree", "sif", "tarball"),
    ]
)

#: How addresses begin that the engine fetches.
SCHEMES = ("http://", "https://", "git://", "ssh://", "git@")

#: Registries whose addresses need not be looked up.
REGISTRIES = frozenset(
    {
        *("docker.io", "index.docker.io", "quay.io", "ghcr.io", "gcr.io", "mcr.microsoft.com", "nvcr.io"),
        *("public.ecr.aws", "registry.gitlab.com", "registry.access.redhat.com"),
    }
)

#: Hosts that anybody can reach, and that answer with what they have instead of leading to an address of
#: somebody's choice: GitLab's releases, figshare and OSF have links of their authors.
HOSTS = frozenset(
    [
        "github.com",
        "raw.githubusercontent.com",
        "codeload.github.com",
        "objects.githubusercontent.com",
        "bitbucket.org",
        "zenodo.org",
        "sandbox.zenodo.org",
        "repo.anaconda.com",
        "conda.anaconda.org",
        "repo.continuum.io",
        "cran.r-project.org",
        "cloud.r-project.org",
        "packagemanager.posit.co",
        "julialang-s3.julialang.org",
        "deb.nodesource.com",
        "download.docker.com",
        "huggingface.co",
        "api.github.com",
        "gist.githubusercontent.com",
        "astral.sh",
        "bootstrap.pypa.io",
        "www.python.org",
        "micro.mamba.pm",
        "sh.rustup.rs",
        "static.rust-lang.org",
        "get.docker.com",
        "nodejs.org",
        "packages.microsoft.com",
        "archive.apache.org",
        "repo1.maven.org",
        "dl.google.com",
        "ftp.gnu.org",
        "download2.rstudio.org",
        "install.julialang.org",
        "storage.googleapis.com",
        "s3.amazonaws.com",
    ]
)

Answer = TypeVar("Answer")

#: How many images, and how many hosts, a Dockerfile may name.
MOST_NAMES = 100


@dataclass(frozen=True, kw_only=True)
class World:
    """What is asked of the machine: its store of images, and what a name's addresses are."""

    find: Callable[[str], Image | None]
    addresses: Callable[[str], list[str]]


@dataclass
class Found:
    """What the Dockerfile names and may have."""

    bases: list[StageBase] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)


def few(ask: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """Each question takes its time, so a file must not ask without end."""
    known: dict[str, Answer] = {}

    def answer(name: str) -> Answer:
        if name not in known:
            if len(known) == MOST_NAMES:
                raise RefusedError(
                    1, f"The `Dockerfile` names more than {MOST_NAMES} images or hosts", "Name fewer"
                )
            known[name] = ask(name)
        return known[name]

    return answer


def check_reference(reference: str | None, line: int, world: World) -> str:
    """A name of an image in a registry that is neither on this machine nor in its network."""
    if reference is None or "$" in reference:
        raise RefusedError(
            line,
            "The image depends on variables that are known only during the build",
            "Write the full image name",
        )
    readable = REFERENCE.fullmatch(DIGEST.sub("", reference)) and len(reference) <= 255
    if not readable or reference.partition(":")[0] in TRANSPORTS:
        raise RefusedError(line, f"`{reference}` is not a valid image name", "Write it like `name:tag`")
    host = registry_of(reference)
    if host and (not _is_public(host) or (host not in REGISTRIES and _leads_here(host, world))):
        raise RefusedError(
            line,
            f"The registry of `{reference}` is on this machine or in its network",
            "Use another registry",
        )
    return reference


def registry_of(reference: str) -> str:
    """The host in it, empty where it is the default one."""
    return registry_and_path(reference)[0].partition(":")[0]


def repository_of(reference: str) -> str:
    """An image's name without tag and digest, as Docker Hub's are written in short."""
    directory, slash, last = reference.partition("@")[0].rpartition("/")
    return re.sub(
        r"^(?:(?:index\.)?docker\.io/)?(?:library/)?", "", f"{directory}{slash}{last.partition(':')[0]}"
    )


def check_address(
    word: str, line: int, variables: Mapping[str, str], world: World, found: Found, *, checked: bool
) -> None:
    """Refuse what the engine would fetch from the machine's network: it follows redirects there."""
    plain = plainly(expanded(word, variables, complete=False)).lstrip("[")
    before = plain.partition("$")[0].lower()
    open_ended = any(each.startswith(before) or before.startswith(each) for each in SCHEMES)
    if "$" in plain and open_ended and not re.match(r"https://[^/$]+/", before):
        raise RefusedError(
            line,
            f"The source of `ADD {word}` depends on variables that are known only during the build",
            "Use `COPY` for files, or write the full URL",
        )
    if not re.search(r"://|^[^/]*@[^/]*:", plain):
        return
    match = re.match(r"https://([A-Za-z0-9.-]+)/", plain)
    host = match[1].rstrip(".").lower() if match else ""
    anywhere = checked and _is_public(host) and not _leads_here(host, world)
    # A repository may have submodules of any address.
    is_git = ".git" in plain.partition("://")[2].partition("/")[2]
    if is_git or (host not in HOSTS and not anywhere):
        raise RefusedError(
            line,
            f"`ADD {plain}` would be fetched through the network of the build machine",
            "Download it with `RUN curl`, which uses the build network, or add `--checksum=sha256:…` to an `https` address",
        )
    found.hosts.add(match[1] if match else "")


def addresses(host: str) -> list[str]:
    """What a host's name stands for here, as far as anybody knows."""
    import socket

    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


def _leads_here(host: str, world: World) -> bool:
    return any(_is_of_this_machine(address) for address in world.addresses(host))


def _is_public(host: str) -> bool:
    """Whether a host's name leads out of this machine and its network, as far as the name tells."""
    try:
        return ip_address(host).is_global
    except ValueError:
        # Numbers are addresses to some programs: `0x7f.1`, `2130706433`.
        last = host.rpartition(".")[2]
        return "." in host and last not in {"localhost", "local", "internal"} and last[:1].isalpha()


def _is_of_this_machine(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified
