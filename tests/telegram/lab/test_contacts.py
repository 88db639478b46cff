"""Contacts: who has whom, who sees which number, and who may call then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
import pytest_asyncio
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.telethon import ask, new_client
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.contacts import contacts_hash
from siptg.telegram.people import TelegramRefused
from tests.support.lab import settings, signed_in


@attrs.define(eq=False)
class Pair:
    lab: Lab
    ann: Any
    bob: Any

    def named(self, name: str) -> LabAccount:
        return next(a for a in self.lab.accounts.values() if a.first_name == name)

    async def sees(self, who: Any, name: str) -> Any:
        """Somebody, as one of the two sees them now."""
        found = await ask(who, fn.contacts.ResolveUsernameRequest(name))
        return found.users[0]

    async def add(self, who: Any, name: str, **how: Any) -> Any:
        user = await self.sees(who, name)
        peer = tl.InputUser(user.id, user.access_hash)
        given = {"first_name": "My", "last_name": name, "phone": ""} | how
        return await ask(who, fn.contacts.AddContactRequest(peer, **given))


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    async with Lab() as lab:
        clients = []
        for name, phone in (("Ann", "+100"), ("Bob", "+200")):
            account = lab.add_user(name, phone, name.lower())
            client = new_client(settings(lab, await signed_in(lab, account)))
            await client.connect()
            clients.append(client)
        yield Pair(lab, *clients)
        for client in clients:
            await client.disconnect()


def card(client_id: int, phone: str, name: str = "Bobby") -> Any:
    return tl.InputPhoneContact(client_id, phone, name, "")


async def test_contacts_are_imported_by_number_and_listed(pair: Pair) -> None:
    bob = pair.named("Bob")
    request = fn.contacts.ImportContactsRequest([card(1, "+2 00"), card(2, "+999"), card(3, "100")])
    got = await ask(pair.ann, request)
    assert [(i.user_id, i.client_id) for i in got.imported] == [(bob.id, 1)]
    (user,) = got.users
    assert (user.first_name, user.contact, user.mutual_contact) == ("Bobby", True, False)
    assert user.phone == "200"  # she had it before
    listed = await ask(pair.ann, fn.contacts.GetContactsRequest(0))
    assert [(c.user_id, c.mutual) for c in listed.contacts] == [(bob.id, False)]
    same = contacts_hash([listed.saved_count, bob.id])
    same -= (same >> 63) << 64
    again = await ask(pair.ann, fn.contacts.GetContactsRequest(same))
    assert isinstance(again, tl.contacts.ContactsNotModified)
    assert bob.id in pair.named("Ann").met


async def test_two_who_have_each_other_are_mutual_until_one_is_deleted(pair: Pair) -> None:
    await pair.add(pair.ann, "bob")
    assert not (await pair.sees(pair.ann, "bob")).mutual_contact
    await pair.add(pair.bob, "ann")
    bob = await pair.sees(pair.ann, "bob")
    assert (bob.first_name, bob.last_name, bob.mutual_contact) == ("My", "bob", True)
    peer = tl.InputUser(bob.id, bob.access_hash)
    gone = await ask(pair.ann, fn.contacts.DeleteContactsRequest([peer]))
    assert (gone.users[0].contact, gone.users[0].first_name) == (False, "Bob")
    assert not (await pair.sees(pair.bob, "ann")).mutual_contact
    assert (await ask(pair.ann, fn.contacts.GetContactsRequest(0))).contacts == []


async def test_a_number_is_seen_by_whom_its_owner_lets_see_it(pair: Pair) -> None:
    await pair.add(pair.ann, "bob")
    assert (await pair.sees(pair.ann, "bob")).phone is None  # he has not got her
    assert (await pair.sees(pair.bob, "ann")).phone == "100"  # to her contacts, as it begins
    key, nobody = tl.InputPrivacyKeyPhoneNumber(), tl.InputPrivacyValueDisallowAll()
    await ask(pair.ann, fn.account.SetPrivacyRequest(key, [nobody]))
    assert (await pair.sees(pair.bob, "ann")).phone is None
    await pair.add(pair.ann, "bob", add_phone_privacy_exception=True)
    assert (await pair.sees(pair.bob, "ann")).phone == "100"
    rules = (await ask(pair.ann, fn.account.GetPrivacyRequest(key))).rules
    assert [type(r) for r in rules] == [tl.PrivacyValueAllowUsers, tl.PrivacyValueDisallowAll]


async def test_a_guessed_number_shows_nothing(pair: Pair) -> None:
    await pair.add(pair.ann, "bob", phone="+201")
    assert (await pair.sees(pair.ann, "bob")).phone is None


async def test_who_is_not_found_by_number_is_not_imported(pair: Pair) -> None:
    key, contacts = tl.InputPrivacyKeyAddedByPhone(), tl.InputPrivacyValueAllowContacts()
    await ask(pair.bob, fn.account.SetPrivacyRequest(key, [contacts]))
    request = fn.contacts.ImportContactsRequest([card(1, "200")])
    assert (await ask(pair.ann, request)).imported == []
    await pair.add(pair.bob, "ann")
    assert len((await ask(pair.ann, request)).imported) == 1


async def test_calls_from_contacts_only(pair: Pair) -> None:
    key, contacts = tl.InputPrivacyKeyPhoneCall(), tl.InputPrivacyValueAllowContacts()
    await ask(pair.bob, fn.account.SetPrivacyRequest(key, [contacts]))
    user = await pair.sees(pair.ann, "bob")
    protocol = tl.PhoneCallProtocol(65, 92, ["9.0.0"], udp_p2p=True)
    peer = tl.InputUser(user.id, user.access_hash)
    call = fn.phone.RequestCallRequest(peer, bytes(32), protocol, random_id=5)
    with pytest.raises(TelegramRefused, match=r"^USER_PRIVACY_RESTRICTED$"):
        await ask(pair.ann, call)
    await pair.add(pair.ann, "bob")  # that she has him is not enough
    with pytest.raises(TelegramRefused, match=r"^USER_PRIVACY_RESTRICTED$"):
        await ask(pair.ann, call)
    await pair.add(pair.bob, "ann")
    assert (await ask(pair.ann, call)).phone_call.participant_id == user.id


async def test_what_is_wrong_is_refused_in_telegrams_words(pair: Pair) -> None:
    with pytest.raises(TelegramRefused, match=r"^CONTACT_NAME_EMPTY$"):
        await pair.add(pair.ann, "bob", first_name="")
    with pytest.raises(TelegramRefused, match=r"^CONTACT_ID_INVALID$"):
        await ask(pair.ann, fn.contacts.AddContactRequest(tl.InputUserSelf(), "Me", "", ""))
