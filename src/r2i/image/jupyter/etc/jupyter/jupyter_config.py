"""Read by every Jupyter program of the server, whose extensions may be in the environment of the repository."""

import sys
from pathlib import Path

# At the end: the server uses its own packages first.
sys.path.extend(map(str, Path("/srv/env/lib").glob("python3*/site-packages")))
