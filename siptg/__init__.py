"""Telegram as a SIP softphone: SIP, RTP and Telegram calls in pure Python.

The shop window for library users. Names are loaded when they are asked for (PEP 562), so that
`import siptg.sip` alone never loads a codec.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siptg.phone import Call, CallFailed, Incoming, Outgoing, Phone
    from siptg.sip.uri import NameAddr, Uri

__all__ = ["Call", "CallFailed", "Incoming", "NameAddr", "Outgoing", "Phone", "Uri"]

_HOMES = {"NameAddr": "siptg.sip.uri", "Uri": "siptg.sip.uri"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "siptg.phone")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
