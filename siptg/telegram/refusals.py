"""Telegram's errors as causes (design: §1.3 of the wire protocol)."""

from __future__ import annotations

from telethon import errors

from siptg.telegram.people import TelegramCause, TelegramRefused

CAUSES = {
    "USER_PRIVACY_RESTRICTED": TelegramCause.PRIVACY,
    "USER_IS_BLOCKED": TelegramCause.BLOCKED,
    "YOU_BLOCKED_USER": TelegramCause.BLOCKED,
    "PARTICIPANT_VERSION_OUTDATED": TelegramCause.OLD_CLIENT,
    "CALL_PROTOCOL_COMPAT_LAYER_INVALID": TelegramCause.OLD_CLIENT,
    "CALL_PROTOCOL_LAYER_INVALID": TelegramCause.OLD_CLIENT,
    "CALL_PROTOCOL_FLAGS_INVALID": TelegramCause.OLD_CLIENT,
    "CALL_OCCUPY_FAILED": TelegramCause.BUSY,
    "CALL_ALREADY_ACCEPTED": TelegramCause.ELSEWHERE,
    "CALL_ALREADY_DECLINED": TelegramCause.ELSEWHERE,
    "CALL_PEER_INVALID": TelegramCause.HANGUP,
    "CALL_NOT_ACTIVE": TelegramCause.HANGUP,
    "INPUT_USER_DEACTIVATED": TelegramCause.UNKNOWN,
    "USER_ID_INVALID": TelegramCause.UNKNOWN,
    "USER_IS_BOT": TelegramCause.UNKNOWN,
    "PEER_ID_INVALID": TelegramCause.UNKNOWN,
    "USERNAME_NOT_OCCUPIED": TelegramCause.UNKNOWN,
    "USERNAME_INVALID": TelegramCause.UNKNOWN,
    "PEER_FLOOD": TelegramCause.FLOOD,
    "DH_G_A_INVALID": TelegramCause.INTERNAL,
    # our own account's end; each has its sentence in `account/health.py`
    "AUTH_KEY_UNREGISTERED": TelegramCause.GONE,
    "AUTH_KEY_NOT_FOUND": TelegramCause.GONE,
    "AUTH_KEY_INVALID": TelegramCause.GONE,
    "AUTH_KEY_PERM_EMPTY": TelegramCause.GONE,
    "AUTH_KEY_DUPLICATED": TelegramCause.GONE,
    "SESSION_REVOKED": TelegramCause.GONE,
    "SESSION_EXPIRED": TelegramCause.GONE,
    "SESSION_UNREADABLE": TelegramCause.GONE,
    "SESSION_PASSWORD_NEEDED": TelegramCause.GONE,
    "USER_DEACTIVATED": TelegramCause.GONE,
    "USER_DEACTIVATED_BAN": TelegramCause.GONE,
    "PHONE_NUMBER_BANNED": TelegramCause.GONE,
    "API_ID_INVALID": TelegramCause.GONE,
    "API_ID_PUBLISHED_FLOOD": TelegramCause.GONE,
    "ACCESS_TOKEN_INVALID": TelegramCause.GONE,
    "ACCESS_TOKEN_EXPIRED": TelegramCause.GONE,
    "USER_MIGRATE": TelegramCause.GONE,
}


def refusal_of(error: errors.RPCError) -> TelegramRefused:
    """By the error's message: an error of code 406 comes as AuthKeyError, others have no class."""
    if isinstance(error, errors.FloodWaitError):
        seconds = float(error.seconds)
        return TelegramRefused(TelegramCause.FLOOD, f"FLOOD_WAIT_{error.seconds}", seconds)
    if isinstance(error, errors.SlowModeWaitError | errors.FloodPremiumWaitError):
        word = "SLOWMODE" if isinstance(error, errors.SlowModeWaitError) else "FLOOD_PREMIUM"
        text = f"{word}_WAIT_{error.seconds}"
        return TelegramRefused(TelegramCause.FLOOD, text, float(error.seconds))
    name = _name_of(error)
    if isinstance(error, errors.FilePartMissingError):
        name = f"FILE_PART_{error.which}_MISSING"
    elif isinstance(error, errors.FileMigrateError):
        name = f"FILE_MIGRATE_{error.new_dc}"
    passing = name not in CAUSES and abs(error.code or 0) in (500, 503)
    return TelegramRefused(CAUSES.get(name, TelegramCause.INTERNAL), name, passing=passing)


def _name_of(error: errors.RPCError) -> str:
    """Telegram's own word: in the name of the class, where Telethon has one, else the message."""
    kind = type(error)
    if not kind.__module__.endswith("rpcerrorlist"):
        return str(getattr(error, "message", "") or kind.__name__)
    name = kind.__name__.removesuffix("Error")
    return "".join(f"_{c}" if c.isupper() and n else c for n, c in enumerate(name)).upper()
