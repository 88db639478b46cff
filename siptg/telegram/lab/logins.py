"""How clients come in: codes by phone number, QR codes, tokens of bots; and how they leave."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount
from siptg.telegram.lab.devices import Device
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused
from siptg.telegram.lab.password import Exchange, Password

if TYPE_CHECKING:
    from siptg.telegram.lab.server import Lab

DC = 2
MOST_OPEN = 1000
WAYS = (tl.auth.SentCodeTypeApp, tl.auth.SentCodeTypeSms, tl.auth.SentCodeTypeCall)
"""How a code is sent: at first, and each time that it is asked for again."""
NEXT = (tl.auth.CodeTypeSms, tl.auth.CodeTypeCall, None)


@attrs.define(eq=False)
class Code:
    """A code on its way to a phone."""

    number: str
    text: str = attrs.field(repr=False)
    until: float
    way: int = 0
    wrong: int = 0


@attrs.define(eq=False)
class LoginToken:
    """What stands in a QR code."""

    link: Link
    until: float
    account: LabAccount | None = None


@attrs.define(eq=False)
class SignIns:
    """Who is on the way in, with what; times are seconds."""

    dc: int = DC
    code_seconds: float = 300.0
    token_seconds: float = 30.0
    most_codes: int = 5
    """Wrong codes, then the code is dead."""
    most_passwords: int = 10
    api: tuple[int, str] | None = None
    """The one API id and hash that are good; None for any."""
    clock_ahead: float = 0.0
    """By how much the lab's word for the time differs from the machine's clock."""
    others: dict[int, Lab] = attrs.field(factory=dict)
    """Other data centres by number; who lives there is sent there."""
    codes: dict[str, Code] = attrs.field(factory=dict)
    tokens: dict[bytes, LoginToken] = attrs.field(factory=dict, repr=False)
    passwords: dict[int, Password] = attrs.field(factory=dict)
    exchanges: dict[int, Exchange] = attrs.field(factory=dict, repr=False)
    wrong_passwords: Counter[int] = attrs.field(factory=Counter)
    half_in: dict[bytes, LabAccount] = attrs.field(factory=dict)
    """By key: the code was right, the password is still to come."""
    devices: dict[bytes, Device] = attrs.field(factory=dict)
    ended: dict[bytes, str] = attrs.field(factory=dict)
    """By key: why its session is over."""
    banned: set[int] = attrs.field(factory=set)

    def let_in(self, link: Link, account: LabAccount) -> tl.auth.Authorization:
        """Signed in from here on."""
        self.ended.pop(link.session.key_id, None)
        self.devices[link.session.key_id] = Device(account)
        link.attach(account)
        return tl.auth.Authorization(account.user(account))

    def admit(self, link: Link, account: LabAccount) -> tl.auth.Authorization:
        """In, or told to prove the password first."""
        if account.id in self.passwords:
            self.half_in[link.session.key_id] = account
            while len(self.half_in) > MOST_OPEN:
                del self.half_in[next(iter(self.half_in))]
            raise Refused(401, "SESSION_PASSWORD_NEEDED")
        return self.let_in(link, account)

    def check_api(self, query: Any) -> None:
        if self.api is not None and (query.api_id, query.api_hash) != self.api:
            raise Refused(400, "API_ID_INVALID")


def test_code(phone: str) -> str:
    """Of a test number, 99966XYYYY: five times its X, as in Telegram's test data centres."""
    number = phone.lstrip("+")
    return number[5] * 5 if len(number) == 10 and number.startswith("99966") else ""


def _by_phone(lab: Lab, phone: str) -> LabAccount | None:
    return next((a for a in lab.accounts.values() if a.phone and a.phone == phone), None)


def _at_home(lab: Lab, account: LabAccount) -> bool:
    """Other data centres may have somebody else of the same number."""
    return lab.accounts.get(account.id) is account


def _send(link: Link, phone: str, way: int) -> tl.auth.SentCode:
    state = link.lab.sign_ins
    text = test_code(phone) or f"{int.from_bytes(os.urandom(4), 'big') % 100_000:05}"
    link.lab.code_sent(phone, text)
    code = Code(os.urandom(8).hex(), text, time.monotonic() + state.code_seconds, way)
    state.codes[phone], link.lab.codes[phone] = code, text
    follow = NEXT[way]
    return tl.auth.SentCode(WAYS[way](5), code.number, follow and follow(), 60)


@handles(fn.auth.SendCodeRequest)
def send_code(link: Link, query: Any) -> tl.auth.SentCode:
    lab, state = link.lab, link.lab.sign_ins
    state.check_api(query)
    phone = query.phone_number.lstrip("+")
    if not phone.isdigit():
        raise Refused(400, "PHONE_NUMBER_INVALID")
    account = _by_phone(lab, phone)
    for number, other in state.others.items():
        if account is None and _by_phone(other, phone) is not None:
            raise Refused(303, f"PHONE_MIGRATE_{number}")
    if account is not None and account.id in state.banned:
        raise Refused(400, "PHONE_NUMBER_BANNED")
    return _send(link, phone, 0)


@handles(fn.auth.ResendCodeRequest)
def resend_code(link: Link, query: Any) -> tl.auth.SentCode:
    phone = query.phone_number.lstrip("+")
    code = link.lab.sign_ins.codes.get(phone)
    if code is None or code.number != query.phone_code_hash:
        raise Refused(400, "PHONE_CODE_EXPIRED")
    if NEXT[code.way] is None:
        raise Refused(406, "SEND_CODE_UNAVAILABLE")
    return _send(link, phone, code.way + 1)


@handles(fn.auth.CancelCodeRequest)
def cancel_code(link: Link, query: Any) -> bool:
    phone = query.phone_number.lstrip("+")
    link.lab.codes.pop(phone, None)
    return link.lab.sign_ins.codes.pop(phone, None) is not None


@handles(fn.auth.SignInRequest)
def sign_in(link: Link, query: Any) -> tl.auth.Authorization:
    lab, state, phone = link.lab, link.lab.sign_ins, query.phone_number.lstrip("+")
    code = state.codes.get(phone)
    if code is None or code.number != query.phone_code_hash or code.until < time.monotonic():
        raise Refused(400, "PHONE_CODE_EXPIRED")
    if not query.phone_code or code.text != query.phone_code:
        code.wrong += 1
        if code.wrong >= state.most_codes:
            del state.codes[phone]
        raise Refused(400, "PHONE_CODE_INVALID" if query.phone_code else "PHONE_CODE_EMPTY")
    account = _by_phone(lab, phone)
    if account is None:
        raise Refused(400, "PHONE_NUMBER_UNOCCUPIED")
    del state.codes[phone]
    lab.codes.pop(phone, None)
    return state.admit(link, account)


@handles(fn.auth.ExportLoginTokenRequest)
def export_token(link: Link, query: Any) -> Any:
    """A new token for a QR code, or what has become of the last one of this client."""
    state, key = link.lab.sign_ins, link.session.key_id
    state.check_api(query)
    for token, made in list(state.tokens.items()):
        if made.until < time.monotonic():
            del state.tokens[token]
        elif made.link.session.key_id == key and made.account is not None:
            if not _at_home(link.lab, made.account):
                there = next(n for n, lab in state.others.items() if _at_home(lab, made.account))
                state.others[there].sign_ins.tokens[token] = made
                return tl.auth.LoginTokenMigrateTo(there, token)
            del state.tokens[token]
            return tl.auth.LoginTokenSuccess(state.admit(link, made.account))
    token = os.urandom(32)
    state.tokens[token] = LoginToken(link, time.monotonic() + state.token_seconds)
    while len(state.tokens) > MOST_OPEN:
        del state.tokens[next(iter(state.tokens))]
    expires = time.time() + state.token_seconds
    return tl.auth.LoginToken(datetime.fromtimestamp(expires, UTC), token)


@handles(fn.auth.ImportLoginTokenRequest)
def import_token(link: Link, query: Any) -> tl.auth.LoginTokenSuccess:
    made = link.lab.sign_ins.tokens.pop(query.token, None)
    if made is None or made.account is None or not _at_home(link.lab, made.account):
        raise Refused(400, "AUTH_TOKEN_INVALID")
    return tl.auth.LoginTokenSuccess(link.lab.sign_ins.admit(link, made.account))


@handles(fn.auth.AcceptLoginTokenRequest)
def accept_token(link: Link, query: Any) -> tl.Authorization:
    """A device that is signed in has read the QR code; other data centres' codes too."""
    me = link.me
    for lab in (link.lab, *link.lab.sign_ins.others.values()):
        made = lab.sign_ins.tokens.get(query.token)
        if made is not None:
            break
    else:
        raise Refused(400, "AUTH_TOKEN_INVALID")
    if made.until < time.monotonic():
        raise Refused(400, "AUTH_TOKEN_EXPIRED")
    if made.account is not None:
        raise Refused(400, "AUTH_TOKEN_ALREADY_ACCEPTED")
    made.account = me
    made.link.push(tl.UpdateLoginToken(), ())
    return Device(me).shown(current=False)


@handles(fn.auth.ImportBotAuthorizationRequest)
def sign_in_bot(link: Link, query: Any) -> tl.auth.Authorization:
    link.lab.sign_ins.check_api(query)
    token = query.bot_auth_token
    account = next((a for a in link.lab.accounts.values() if token and a.bot_token == token), None)
    if account is None:
        raise Refused(400, "ACCESS_TOKEN_INVALID")
    return link.lab.sign_ins.let_in(link, account)


@handles(fn.auth.LogOutRequest)
def log_out(link: Link, _: Any) -> tl.auth.LoggedOut:
    key_id = link.session.key_id
    link.lab.keys[key_id].account = None
    link.lab.sign_ins.devices.pop(key_id, None)
    others = [other for other in link.me.links if other.session.key_id == key_id]
    link.detach()
    for other in others:
        if other is not link:
            other.cut()
    return tl.auth.LoggedOut()
