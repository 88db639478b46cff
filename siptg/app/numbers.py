"""What a person sends to be dialled, and how a number is shown (SP-1 and SP-11 of the product
plan).
"""

from __future__ import annotations

import re
import unicodedata

import attrs

from siptg.app.texts import Words
from siptg.sip.errors import SipError
from siptg.sip.uri import Uri
from siptg.telegram.chat.text import Text

LONGEST = 128
"""Characters of a message that may be a number."""

_PUNCTUATION = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
_DIGITS = re.compile(r"[+]?[0-9*#]+")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._\-]*[A-Za-z0-9])?")


@attrs.frozen
class Wish:
    """What to dial: the user part, and a host where one was typed."""

    typed: str
    user: str
    host: str | None = None

    @property
    def target(self) -> str:
        """As a phone dials it: a bare number, or a whole address."""
        return self.user if self.host is None else f"sip:{self.user}@{self.host}"


class NotDialable(ValueError):
    """The text cannot be dialled."""

    def __init__(self, detail: str = "", *, is_person: bool = False) -> None:
        super().__init__(detail or "not a number, a name or a SIP address")
        self.detail, self.is_person = detail, is_person

    def told(self, words: Words) -> Text:
        """For the person who sent it."""
        text = words("error.not_dialable")
        if self.is_person:
            return words("error.not_a_person") + " " + text
        return text + (f" ({self.detail})" if self.detail else "")


def read_wish(text: str) -> Wish:
    """The wish in a message; NotDialable with a hint for everything else.

    People write numbers with `+ ( ) - . /` and blanks; letters and SIP addresses are taken too.
    """
    typed = text.strip()
    if not typed or len(typed) > LONGEST or "\n" in typed:
        raise NotDialable()
    if typed.startswith("@"):
        raise NotDialable(is_person=True)
    if typed.lower().startswith(("sip:", "sips:", "tel:")) or "@" in typed:
        return _address(typed)
    bare = _PUNCTUATION.sub("", typed)
    if _DIGITS.fullmatch(bare) and any(c.isdigit() or c in "*#" for c in bare):
        return Wish(typed, bare)
    if _NAME.fullmatch(typed):
        return Wish(typed, typed)
    raise NotDialable()


def _address(typed: str) -> Wish:
    try:
        uri = Uri.parse(typed if ":" in typed.partition("@")[0] else f"sip:{typed}")
    except SipError as error:
        raise NotDialable(str(error)) from None
    if uri.scheme == "tel":
        return read_wish(uri.host or uri.user or "")
    if not uri.user or not uri.host:
        raise NotDialable()
    host = uri.host if uri.port is None else f"{uri.host}:{uri.port}"
    return Wish(typed, uri.user, host)


def shown_name(name: str | None) -> str:
    """A caller's name as plain text: no control, bidirectional or zero-width characters, 64 at
    most.
    """
    if not name:
        return ""
    kept = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs"})
    return " ".join(kept.split())[:64]


def announcement(number: str, name: str | None, line: str) -> str:
    """The message before an incoming call rings: number, name, line, one a row (SP-33).

    The form is a public interface: a phone's automation reads it.
    """
    clean = "".join(c for c in number if c.isprintable() and not c.isspace())[:64]
    return f"☎ {clean or 'hidden'}\n{shown_name(name) or '—'}\n{shown_name(line)}"
