"""Registrations against a registrar on a simulated wire: kept, refused, backed off, taken back."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from siptg.sip.account import SipAccount
from siptg.sip.auth import Digest
from siptg.sip.ids import Ids
from siptg.sip.stack import Stack
from siptg.sip.uri import Uri
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.registration import RegistrationUsage, State
from tests.support.wire import Wire

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def start(
    password: str = "secret",
    *,
    expires: int = 300,
    guard: bool = True,
    registrar: Registrar | None = None,
) -> tuple[RegistrationUsage, Wire, Registrar, list[State]]:
    wire, kept = Wire(), registrar or Registrar()
    digest = Digest("r", {"alice": "secret"}.get, Ids(5)) if guard else None
    a = wire.join(A, Stack(ids=Ids(1)))
    wire.join(B, Stack(ids=Ids(2), guard=digest, registrar=kept))
    account = SipAccount(Uri.parse("sip:alice@192.0.2.2"), password, expires=expires)
    states: list[State] = []
    usage = a.register(account, wire.flow(A, B), lambda: states.append(usage.state), 0.0)
    return usage, wire, kept, states


def registers(wire: Wire) -> list[float]:
    return [t for t, what in wire.transcript if what.startswith("REGISTER")]


@pytest.mark.rfc(3261, "10.2.4")
def test_it_is_refreshed_before_it_expires_and_taken_back_in_the_end() -> None:
    usage, wire, kept, states = start(expires=100)
    wire.run(1)
    assert (usage.state, usage.why, states) == (State.READY, "200 OK", [State.READY])
    assert [str(b.contact) for b in kept.locate("alice", 1)] == ["sip:alice@192.0.2.1:5060"]
    wire.run(200)
    first, second = registers(wire)[2:4]
    assert 5 <= first <= 86
    assert 75 <= second - first <= 86
    assert len(kept.locate("alice", 200)) == 1
    usage.close(wire.now)
    wire.run(201)
    assert usage.state is State.CLOSED and kept.locate("alice", 201) == []


def test_accounts_that_began_together_do_not_go_on_together() -> None:
    wire = Wire()
    a = wire.join(A, Stack(ids=Ids(1)))
    wire.join(B, Stack(ids=Ids(2), registrar=Registrar()))
    for number in range(300):
        account = SipAccount(Uri.parse(f"sip:u{number}@192.0.2.2"), "", expires=300)
        a.register(account, wire.flow(A, B), lambda: None, 0.0)
    wire.run(900)
    seconds = Counter(int(t) for t in registers(wire) if t > 1)
    assert 900 < sum(seconds.values()) < 1400
    assert max(seconds.values()) <= 10, "1.3 a second is the mean, 300 would be a burst"


@pytest.mark.product("ER-1")
def test_a_wrong_password_is_refused_tried_three_times_a_minute_apart_and_then_no_more() -> None:
    usage, wire, _, _ = start("wrong")
    wire.run(1000)
    assert (usage.state, usage.why) == (State.REFUSED, "401 Unauthorized")
    first_of_each = [t for n, t in enumerate(registers(wire)) if n % 2 == 0]
    assert first_of_each == [pytest.approx(t, abs=1) for t in (0, 60, 120)]
    assert len(registers(wire)) == 6


@pytest.mark.product("ER-4")
def test_an_absent_registrar_is_asked_at_growing_intervals_up_to_five_minutes() -> None:
    usage, wire, _, _ = start()
    del wire.stacks[B]
    wire.run(3000)
    assert usage.state is State.UNREACHABLE and usage.why == "408 no answer"
    times = registers(wire)
    tries = [times[0]] + [b for a, b in pairwise(times) if b - a > 4.5]
    gaps = [b - a for a, b in pairwise(tries)]
    assert gaps[-1] > 200 and all(gap <= 32 + 300 * 1.25 + 5 for gap in gaps)


def test_a_registrar_that_returns_is_found_again() -> None:
    usage, wire, _, states = start()
    gone = wire.stacks.pop(B)
    wire.run(100)
    wire.stacks[B] = gone
    wire.run(300)
    assert usage.state is State.READY and State.UNREACHABLE in states


@pytest.mark.rfc(3261, "10.2.8")
def test_an_interval_that_is_too_brief_is_lengthened() -> None:
    usage, wire, kept, _ = start(expires=10)
    wire.run(5)
    assert usage.state is State.READY
    assert kept.locate("alice", 29) != []


def test_a_registrar_keeps_each_contact_until_its_time() -> None:
    usage, wire, kept, _ = start(guard=False, expires=60)
    wire.run(1)
    assert len(kept.locate("alice", 50)) == 1
    del wire.stacks[A]
    assert kept.locate("alice", 62) == []
    assert usage.state is State.READY
