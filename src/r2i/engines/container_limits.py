"""How much of its machine a container may use, whatever it was asked for."""

from __future__ import annotations

#: How many processes and threads a container may have: a quarter of what the smallest kernel has for all.
PROCESSES = 8192

#: How large the log of a container may grow, in bytes, and how many such files an engine keeps.
LOG_SIZE, LOG_FILES = 100_000_000, 2

#: What a container may use of its machine's memory where nobody says how much: the machine itself stays usable.
MEMORY_SHARE = 0.9


def default_memory(there: int) -> int:
    return int(there * MEMORY_SHARE)
