"""An account's contacts (core.telegram.org/api/contacts).

Simpler than Telegram: no notes and no suggestions of whom to invite, and a number without an
account is forgotten at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.accounts import BY_PHONE, NUMBER, Contact, LabAccount
from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

MOST_IMPORTED = 500
"""Of one request; Telegram's own limit is not known."""


def contacts_hash(numbers: list[int]) -> int:
    """Of the saved count and the sorted ids: what a client says that has these contacts
    (core.telegram.org/api/offsets).
    """
    value = 0
    for number in numbers:
        value ^= value >> 21
        value ^= value << 35 & (1 << 64) - 1
        value ^= value >> 4
        value = value + number & (1 << 64) - 1
    return value


@handles(fn.contacts.ImportContactsRequest)
def import_contacts(link: Link, query: Any) -> tl.contacts.ImportedContacts:
    """By phone number; who does not let themselves be found by it is not told."""
    me, found = _user(link), {}
    by_phone = {a.phone: a for a in link.lab.accounts.values() if a.phone}
    imported = []
    for card in query.contacts[:MOST_IMPORTED]:
        phone = "".join(filter(str.isdigit, card.phone))
        other = by_phone.get(phone)
        if other is None or other is me or not other.allows(BY_PHONE, me):
            continue
        _keep(me, other, Contact(card.first_name, card.last_name, phone))
        imported.append(tl.ImportedContact(other.id, card.client_id))
        found[other.id] = other
    left = [card.client_id for card in query.contacts[MOST_IMPORTED:]]
    users = [other.user(me) for other in found.values()]
    return tl.contacts.ImportedContacts(imported, [], left, users)


@handles(fn.contacts.AddContactRequest)
def add_contact(link: Link, query: Any) -> tl.Updates:
    """By id; the exception lets them see our number."""
    me, other = _user(link), link.find(query.id)
    if other is me:
        raise Refused(400, "CONTACT_ID_INVALID")
    if not query.first_name:
        raise Refused(400, "CONTACT_NAME_EMPTY")
    phone = "".join(filter(str.isdigit, query.phone))
    known = phone if phone and phone == other.phone else ""  # who guesses learns nothing
    _keep(me, other, Contact(query.first_name, query.last_name, known))
    if query.add_phone_privacy_exception and not me.allows(NUMBER, other):
        me.privacy[NUMBER] = [tl.PrivacyValueAllowUsers([other.id]), *me.rules(NUMBER)]
    return _told(link, [other])


@handles(fn.contacts.DeleteContactsRequest)
def delete_contacts(link: Link, query: Any) -> tl.Updates:
    me, gone = _user(link), [link.find(user) for user in query.id]
    for other in gone:
        me.contacts.pop(other.id, None)
    return _told(link, gone)


@handles(fn.contacts.GetContactsRequest)
def get_contacts(link: Link, query: Any) -> Any:
    me, accounts = _user(link), link.lab.accounts
    there = [accounts[n] for n in sorted(me.contacts) if n in accounts]
    if query.hash and query.hash & (1 << 64) - 1 == contacts_hash([0, *(a.id for a in there)]):
        return tl.contacts.ContactsNotModified()
    listed = [tl.Contact(other.id, me.id in other.contacts) for other in there]
    return tl.contacts.Contacts(listed, 0, [other.user(me) for other in there])


def _keep(me: LabAccount, other: LabAccount, contact: Contact) -> None:
    me.contacts[other.id] = contact
    me.met.add(other.id)


def _user(link: Link) -> LabAccount:
    if link.me.is_bot:
        raise Refused(400, "BOT_METHOD_INVALID")
    return link.me


def _told(link: Link, about: list[LabAccount]) -> tl.Updates:
    """To the client that asked, as the result, and to the account's others as news."""
    settings = tl.PeerSettings()
    updates = [tl.UpdatePeerSettings(tl.PeerUser(other.id), settings) for other in about]
    for device in [one for one in link.me.links if one is not link]:
        for update, other in zip(updates, about, strict=True):
            device.push(update, (other,))
    users = [other.user(link.me) for other in about]
    return tl.Updates(updates, users, [], datetime.now(UTC), 0)
