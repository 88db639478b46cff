"""An account's signed-in devices, and how accounts come to their end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import LabAccount, random_id
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

if TYPE_CHECKING:
    from siptg.telegram.lab.server import Lab


@attrs.define(eq=False)
class Device:
    """One sign-in. The lab does not ask what kind of device it is."""

    account: LabAccount
    hash: int = attrs.field(factory=random_id)
    since: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    takes_calls: bool = True

    def shown(self, *, current: bool) -> tl.Authorization:
        return tl.Authorization(
            hash=0 if current else self.hash,
            device_model="A device at the lab",
            platform="Linux",
            system_version="1",
            api_id=1,
            app_name="Lab",
            app_version="1",
            date_created=self.since,
            date_active=datetime.now(UTC),
            ip="127.0.0.1",
            country="",
            region="",
            current=current,
            call_requests_disabled=not self.takes_calls,
        )


def sign_out(lab: Lab, account: LabAccount, word: str, but: bytes = b"") -> None:
    """Every session of an account but that of the key `but` ends; its clients hear `word`."""
    for key_id, entry in lab.keys.items():
        if entry.account is account and key_id != but:
            entry.account = None
            lab.sign_ins.ended[key_id] = word
            lab.sign_ins.devices.pop(key_id, None)
    for link in list(account.links):
        if link.session.key_id != but:
            link.cut()


@handles(fn.account.GetAuthorizationsRequest)
def authorizations(link: Link, _: Any) -> tl.account.Authorizations:
    me, devices = link.me, link.lab.sign_ins.devices
    shown = [
        device.shown(current=key_id == link.session.key_id)
        for key_id, device in devices.items()
        if device.account is me
    ]
    return tl.account.Authorizations(180, shown)


@handles(fn.account.ChangeAuthorizationSettingsRequest)
def change_authorization(link: Link, query: Any) -> bool:
    device = _device(link, query.hash)
    if query.call_requests_disabled is not None:
        device.takes_calls = not query.call_requests_disabled
    return True


@handles(fn.account.ResetAuthorizationRequest)
def reset_authorization(link: Link, query: Any) -> bool:
    devices = link.lab.sign_ins.devices
    device = _device(link, query.hash)
    for key_id, found in list(devices.items()):
        if found is device and key_id != link.session.key_id:
            link.lab.keys[key_id].account = None
            link.lab.sign_ins.ended[key_id] = "SESSION_REVOKED"
            del devices[key_id]
            for other in [o for o in link.me.links if o.session.key_id == key_id]:
                other.cut()
    return True


def _device(link: Link, number: int) -> Device:
    """By its number; 0 is the one that asks."""
    devices, me = link.lab.sign_ins.devices, link.me
    if number == 0:
        return devices[link.session.key_id]
    found = next((d for d in devices.values() if d.account is me and d.hash == number), None)
    if found is None:
        raise Refused(400, "HASH_INVALID")
    return found
