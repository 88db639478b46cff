"""Why a call ended: one cause with three faces: SIP, Telegram, and words for the person.

The rows are ER-1 of the product plan, as far as calls can meet them today.
"""

from __future__ import annotations

import enum

import attrs


class Cause(enum.Enum):
    """Why a leg ended, in words both worlds share; each leg maps it from and to its own codes."""

    HANGUP = "hangup"
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    ELSEWHERE = "elsewhere"
    UNKNOWN_NUMBER = "unknown_number"
    WRONG_LOGIN = "wrong_login"
    FORBIDDEN = "forbidden"
    UNREACHABLE = "unreachable"
    NO_CODEC = "no_codec"
    OVERLOADED = "overloaded"
    PRIVACY = "privacy"
    NOT_REACHED = "not_reached"
    BLOCKED = "blocked"
    OLD_CLIENT = "old_client"
    FLOOD = "flood"
    TELEGRAM_SILENT = "telegram_silent"
    LOST = "lost"
    RESTART = "restart"
    INTERNAL = "internal"


@attrs.frozen
class Face:
    """How one cause looks from each side."""

    status: int
    """The SIP status that refuses an unanswered call for this cause."""
    text: str
    """What the person reads; `{detail}` is the other side's own code and words."""


FACES: dict[Cause, Face] = {
    Cause.HANGUP: Face(480, "ended"),
    Cause.DECLINED: Face(603, "declined"),
    Cause.BUSY: Face(486, "busy; call back later"),
    Cause.NO_ANSWER: Face(480, "no answer"),
    Cause.CANCELLED: Face(487, "cancelled"),
    Cause.ELSEWHERE: Face(487, "answered elsewhere"),
    Cause.UNKNOWN_NUMBER: Face(404, "the number does not exist"),
    Cause.WRONG_LOGIN: Face(403, "wrong login or password of the line: check its settings"),
    Cause.FORBIDDEN: Face(403, "the PBX does not allow this call"),
    Cause.UNREACHABLE: Face(480, "the PBX does not answer"),
    Cause.NO_CODEC: Face(488, "no audio format in common"),
    Cause.OVERLOADED: Face(503, "the PBX has a problem; try again in a moment"),
    Cause.PRIVACY: Face(
        480,
        "Telegram does not let me call you. Allow calls from me: Settings → Privacy → Calls.",
    ),
    Cause.NOT_REACHED: Face(480, "no device could be reached"),
    Cause.BLOCKED: Face(480, "this account is blocked"),
    Cause.OLD_CLIENT: Face(480, "your Telegram is too old for calls with me: update it"),
    Cause.FLOOD: Face(503, "Telegram asks me to slow down; try again in a moment"),
    Cause.TELEGRAM_SILENT: Face(408, "Telegram does not answer; try again in a moment"),
    Cause.LOST: Face(480, "connection lost"),
    Cause.RESTART: Face(503, "I was restarted: call again"),
    Cause.INTERNAL: Face(500, "something broke here; it is in the log"),
}

STATUSES: dict[int, Cause] = {
    401: Cause.WRONG_LOGIN,
    403: Cause.FORBIDDEN,
    404: Cause.UNKNOWN_NUMBER,
    405: Cause.FORBIDDEN,
    406: Cause.FORBIDDEN,
    407: Cause.WRONG_LOGIN,
    408: Cause.UNREACHABLE,
    410: Cause.UNKNOWN_NUMBER,
    415: Cause.NO_CODEC,
    480: Cause.NO_ANSWER,
    484: Cause.UNKNOWN_NUMBER,
    486: Cause.BUSY,
    487: Cause.CANCELLED,
    488: Cause.NO_CODEC,
    504: Cause.UNREACHABLE,
    600: Cause.BUSY,
    603: Cause.DECLINED,
    604: Cause.UNKNOWN_NUMBER,
    606: Cause.NO_CODEC,
}
"""SIP's final statuses as causes; what is not listed goes by `cause_of_status`."""


def cause_of_status(status: int) -> Cause:
    """The cause behind a SIP status; 2xx (and 0, no status at all) is an ordinary hang-up."""
    if status < 300:
        return Cause.HANGUP
    if status in STATUSES:
        return STATUSES[status]
    return Cause.OVERLOADED if 500 <= status < 600 else Cause.DECLINED


def words(cause: Cause, detail: str = "") -> str:
    """What the person reads: the sentence, and the other side's own code and words behind it."""
    text = FACES[cause].text
    shown = detail.strip()[:80]
    return f"{text} [{shown}]" if shown else text
