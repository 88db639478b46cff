"""What of a lab outlives it: accounts, who is signed in by which key, and how far numbers went.

Messages, files and calls do not: who was away at the end hears "too long", finds empty chats, and
goes on from there.
"""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError
from telethon.crypto import AuthKey
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import Contact, LabAccount
from siptg.telegram.lab.devices import Device
from siptg.telegram.lab.password import Password
from siptg.telegram.lab.server import KeyEntry, Lab

VERSION = 1
MOST_KEYS = 20
"""Of one account: a phone at a terminal makes a new one each time and comes back with none."""
SKIPPED = 1000
"""Numbers that are left out after a lab that could not write down its last ones: none is used
twice, as clients remember which messages they have handled."""

RULES = (
    tl.PrivacyValueAllowAll,
    tl.PrivacyValueAllowContacts,
    tl.PrivacyValueAllowUsers,
    tl.PrivacyValueDisallowAll,
    tl.PrivacyValueDisallowContacts,
    tl.PrivacyValueDisallowUsers,
)
_RULES = {kind.__name__: kind for kind in RULES}


@attrs.frozen
class KeptAccount:
    id: int
    first_name: str
    phone: str
    username: str | None
    bot_token: str
    secret: bytes
    pts: int
    inline: bool
    inline_feedback: bool
    language: str
    banned: bool
    blocked: list[int]
    met: list[int]
    contacts: dict[int, Contact]
    privacy: dict[str, list[tuple[str, list[int]]]]
    """Name of the key → names of its rules, and whom they name."""
    password: Password | None


@attrs.frozen
class KeptKey:
    """An auth key of somebody, or one whose session was ended."""

    key: bytes
    layer: int
    account: int
    """0 for nobody's any more."""
    ended: str
    """Telegram's word for why it is nobody's."""
    seq: int
    """Of what was last pushed to it."""
    device: int
    since: datetime
    takes_calls: bool


@attrs.frozen
class KeptLab:
    version: int
    ended: bool
    """Written at the lab's orderly end, so that no number was given out afterwards."""
    messages: int
    """The number of the newest."""
    accounts: list[KeptAccount]
    keys: list[KeptKey]


_converter = Converter(forbid_extra_keys=True)
_converter.register_unstructure_hook(bytes, bytes.hex)
_converter.register_structure_hook(bytes, lambda text, _: bytes.fromhex(text))
_converter.register_unstructure_hook(datetime, lambda at: int(at.timestamp()))
_converter.register_structure_hook(datetime, lambda at, _: datetime.fromtimestamp(at, UTC))


def kept_of(lab: Lab, *, ended: bool) -> Any:
    """A lab's lasting state, as JSON takes it."""
    accounts = [_account(lab, account) for account in lab.accounts.values()]
    keys = [_key(lab, entry) for entry in _lasting(lab)]
    kept = KeptLab(VERSION, ended, lab.chats.newest, accounts, keys)
    return _converter.unstructure(kept)


def restore(lab: Lab, found: Any) -> None:
    """Put it into a new lab. ValueError for what is no such state; nothing is changed then."""
    version = found.get("version") if isinstance(found, dict) else None
    if version != VERSION:
        raise ValueError(f"version {version} of its form, where this siptg writes {VERSION}")
    try:
        kept = _converter.structure(found, KeptLab)
    except (BaseValidationError, ValueError) as error:
        raise ValueError("; ".join(transform_error(error))) from None
    skipped = 0 if kept.ended else SKIPPED
    accounts = {one.id: _restored(one, skipped) for one in kept.accounts}
    entries = [(one, KeyEntry(AuthKey(one.key))) for one in kept.keys]
    for one, entry in entries:
        if len(one.key) != 256 or (one.account and one.account not in accounts):
            raise ValueError(f"a key of account {one.account} that cannot be")
        entry.account, entry.layer = accounts.get(one.account), one.layer
    for one, entry in entries:
        id = entry.envelope.key_id
        lab.keys[id] = entry
        if entry.account is None:
            lab.sign_ins.ended[id] = one.ended
            continue
        entry.account.updates.seqs[id] = one.seq + skipped
        device = Device(entry.account, one.device, one.since, one.takes_calls)
        lab.sign_ins.devices[id] = device
    lab.accounts.update(accounts)
    for old in kept.accounts:
        if old.banned:
            lab.sign_ins.banned.add(old.id)
        if old.password is not None:
            lab.sign_ins.passwords[old.id] = old.password
    lab.ids = itertools.count(max([1000, *(a.id for a in kept.accounts if not a.bot_token)]) + 1)
    lab.chats.newest = kept.messages + skipped


def _lasting(lab: Lab) -> list[KeyEntry]:
    """The newest keys of each account, and of those whose sessions were ended, oldest first."""
    counts: Counter[int] = Counter()
    found = []
    for entry in reversed(lab.keys.values()):
        who = entry.account.id if entry.account is not None else 0
        if who or entry.envelope.key_id in lab.sign_ins.ended:
            counts[who] += 1
            if counts[who] <= MOST_KEYS:
                found.append(entry)
    return found[::-1]


def _account(lab: Lab, one: LabAccount) -> KeptAccount:
    privacy = {
        key.__name__: [(type(rule).__name__, list(getattr(rule, "users", ()))) for rule in rules]
        for key, rules in one.privacy.items()
    }
    return KeptAccount(
        **{name: getattr(one, name) for name in _SAME},
        banned=one.id in lab.sign_ins.banned,
        blocked=sorted(one.blocked),
        met=sorted(one.met),
        privacy=privacy,
        password=lab.sign_ins.passwords.get(one.id),
    )


_SAME = (
    "id",
    "first_name",
    "phone",
    "username",
    "bot_token",
    "secret",
    "pts",
    "inline",
    "inline_feedback",
    "language",
    "contacts",
)
"""Fields that an account and its record have alike."""


def _restored(old: KeptAccount, skipped: int) -> LabAccount:
    made = LabAccount(old.id, old.first_name)
    for name in _SAME:
        setattr(made, name, getattr(old, name))
    made.pts = old.pts + skipped
    made.blocked, made.met = set(old.blocked), set(old.met)
    for key, rules in old.privacy.items():
        kind = getattr(tl, key, None) if key.startswith("InputPrivacyKey") else None
        if kind is None or any(name not in _RULES for name, _ in rules):
            raise ValueError(f"privacy of {key} that cannot be")
        made.privacy[kind] = [
            _RULES[name](users) if name.endswith("Users") else _RULES[name]()
            for name, users in rules
        ]
    return made


def _key(lab: Lab, entry: KeyEntry) -> KeptKey:
    id, account = entry.envelope.key_id, entry.account
    device = lab.sign_ins.devices.get(id)
    if account is None or device is None:
        # signed in without being a device: what another data centre exported
        device = Device(account or LabAccount(0, ""), 0, datetime.fromtimestamp(0, UTC))
    return KeptKey(
        entry.key.key,
        entry.layer,
        account.id if account is not None else 0,
        lab.sign_ins.ended.get(id, "") if account is None else "",
        account.updates.seqs.get(id, 0) if account is not None else 0,
        device.hash,
        device.since,
        device.takes_calls,
    )
