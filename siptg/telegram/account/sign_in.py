"""Signing in: a user by the code that Telegram sends or by a QR code, a bot by its token.

What a person can mend (a mistyped code, an expired one, a wrong password) is asked again, a few
times; all else ends in `SignInFailed`, in words.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs
from telethon import TelegramClient, errors, events, password
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.telethon import ask, new_client, person_of
from siptg.telegram.account.watch import leave
from siptg.telegram.account.words import in_words
from siptg.telegram.people import Person, TelegramCause, TelegramRefused
from siptg.telegram.refusals import refusal_of
from siptg.telegram.settings import TelegramSettings

MOST_TRIES = 3
"""Codes, and passwords, that are asked for before we give up."""
MOST_SENDS = 4
"""Times that a code is sent for one sign-in."""
QR_WITHIN = 300.0
"""Seconds that a QR code, refreshed as often as it expires, is shown."""


class SignInFailed(TelegramRefused):
    """Not signed in; the text says why and what to do, with Telegram's word behind it."""

    def __init__(self, refused: TelegramRefused) -> None:
        super().__init__(refused.cause, in_words(refused), refused.seconds)
        self.word = refused.text


@attrs.frozen
class CodeSent:
    """Where the code went, and how it would come if it were asked for again."""

    way: str
    next_way: str = ""
    again_after: int = 0
    """Seconds before Telegram sends another."""


@attrs.frozen
class SignedIn:
    """What to keep of a sign-in."""

    session: str = attrs.field(repr=False)
    person: Person
    is_bot: bool


class Asker(Protocol):
    """Who answers a sign-in's questions; `trouble` says what was wrong with the last answer."""

    async def code(self, sent: CodeSent, trouble: str) -> str:
        """The code; empty to have another one sent."""
        ...

    async def password(self, hint: str, trouble: str) -> str: ...

    async def show(self, url: str, until: datetime) -> None:
        """Show a QR code; the next one takes its place."""
        ...


async def sign_in_user(settings: TelegramSettings, phone: str, asker: Asker) -> SignedIn:
    """By phone number and code, then the two-step password where there is one."""
    async with connected(settings) as client:
        request = fn.auth.SendCodeRequest(
            phone, settings.api_id, settings.api_hash, tl.CodeSettings()
        )
        sent, sends, wrong, trouble = await _ask(client, request), 1, 0, ""
        while wrong < MOST_TRIES:
            code = await asker.code(_sent(sent), trouble)
            if not code:
                again: Any = fn.auth.ResendCodeRequest(phone, sent.phone_code_hash)
            else:
                try:
                    given = await _ask(
                        client, fn.auth.SignInRequest(phone, sent.phone_code_hash, code)
                    )
                except TelegramRefused as refused:
                    if refused.text == "SESSION_PASSWORD_NEEDED":
                        return await _prove(client, asker)
                    trouble = in_words(refused)
                    if refused.text in ("PHONE_CODE_INVALID", "PHONE_CODE_EMPTY"):
                        wrong += 1
                        continue
                    if refused.text != "PHONE_CODE_EXPIRED":
                        raise
                    again = request
                else:
                    return _signed_in(client, given)
            if sends >= MOST_SENDS:
                break
            try:
                sent, sends = await _ask(client, again), sends + 1
                trouble = "" if not code else trouble
            except TelegramRefused as refused:
                if refused.text != "SEND_CODE_UNAVAILABLE":
                    raise
                wrong, trouble = wrong + 1, in_words(refused)
        raise TelegramRefused(TelegramCause.INTERNAL, "PHONE_CODE_INVALID")


async def sign_in_by_qr(settings: TelegramSettings, asker: Asker) -> SignedIn:
    """By a QR code that a device of the account reads; shown anew whenever it expires."""
    async with connected(settings) as client:
        read = asyncio.Event()

        async def was_read(_: Any) -> None:
            read.set()

        client.add_event_handler(was_read, events.Raw(tl.UpdateLoginToken))
        request = fn.auth.ExportLoginTokenRequest(settings.api_id, settings.api_hash, [])
        deadline = asyncio.get_running_loop().time() + QR_WITHIN
        while asyncio.get_running_loop().time() < deadline:
            read.clear()
            try:
                given = await _ask(client, request)
                if isinstance(given, tl.auth.LoginTokenMigrateTo):
                    await client._switch_dc(given.dc_id)
                    given = await _ask(client, fn.auth.ImportLoginTokenRequest(given.token))
            except TelegramRefused as refused:
                if refused.text != "SESSION_PASSWORD_NEEDED":
                    raise
                return await _prove(client, asker)
            if isinstance(given, tl.auth.LoginTokenSuccess):
                return _signed_in(client, given.authorization)
            token = base64.urlsafe_b64encode(given.token).decode().rstrip("=")
            await asker.show(f"tg://login?token={token}", given.expires)
            left = (given.expires - datetime.now(UTC)).total_seconds()
            try:
                # bounded both ways: a clock that is off must neither spin nor hang
                await asyncio.wait_for(read.wait(), min(max(left, 1.0), 60.0))
            except TimeoutError:
                continue
        raise TelegramRefused(TelegramCause.SILENT, "QR_CODE_NOT_READ")


async def sign_in_by_token(settings: TelegramSettings, token: str) -> SignedIn:
    """A bot by the token that @BotFather gave."""
    async with connected(settings) as client:
        request = fn.auth.ImportBotAuthorizationRequest(
            0, settings.api_id, settings.api_hash, token
        )
        return _signed_in(client, await _ask(client, request))


async def sign_out(settings: TelegramSettings) -> None:
    """End a session at Telegram. TelegramRefused where Telegram is not reached."""
    client = new_client(settings)
    try:
        await _connect(client)
        await leave(client)
    finally:
        await client.disconnect()


async def who_is(settings: TelegramSettings) -> SignedIn:
    """Whose session it is. TelegramRefused where it is not, or no more, good."""
    async with connected(settings) as client:
        (me,) = await _ask(client, fn.users.GetUsersRequest([tl.InputUserSelf()]))
        return SignedIn(str(client.session.save()), person_of(me), bool(me.bot))


# for who has the answers ready


async def sign_in(
    settings: TelegramSettings,
    phone: str,
    code: Callable[[], Awaitable[str]],
    password: Callable[[], Awaitable[str]] | None = None,
) -> str:
    """Sign a user in with one code and one password; the session to keep. TelegramRefused else."""
    return (await sign_in_user(settings, phone, _Ready(code, password))).session


async def sign_in_bot(settings: TelegramSettings, token: str) -> str:
    """Sign a bot in by its token; the session to keep."""
    return (await sign_in_by_token(settings, token)).session


@attrs.frozen
class _Ready:
    """Answers each question once."""

    _code: Callable[[], Awaitable[str]]
    _password: Callable[[], Awaitable[str]] | None

    async def code(self, sent: CodeSent, trouble: str) -> str:
        if trouble:
            raise TelegramRefused(TelegramCause.INTERNAL, "PHONE_CODE_INVALID")
        return await self._code()

    async def password(self, hint: str, trouble: str) -> str:
        if trouble or self._password is None:
            word = "PASSWORD_HASH_INVALID" if trouble else "SESSION_PASSWORD_NEEDED"
            raise TelegramRefused(TelegramCause.INTERNAL, word)
        return await self._password()

    async def show(self, url: str, until: datetime) -> None: ...


async def _prove(client: TelegramClient, asker: Asker) -> SignedIn:
    """The second step: SRP; the password itself does not leave this machine."""
    trouble = ""
    for _ in range(MOST_TRIES):
        kept = await _ask(client, fn.account.GetPasswordRequest())
        text = await asker.password(kept.hint or "", trouble)
        # Telegram may have let the question expire while somebody typed
        kept = await _ask(client, fn.account.GetPasswordRequest())
        try:
            proof = await asyncio.to_thread(password.compute_check, kept, text)
            return _signed_in(client, await _ask(client, fn.auth.CheckPasswordRequest(proof)))
        except ValueError as error:
            raise TelegramRefused(TelegramCause.SECURITY, str(error)) from None
        except TelegramRefused as refused:
            if refused.text not in ("PASSWORD_HASH_INVALID", "SRP_ID_INVALID"):
                raise
            trouble = in_words(refused)
    raise TelegramRefused(TelegramCause.INTERNAL, "PASSWORD_HASH_INVALID")


@asynccontextmanager
async def connected(settings: TelegramSettings) -> AsyncIterator[TelegramClient]:
    """A client for a few questions; refusals come out in words."""
    try:
        client = new_client(settings)
        try:
            await _connect(client)
            yield client
        finally:
            await client.disconnect()
    except TelegramRefused as refused:
        raise SignInFailed(refused) from None


CONNECT_WITHIN = 20.0


async def _connect(client: TelegramClient) -> None:
    """Telethon tries for ever; a person at a terminal does not wait so long."""
    try:
        await asyncio.wait_for(client.connect(), CONNECT_WITHIN)
    except (TimeoutError, OSError) as error:
        text = "NOT_REACHED" if isinstance(error, TimeoutError) else str(error)
        raise TelegramRefused(TelegramCause.SILENT, text or "NOT_REACHED") from None
    except errors.RPCError as error:
        raise refusal_of(error) from None


async def _ask(client: TelegramClient, request: Any) -> Any:
    return await ask(client, request)


def _signed_in(client: TelegramClient, given: Any) -> SignedIn:
    user = getattr(given, "user", None)
    if user is None:
        raise TelegramRefused(TelegramCause.UNKNOWN, "PHONE_NUMBER_UNOCCUPIED")
    return SignedIn(str(client.session.save()), person_of(user), bool(user.bot))


WAYS = {
    "App": "in Telegram, on a device that is signed in",
    "Sms": "by SMS",
    "SmsWord": "by SMS",
    "SmsPhrase": "by SMS",
    "FirebaseSms": "by SMS",
    "Call": "by a phone call",
    "FlashCall": "by a call that rings once",
    "MissedCall": "as the last digits of a number that calls",
    "EmailCode": "by e-mail",
    "FragmentSms": "at fragment.com",
}


def _sent(sent: Any) -> CodeSent:
    kind = type(sent.type).__name__.removeprefix("SentCodeType")
    follow = type(sent.next_type).__name__.removeprefix("CodeType") if sent.next_type else ""
    return CodeSent(WAYS.get(kind, "by a way of its own"), WAYS.get(follow, ""), sent.timeout or 0)
