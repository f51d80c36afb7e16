"""The canonical address of a story, by which its versions are known as one."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

MOST_URL = 2_048  # characters
# What says how a reader came, and not what is read.
TRACKING_PREFIXES = ("utm_", "mc_", "at_", "ga_", "guce_", "soc_")
TRACKING = {
    "cmp", "cmpid", "dclid", "fbclid", "feature", "gclid", "guccounter", "icid", "igshid", "ito",
    "mkt_tok", "msclkid", "ncid", "partner", "ref", "ref_src", "referrer", "rss", "s_cid", "share",
    "smid", "source", "src", "sr_share", "taid", "tsrc", ".tsrc", "xtor", "yclid",
}  # fmt: skip
PORTS = {None, 80, 443}
HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
BARE = re.compile(r"(//)?[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}([/?#].*)?", re.DOTALL)
UNSAFE = re.compile('[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff<>"\\\\]')


@lru_cache(maxsize=16_384)  # those of a piece, as each is looked at twice
def canonical_url(url: str) -> tuple[str, str]:
    """Return the canonical form of an address, and why it has none."""
    url = url.strip()
    if not url:
        return "", "no_url"
    if len(url) > MOST_URL:
        return "", "long_url"
    url = url.replace(" ", "%20")
    if UNSAFE.search(url):
        return "", "unsafe_url"
    if BARE.fullmatch(url):
        url = f"https://{url.removeprefix('//')}"
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
        parameters = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:  # a port that is no number, a broken IPv6 address
        return "", "unsafe_url"
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(host):
        return "", "unsafe_url"
    query = urlencode(sorted((k, v) for k, v in parameters if not _is_tracking(k)))
    place = host if port in PORTS else f"{host}:{port}"
    return f"https://{place}{parts.path.rstrip('/')}{'?' if query else ''}{query}", ""


def _is_tracking(name: str) -> bool:
    name = name.lower()
    return name in TRACKING or name.startswith(TRACKING_PREFIXES)
