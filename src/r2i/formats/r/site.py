"""`Rprofile.site`: where R finds packages, for every user of the image."""

from __future__ import annotations

from r2i.facts.r import r_facts
from r2i.formats.r.renv_lock import RenvLock

#: How the server of the snapshots is asked; by the name that R gives itself it knows which binary packages fit.
SITE = """
# r2i: the snapshot of CRAN that `install.packages` installs from.
local({{
    server <- sub("/+$", "", Sys.getenv("R2I_CRAN", "{server}"))
    platform <- paste(getRversion(), R.version["platform"], R.version["arch"], R.version["os"])
    options(
        repos = c(CRAN = paste0(server, "/{path}")),
        HTTPUserAgent = sprintf("R/%s R (%s)", getRversion(), platform)
    )
}})
"""

#: A lock names repositories of its own, which `renv::restore()` would ask instead.
RESTORES = """\
options(renv.config.repos.override = c(getOption("repos"){more}))
"""


def site_profile(path: str, lock: RenvLock | None) -> str:
    """The text for a snapshot at `path` below the server."""
    text = SITE.format(server=r_facts()["server"], path=path)
    if lock is None:
        return text
    pairs = (repository.split("=", 1) for repository in lock.repositories)
    return text + RESTORES.format(more="".join(f', "{name}" = "{url}"' for name, url in pairs))
