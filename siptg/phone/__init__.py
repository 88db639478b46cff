"""A telephone: SIP signalling and RTP media under one handle.

What you may do next is the type you hold: an `Incoming` call rings and is answered or declined, an
`Outgoing` one is awaited or cancelled, and both become a `Call`.
"""

from siptg.phone.calls import Call, Incoming, Outgoing
from siptg.phone.events import CallFailed, Digit, Held, PhoneEvent, Silent, TransferAsked
from siptg.phone.phone import Phone
from siptg.sip.events import Answered, Ended, Ringing, TransferProgress

__all__ = [
    "Answered",
    "Call",
    "CallFailed",
    "Digit",
    "Ended",
    "Held",
    "Incoming",
    "Outgoing",
    "Phone",
    "PhoneEvent",
    "Ringing",
    "Silent",
    "TransferAsked",
    "TransferProgress",
]
