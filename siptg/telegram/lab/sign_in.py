"""What a client asks first: the configuration, and who is who. Signing in is in `logins.py`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab import dcs
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

DC = 2


@handles(fn.help.GetConfigRequest)
def config(link: Link, _: Any) -> tl.Config:
    state = link.lab.sign_ins
    now = datetime.now(UTC) + timedelta(seconds=state.clock_ahead)
    homes = {state.dc: link.lab, **state.others}
    return tl.Config(
        date=now,
        expires=now,
        test_mode=True,
        this_dc=link.lab.dcs.of(link),
        dc_options=[
            *(tl.DcOption(number, *lab.address) for number, lab in homes.items()),
            *dcs.options(link.lab),
        ],
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
    me.met.add(found.id)
    return tl.contacts.ResolvedPeer(tl.PeerUser(found.id), [], [found.user(me)])
