"""Links that open the bot with a parameter, and parameters that only we can have made.

`https://t.me/NAME?start=PAYLOAD` and `tg://resolve?domain=NAME&start=PAYLOAD`; the person presses
Start, and the bot reads `/start PAYLOAD`. Telegram takes 64 characters of `A-Za-z0-9_-`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs

LONGEST = 64
MAC = 8
HOSTS = frozenset({"t.me", "telegram.me", "telegram.dog"})
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{0,64}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
_START = re.compile(r"/start(?:@\w+)?(?:\s+(?P<payload>\S+))?\s*")


@attrs.frozen
class StartLink:
    """A link to a bot or person, and what they are given."""

    domain: str
    """User name."""
    payload: str = ""

    def __attrs_post_init__(self) -> None:
        """ValueError where Telegram would not take it."""
        if not _NAME.fullmatch(self.domain):
            raise ValueError(f"no user name: {self.domain!r}")
        if not _PAYLOAD.fullmatch(self.payload):
            raise ValueError("a payload is up to 64 letters, digits, _ and -")

    @property
    def url(self) -> str:
        return f"https://t.me/{self.domain}" + (f"?start={self.payload}" if self.payload else "")

    @property
    def app_url(self) -> str:
        """Opened by the app itself, without a browser between."""
        start = {"start": self.payload} if self.payload else {}
        return "tg://resolve?" + urlencode({"domain": self.domain, **start})


def read_link(url: str) -> StartLink | None:
    """The link in a text; None for everything else."""
    try:
        parts = urlsplit(url.strip())
        query = parse_qs(parts.query)
        start = query.get("start", [""])[0]
        if parts.scheme == "tg" and parts.netloc == "resolve":
            return StartLink(query.get("domain", [""])[0], start)
        if parts.scheme in {"http", "https"} and parts.netloc.lower() in HOSTS:
            return StartLink(parts.path.strip("/"), start)
    except ValueError:
        pass
    return None


def started(message: str) -> str | None:
    """The payload of `/start PAYLOAD`, empty where it has none; None where it is no start."""
    found = _START.fullmatch(message.strip())
    if found is None:
        return None
    payload = found["payload"] or ""
    return payload if _PAYLOAD.fullmatch(payload) else ""


def signed(key: bytes, body: bytes, until: int) -> str:
    """A payload that holds `body` and is good until a time (Unix seconds). ValueError where the
    body is longer than 36 bytes.
    """
    head = struct.pack(">I", until) + body
    made = base64.urlsafe_b64encode(head + _mac(key, head)).rstrip(b"=").decode()
    if len(made) > LONGEST:
        raise ValueError(f"{len(body)} bytes are too many for a link")
    return made


def opened(key: bytes, payload: str, now: float) -> bytes | None:
    """The body of a payload of ours; None where it is forged, broken or over."""
    try:
        data = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError:
        return None
    head, mac = data[:-MAC], data[-MAC:]
    if len(head) < 4 or not hmac.compare_digest(mac, _mac(key, head)):
        return None
    return head[4:] if now <= struct.unpack_from(">I", head)[0] else None


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.new(key, b"link|" + head, hashlib.sha256).digest()[:MAC]
