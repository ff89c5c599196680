"""Text that was copied from a README or a web page around an address: badges in Markdown, rST and HTML. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

from r2i.errors import UsageError
from r2i.sources.binder_links import badge_image, is_badge_image, is_launch_link
from r2i.sources.doi_text import read_doi
from r2i.sources.typed import shown

#: Longer than any badge, and than a few of them.
LONGEST = 8_192

ADDRESS = re.compile(r"https?://[\w\[][^\s<>\"'`\[\]{}|^\\]*", re.IGNORECASE)
#: What is certainly more than an address.
MARKUP = re.compile(r"^[('`]|[\s<>\"\[{]|\]\(")

#: An address and more lines of one word each.
BROKEN = re.compile(r"https?://[^\s<>\"'`]+(?:[ \t]*\r?\n\s*[^\s<>\"'`()\[\]]+)+", re.IGNORECASE)
#: A link in Markdown, HTML and rST, as apart from an address in a sentence; and the picture of a badge.
LINKED = re.compile(r"\]\(|<|:target:|\{http")
PICTURE = re.compile(r"\.(?:svg|png|gif|jpe?g)(?:[?#]|$)", re.IGNORECASE)


def pasted(text: str) -> str:
    """The one address of a repository in a piece of markup; any other text as it is.

    Raises `UsageError`, which names them, where there are several.
    """
    stripped = text.strip()
    if "://" not in stripped or not MARKUP.search(stripped) or len(stripped) > LONGEST:
        return text
    _refuse_broken(stripped)
    # Not an address with a space in it, which has its own message.
    if re.fullmatch(r"https?://[^<>\"\n]*", stripped, re.IGNORECASE) and "](" not in stripped:
        return text
    addresses = list(dict.fromkeys(_addresses(stripped)))
    found = [address for address in addresses if is_launch_link(address)]
    found = found or [address for address in addresses if read_doi(address)]
    if not found and LINKED.search(stripped):
        found = [address for address in addresses if not PICTURE.search(address)]
    if len(found) > 1:
        listed = " and ".join(f"`{_shown(address)}`" for address in found[:5])
        raise UsageError(f"The text has {len(found)} links: {listed}", hint="Pass one of them")
    if found:
        return found[0]
    if any(map(is_badge_image, addresses)):
        raise badge_image()
    return text


def _refuse_broken(text: str) -> None:
    """Raise `UsageError` for one address that a mail or a page broke: half of it would be a valid one, too."""
    if not BROKEN.fullmatch(text) or text.count("://") > 1:
        return
    lines = text.split()
    whole = "".join(lines)
    raise UsageError(
        f"The link is broken over {len(lines)} lines", hint=f"If it is one link, pass `{_shown(whole)}`"
    )


def _addresses(text: str) -> list[str]:
    """As the page that shows the markup would follow them."""
    text = re.sub(r"\\([_*~()\[\]-])", r"\1", text)
    return [_trimmed(match.group().replace("&amp;", "&")) for match in ADDRESS.finditer(text)]


def _trimmed(address: str) -> str:
    """Without what belongs to the sentence, or closes a bracket that was opened before."""
    while address and (
        address[-1] in ".,;:!?" or (address[-1] == ")" and address.count(")") > address.count("("))
    ):
        address = address[:-1]
    return address


def _shown(address: str) -> str:
    """With what it opens, by which two links of a page may differ alone."""
    before, mark, query = address.partition("?")
    return f"{shown(before)}{mark}{shown(query)}" if "@" not in unquote(query) else shown(address)
