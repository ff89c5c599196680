"""`package.json`: nothing is installed from it, but scripts, notebooks and terminals have Node.js and npm, as on Binder."""

from __future__ import annotations

from r2i.checkout import Checkout
from r2i.model import Detection, Evidence, Options

FILE = "package.json"


class Node:
    name = "node"
    files = ()

    def detect(self, checkout: Checkout, options: Options) -> Detection | None:
        found = next((path for path in (FILE, checkout.config_path(FILE)) if checkout.has(path)), None)
        if found is None:
            return None
        return Detection(node=(Evidence(why=f"`{found}` is for Node.js", file=found),))
