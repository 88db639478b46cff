"""Who may call, who sees a number, whose forwarded words lead back to them
(core.telegram.org/api/privacy).

The first rule that fits decides; where none fits, it is no. Simpler than Telegram: rules about
groups, bots, premium users and close friends are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.lab.handlers import handles
from siptg.telegram.lab.link import Link, Refused

if TYPE_CHECKING:
    from siptg.telegram.lab.accounts import LabAccount

_PLAIN = {
    tl.InputPrivacyValueAllowAll: tl.PrivacyValueAllowAll,
    tl.InputPrivacyValueDisallowAll: tl.PrivacyValueDisallowAll,
    tl.InputPrivacyValueAllowContacts: tl.PrivacyValueAllowContacts,
    tl.InputPrivacyValueDisallowContacts: tl.PrivacyValueDisallowContacts,
}
_USERS = {
    tl.InputPrivacyValueAllowUsers: tl.PrivacyValueAllowUsers,
    tl.InputPrivacyValueDisallowUsers: tl.PrivacyValueDisallowUsers,
}


@handles(fn.account.GetPrivacyRequest)
def get_privacy(link: Link, query: Any) -> tl.account.PrivacyRules:
    return _told(link, query.key)


@handles(fn.account.SetPrivacyRequest)
def set_privacy(link: Link, query: Any) -> tl.account.PrivacyRules:
    rules: list[Any] = []
    for rule in query.rules:
        kind = type(rule)
        if kind in _PLAIN:
            rules.append(_PLAIN[kind]())
        elif kind in _USERS:
            rules.append(_USERS[kind]([link.find(user).id for user in rule.users]))
    if not rules:
        raise Refused(400, "PRIVACY_VALUE_INVALID")
    link.me.privacy[type(query.key)] = rules
    return _told(link, query.key)


def _told(link: Link, key: Any) -> tl.account.PrivacyRules:
    me = link.me
    rules = me.rules(type(key))
    named = [n for rule in rules for n in getattr(rule, "users", ())]
    found: list[LabAccount] = [a for n in named if (a := link.lab.accounts.get(n)) is not None]
    return tl.account.PrivacyRules(list(rules), [], [person.user(me) for person in found])
