"""Why a call ended: one cause for SIP and Telegram; its words are in the texts (`cause.*`).

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
    ACCOUNT_GONE = "account_gone"
    LOST = "lost"
    RESTART = "restart"
    INTERNAL = "internal"


@attrs.frozen
class Face:
    """How one cause looks from each side."""

    status: int
    """The SIP status that refuses an unanswered call for this cause."""


FACES: dict[Cause, Face] = {
    Cause.HANGUP: Face(480),
    Cause.DECLINED: Face(603),
    Cause.BUSY: Face(486),
    Cause.NO_ANSWER: Face(480),
    Cause.CANCELLED: Face(487),
    Cause.ELSEWHERE: Face(487),
    Cause.UNKNOWN_NUMBER: Face(404),
    Cause.WRONG_LOGIN: Face(403),
    Cause.FORBIDDEN: Face(403),
    Cause.UNREACHABLE: Face(480),
    Cause.NO_CODEC: Face(488),
    Cause.OVERLOADED: Face(503),
    Cause.PRIVACY: Face(480),
    Cause.NOT_REACHED: Face(480),
    Cause.BLOCKED: Face(480),
    Cause.OLD_CLIENT: Face(480),
    Cause.FLOOD: Face(503),
    Cause.TELEGRAM_SILENT: Face(408),
    Cause.ACCOUNT_GONE: Face(503),
    Cause.LOST: Face(480),
    Cause.RESTART: Face(503),
    Cause.INTERNAL: Face(500),
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
