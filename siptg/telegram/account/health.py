"""How an account stands with Telegram: every error that ends it, in a sentence, with what to do."""

from __future__ import annotations

import enum

import attrs


class AccountState(enum.Enum):
    """What `siptg accounts` shows. All but READY and UNREACHABLE stay until somebody acts."""

    READY = "signed in"
    UNREACHABLE = "not reached"
    """Telegram did not answer; the account itself may be well."""
    UNKNOWN = "not tried"
    REVOKED = "signed out"
    EXPIRED = "expired"
    PASSWORD = "password needed"
    DUPLICATED = "used elsewhere"
    BANNED = "banned"
    DELETED = "deleted"
    API_REFUSED = "API id refused"
    TOKEN_REFUSED = "bot token refused"
    MOVED = "moved"


@attrs.frozen
class Health:
    """A state, what happened, and what to do about it."""

    state: AccountState
    sentence: str = ""
    remedy: str = ""
    word: str = ""
    """Telegram's own word, for who wants to look it up."""

    def __str__(self) -> str:
        told = f"{self.sentence}: {self.remedy}" if self.remedy else self.sentence
        return f"{told} [{self.word}]" if self.word else told


_AGAIN = (
    "run `siptg login` again (a bot: `siptg login --bot`); `siptg run` waits for it and goes on by "
    "itself"
)
_REVOKED = (
    AccountState.REVOKED,
    "Telegram knows this session no more: it was ended, by `siptg logout` or on another device",
    _AGAIN,
)
_API = (
    AccountState.API_REFUSED,
    "Telegram does not accept the API id and hash",
    "compare api_id and api_hash with https://my.telegram.org",
)
_TOKEN = (
    AccountState.TOKEN_REFUSED,
    "Telegram does not accept the bot's token",
    "get the token of the bot from @BotFather (/token) and run `siptg login --bot` again",
)
_DELETED = (
    AccountState.DELETED,
    "this Telegram account was deleted",
    "sign another account in with `siptg login`",
)
_BANNED = (
    AccountState.BANNED,
    "Telegram has banned this account",
    "write to recover@telegram.org from the account's owner, or sign another account in",
)

ENDS: dict[str, tuple[AccountState, str, str]] = {
    "AUTH_KEY_UNREGISTERED": _REVOKED,
    "SESSION_REVOKED": _REVOKED,
    "AUTH_KEY_NOT_FOUND": _REVOKED,
    "AUTH_KEY_INVALID": _REVOKED,
    "AUTH_KEY_PERM_EMPTY": _REVOKED,
    "SESSION_UNREADABLE": (  # our own word
        AccountState.REVOKED,
        "what is kept as this session is none",
        _AGAIN,
    ),
    "SESSION_EXPIRED": (
        AccountState.EXPIRED,
        "Telegram has let this session expire: it was not used for long",
        _AGAIN,
    ),
    "SESSION_PASSWORD_NEEDED": (
        AccountState.PASSWORD,
        "the sign-in was not finished: the account has a two-step password",
        f"{_AGAIN}; give the password",
    ),
    "AUTH_KEY_DUPLICATED": (
        AccountState.DUPLICATED,
        "the same session was used from two machines at once, and Telegram has ended it",
        "sign in anew with `siptg login`, and let each machine have a session of its own",
    ),
    "USER_DEACTIVATED": _DELETED,
    "USER_DEACTIVATED_BAN": _BANNED,
    "PHONE_NUMBER_BANNED": _BANNED,
    "API_ID_INVALID": _API,
    "API_ID_PUBLISHED_FLOOD": _API,
    "ACCESS_TOKEN_INVALID": _TOKEN,
    "ACCESS_TOKEN_EXPIRED": _TOKEN,
    "USER_MIGRATE": (
        AccountState.MOVED,
        "Telegram has moved this account to another data centre",
        _AGAIN,
    ),
}
"""Telegram's word → how the account stands. What is not here is no matter of the account."""

READY = Health(AccountState.READY)


class AccountGone(Exception):
    """The account cannot be used until somebody acts; `health` says what happened."""

    def __init__(self, health: Health) -> None:
        super().__init__(str(health))
        self.health = health


def health_of(word: str) -> Health | None:
    """How an account stands that was answered `word`; None where that says nothing of it."""
    row = ENDS.get(word)
    return Health(*row, word) if row else None
