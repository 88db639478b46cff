"""What a session can be in, and what can happen to it; the table is in `invite.py`."""

from __future__ import annotations

from siptg.machine import Symbol


class State(Symbol):
    """Drawn in docs/states/session.md."""

    CALLING = "calling"
    EARLY = "early"
    CANCELLING = "cancelling"
    INCOMING = "incoming"
    ANSWERING = "answering"
    """200 sent, ACK awaited."""
    LEAVING = "leaving"
    """As ANSWERING, but with a BYE to follow: a callee may not send it before the ACK (§15)."""
    CONFIRMED = "confirmed"
    ENDING = "ending"
    OVER = "over"


class Given(Symbol):
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    CHALLENGE = "401 or 407 that we can answer"
    FAILURE = "300-699"
    NO_ANSWER = "time-out or transport error"
    CANCEL_TIMER = "no final answer after CANCEL"
    RING = "our user lets it ring"
    ANSWER = "our user answers"
    REJECT = "our user refuses"
    HANG_UP = "our user hangs up"
    CANCEL = "CANCEL"
    ACK = "ACK"
    NO_ACK = "no ACK"
    BYE = "BYE"
    BYE_DONE = "our BYE is settled"
    LOST = "the dialog is gone at the other end"
