"""What a build step sees of the network and the disk: two tiny builds, given the host's settings as any build is."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from r2i.building.namespaces import machine_namespace
from r2i.checkout import Checkout
from r2i.engines import EngineName
from r2i.engines.podman_caches import temporary
from r2i.host.addresses import mask
from r2i.host.settings import PRIVATE_SECRET, SECRET, HostSettings
from r2i.machine import Machine, last_line
from r2i.machine.symptoms import MachineProblem, Symptom, does_not_run
from r2i.model import Options
from r2i.process import Completed

#: Lines of a step's output that are answers: Docker puts the step's number and the time before them.
ANSWER = re.compile(r"^(?:#\d+ [\d.]+ )?@@(\w+) (.*)$", re.MULTILINE)

#: apt's own downloader, asked for the first file that `apt-get update` would fetch. The step fails when it has
#: answered: so no engine keeps an image of it, or answers from its cache the next time.
FIRST_LOOK = """\
RUN --mount=type=secret,id={secret},mode=0444 --mount=type=secret,id={private},mode=0400 \\
    [ ! -f /run/secrets/{secret} ] || . /run/secrets/{secret}; \\
    [ ! -f /run/secrets/{private} ] || . /run/secrets/{private}; \\
    df -Pk / | awk 'NR == 2 {{ print $4 }}' | sed 's/^/@@space /'; \\
    mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' | head -n 1); \\
    suite=$(. /etc/os-release; echo "$VERSION_CODENAME"); \\
    /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 \\
        download-file "${{mirror}}dists/$suite/InRelease" /tmp/answer 2>&1 | sed 's/^/@@mirror /'; \\
    exit 1
"""

#: pip's own question to its index, about the first package that a build needs.
SECOND_LOOK = """\
RUN --mount=type=secret,id={secret},mode=0444 --mount=type=secret,id={private},mode=0400 \\
    [ ! -f /run/secrets/{secret} ] || . /run/secrets/{secret}; \\
    [ ! -f /run/secrets/{private} ] || . /run/secrets/{private}; \\
    PYTHONPATH=$(echo /usr/share/python-wheels/*.whl | tr ' ' ':') \\
    python3 -m pip index versions -vv --disable-pip-version-check --retries 0 --timeout 15 uv 2>&1 \\
    | sed 's/^/@@index /'; \\
    exit 1
"""

#: What pip, apt and their libraries say, by what it means.
SYMPTOMS: tuple[tuple[MachineProblem, str], ...] = (
    ("certificates", r"certificate|sslerror|ssl: "),
    ("name-resolution", r"resolv|name or service not known|getaddrinfo|nodename nor servname"),
)


@dataclass(frozen=True, kw_only=True)
class Probed:
    """The findings, and the free space in bytes where a step ran at all."""

    findings: tuple[Symptom, ...]
    free: int | None = None


def look(machine: Machine, engine: EngineName, *, base: str, host: HostSettings) -> Probed:
    """Ask from a step of a build on the base image: does it reach names and the distribution's packages?"""
    text = f"FROM {base}\nUSER root\n{FIRST_LOOK.format(secret=SECRET, private=PRIVATE_SECRET)}"
    done = build(machine, engine, text, host=host, timeout=180)
    answers = read_answers(done)
    if "space" not in answers:
        return Probed(findings=(_broken(done, host, engine),))
    free = int(answers["space"]) * 1024 if answers["space"].isdecimal() else None
    said = answers.get("mirror", "")
    if re.search(r"^Fetched ", said, re.MULTILINE):
        finding = Symptom(
            check="packages",
            status="ok",
            message="a build step resolves names and reaches the distribution packages",
        )
    else:
        finding = trouble(said, "packages", machine=machine, engine=engine, host=host)
    return Probed(findings=(finding,), free=free)


def look_further(machine: Machine, engine: EngineName, *, host: HostSettings) -> Symptom:
    """Ask on top of the first layer that every image shares: does pip reach its index, and trust it?"""
    done = build(
        machine,
        engine,
        first_layer() + SECOND_LOOK.format(secret=SECRET, private=PRIVATE_SECRET),
        host=host,
        timeout=900,
    )
    answers = read_answers(done)
    if "index" not in answers:
        return _broken(done, host, engine)
    said = answers["index"]
    if re.search(r"^uv \(", said, re.MULTILINE):
        return Symptom(
            check="index",
            status="ok",
            message="a build step reaches the Python package index and trusts it",
        )
    return trouble(said, "index", machine=machine, engine=engine, host=host)


def first_layer() -> str:
    """The Dockerfile up to the layer that every image on the default base image begins with."""
    from r2i.planning.compose import make_plan
    from r2i.planning.render import render

    with tempfile.TemporaryDirectory(prefix="r2i-") as directory:
        root = Path(directory).resolve()
        checkout = Checkout(root, root)
        plan = make_plan(checkout, Options())
        rendered = render(plan, checkout)
    first = {index for index, layer in enumerate(plan.layers) if layer.template == "system"}
    lines = rendered.text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines, 1) if rendered.layer_lines.get(number) in first)


def build(
    machine: Machine, engine: EngineName, text: str, *, host: HostSettings, timeout: float
) -> Completed:
    """Build a Dockerfile without any file beside it."""
    with tempfile.TemporaryDirectory(prefix="r2i-") as directory:
        scratch = Path(directory)
        secrets: list[str] = []
        for id_, script in host.secrets.items():
            (scratch / id_).write_text(script, encoding="utf-8")
            secrets += ["--secret", f"id={id_},src={scratch / id_}"]
        command = ("buildx", "build", "--progress=plain") if engine == "docker" else ("build",)
        argv = (*machine.engine_prefix, engine, *command, *secrets, "-")
        caches = temporary(machine_namespace()) if engine == "podman" else {}
        return machine.run(argv, env={**machine.environ, **caches}, timeout=timeout, stdin=text)


def read_answers(done: Completed) -> dict[str, str]:
    """What the step said, by subject."""
    answers: dict[str, list[str]] = {}
    for found in ANSWER.finditer(f"{done.stdout}\n{done.stderr}"):
        answers.setdefault(found[1], []).append(found[2].rstrip())
    return {subject: "\n".join(lines) for subject, lines in answers.items()}


def trouble(
    said: str, otherwise: MachineProblem, *, machine: Machine, engine: EngineName, host: HostSettings
) -> Symptom:
    """Understand what apt or pip complained about."""
    said = mask(said, credentials=host.credentials)
    problem = next((p for p, pattern in SYMPTOMS if re.search(pattern, said, re.IGNORECASE)), otherwise)
    reason = _shortened(_telling(said, problem))
    whose = "the distribution packages" if otherwise == "packages" else "the Python package index"
    match problem:
        case "certificates":
            message = f"a build step does not trust the certificate of {whose}: a proxy may intercept TLS"
            fix = f"export SSL_CERT_FILE={_bundle(machine)}"
        case "name-resolution":
            message = f"a build step cannot resolve names: {reason}"
            fix = _name_servers(machine, engine)
        case _:
            message = f"a build step does not reach {whose}: {reason}"
            fix = "export HTTPS_PROXY=http://PROXY:PORT HTTP_PROXY=http://PROXY:PORT"
            if otherwise == "index" and "proxy" not in said.lower():
                fix = "export PIP_INDEX_URL=https://INDEX/simple"
    return Symptom(check=otherwise, status="error", message=message, fix=fix, problem=problem)


def _telling(said: str, problem: MachineProblem) -> str:
    """The line that says why: the first that names the trouble, else the first that complains."""
    patterns = [pattern for symptom, pattern in SYMPTOMS if symptom == problem]
    for pattern in (*patterns, r"caused by|could not (fetch|connect)|http error", r"^(E:|ERROR|Err)"):
        for line in said.splitlines():
            if re.search(pattern, line, re.IGNORECASE):
                # What lies under several wrappings of a Python exception.
                core = re.search(r" object at 0x[0-9a-f]+>: ([^'\"]+)", line)
                return core[1] if core else line.strip()
    return said.strip().partition("\n")[0] or "no answer"


def _broken(done: Completed, host: HostSettings, engine: EngineName) -> Symptom:
    """The build did not come as far as the question."""
    lines = [line for line in done.stderr.splitlines() if re.search(r"error", line, re.IGNORECASE)]
    reason = mask(lines[-1] if lines else last_line(done), credentials=host.credentials)
    message = f"a small test build fails: {_shortened(reason)}"
    return does_not_run("build", message, engine=engine, said=done.stderr)


def _shortened(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _bundle(machine: Machine) -> str:
    """The host's own bundle, which knows the network's certificate where the host's programs work."""
    for name in ("etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem"):
        if (machine.root / name).is_file():
            return str(machine.root / name)
    return "FILE-WITH-THE-CERTIFICATES-OF-YOUR-NETWORK"


def _name_servers(machine: Machine, engine: EngineName) -> str:
    """Tell the engine the host's name servers; those of the loopback interface no container can reach."""
    servers = []
    for name in ("run/systemd/resolve/resolv.conf", "etc/resolv.conf"):
        try:
            text = (machine.root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = re.findall(r"^nameserver\s+(\S+)", text, re.MULTILINE)
        servers += [server for server in found if not server.startswith(("127.", "::1"))]
    listed = ", ".join(f'"{server}"' for server in dict.fromkeys(servers)) or '"SERVER"'
    tee = " ".join((*machine.sudo, "tee"))
    if engine == "podman":
        return f"printf '[containers]\\ndns_servers = [{listed}]\\n' | {tee} /etc/containers/containers.conf.d/60-dns.conf"
    if (machine.root / "etc/docker/daemon.json").exists():
        return f'Add `"dns": [{listed}]` to /etc/docker/daemon.json and restart Docker'
    restart = " ".join((*machine.sudo, "systemctl restart docker"))
    return f"echo '{{\"dns\": [{listed}]}}' | {tee} /etc/docker/daemon.json && {restart}"
