"""Signing in, and who is who."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

DC = 2


def test_code(phone: str) -> str:
    """Of a test number, 99966XYYYY: five times its X, as in Telegram's test data centres."""
    number = phone.lstrip("+")
    return number[5] * 5 if len(number) == 10 and number.startswith("99966") else ""


@handles(fn.help.GetConfigRequest)
def config(link: Link, _: Any) -> tl.Config:
    host, port = link.lab.address
    now = datetime.now(UTC)
    return tl.Config(
        date=now,
        expires=now,
        test_mode=True,
        this_dc=DC,
        dc_options=[tl.DcOption(DC, host, port)],
        dc_txt_domain_name="",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=100,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=172_800,
        revoke_time_limit=172_800,
        revoke_pm_time_limit=2**31 - 1,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=20_000,
        call_ring_timeout_ms=90_000,
        call_connect_timeout_ms=30_000,
        call_packet_timeout_ms=10_000,
        me_url_prefix="https://t.me/",
        caption_length_max=1024,
        message_length_max=4096,
        webfile_dc_id=DC,
    )


@handles(fn.auth.SendCodeRequest)
def send_code(link: Link, query: Any) -> tl.auth.SentCode:
    phone = query.phone_number.lstrip("+")
    if not phone.isdigit():
        raise Refused(400, "PHONE_NUMBER_INVALID")
    code = test_code(phone) or f"{int.from_bytes(os.urandom(4), 'big') % 100_000:05}"
    link.lab.codes[phone] = code
    link.lab.code_sent(phone, code)
    return tl.auth.SentCode(tl.auth.SentCodeTypeApp(5), "hash")


@handles(fn.auth.SignInRequest)
def sign_in(link: Link, query: Any) -> tl.auth.Authorization:
    phone = query.phone_number.lstrip("+")
    if not query.phone_code or link.lab.codes.get(phone) != query.phone_code:
        raise Refused(400, "PHONE_CODE_INVALID")
    account = next((a for a in link.lab.accounts.values() if a.phone and a.phone == phone), None)
    if account is None:
        raise Refused(400, "PHONE_NUMBER_UNOCCUPIED")
    del link.lab.codes[phone]
    link.attach(account)
    return tl.auth.Authorization(account.user(account))


@handles(fn.auth.ImportBotAuthorizationRequest)
def sign_in_bot(link: Link, query: Any) -> tl.auth.Authorization:
    token = query.bot_auth_token
    account = next((a for a in link.lab.accounts.values() if token and a.bot_token == token), None)
    if account is None:
        raise Refused(400, "ACCESS_TOKEN_INVALID")
    link.attach(account)
    return tl.auth.Authorization(account.user(account))


@handles(fn.auth.LogOutRequest)
def log_out(link: Link, _: Any) -> tl.auth.LoggedOut:
    link.lab.keys[link.session.key_id].account = None
    link.detach()
    return tl.auth.LoggedOut()


@handles(fn.users.GetUsersRequest)
def get_users(link: Link, query: Any) -> list[tl.User]:
    me = link.me
    return [link.find(user).user(me) for user in query.id]


@handles(fn.contacts.ResolveUsernameRequest)
def resolve(link: Link, query: Any) -> tl.contacts.ResolvedPeer:
    name, me = query.username.lower(), link.me
    found = next(
        (a for a in link.lab.accounts.values() if (a.username or "").lower() == name), None
    )
    if found is None:
        raise Refused(400, "USERNAME_NOT_OCCUPIED")
    return tl.contacts.ResolvedPeer(tl.PeerUser(found.id), [], [found.user(me)])
