"""STUN on the SIP port, and what keeps a registration's path open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip import stun
from siptg.sip.account import SipAccount
from siptg.sip.errors import ProtocolError
from siptg.sip.flow import Address, Flow
from siptg.sip.ids import Ids
from siptg.sip.stack import Stack
from siptg.sip.uri import Uri
from siptg.sip.usages.registrar import Registrar
from siptg.sip.usages.registration import State
from tests.support.ends import A, B
from tests.support.wire import Wire

addresses = st.tuples(st.ip_addresses().map(str), st.integers(1, 65_535))


@given(addresses, st.binary(min_size=12, max_size=12))
@pytest.mark.rfc(5389, "15.2")
def test_an_answer_shows_the_address_it_goes_to(address: Address, transaction: bytes) -> None:
    asked = stun.request(transaction)
    answer = stun.answer(asked, address)
    assert stun.is_stun(asked) and stun.is_request(asked) and stun.is_stun(answer)
    assert stun.transaction_of(answer) == transaction and stun.mapped(answer) == address


@given(st.binary(max_size=100))
def test_anything_else_is_an_error(data: bytes) -> None:
    made = b"\x01\x01" + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + data
    assert stun.is_stun(made)
    try:
        stun.mapped(made)
    except ProtocolError:
        return


@pytest.mark.rfc(5626, "5.4")
def test_a_stack_answers_stun_on_its_sip_port() -> None:
    stack, flow = Stack(), Flow("UDP", B, ("198.51.100.7", 40_000))
    stack.receive(stun.request(b"x" * 12), flow, 0.0)
    ((way, answer),) = stack.outgoing()
    assert way == flow and stun.mapped(answer) == ("198.51.100.7", 40_000)
    stack.receive(answer, flow, 0.0)  # nobody asked
    assert stack.outgoing() == [] and stack.counters["stun"] == 2


def kept(*quirks: str, seconds: float = 25.0) -> tuple[Wire, Stack, list[State]]:
    wire, states = Wire(), list[State]()
    a = wire.join(A, Stack(ids=Ids(1)))
    wire.join(B, Stack(ids=Ids(2), registrar=Registrar()))
    account = SipAccount(
        Uri.parse("sip:alice@192.0.2.2"), expires=3600, keep_alive=seconds, quirks=quirks
    )
    usage = a.register(account, wire.flow(A, B), lambda: states.append(usage.state), 0.0)
    return wire, a, states


@pytest.mark.rfc(5626, "4.4.1")
@pytest.mark.parametrize(("seconds", "least", "most"), [(25.0, 40, 50), (0.0, 0, 0)])
def test_a_path_is_kept_open_by_line_ends(seconds: float, least: int, most: int) -> None:
    wire, _, states = kept(seconds=seconds)
    wire.run(1000)
    assert least <= wire.stacks[B].counters["keepalive"] <= most and states == [State.READY]


@pytest.mark.rfc(5626, "4.4.2")
def test_a_nat_that_changes_its_mind_or_a_silent_path_is_registered_anew() -> None:
    wire, _, states = kept("stun-keepalive")
    wire.run(100)
    assert wire.stacks[B].counters["stun"] >= 3 and states == [State.READY]
    nat = Nat()
    wire.stacks[B]._stun = nat
    wire.run(140)
    assert states == [State.READY, State.UNREACHABLE, State.READY]
    nat.silent = True
    wire.run(180)
    assert states[3:5] == [State.UNREACHABLE, State.READY]


class Nat(stun.StunDesk):
    """Shows another port than before, or nothing."""

    silent = False

    def receive(self, data: bytes, remote: Address, now: float) -> bytes | None:
        return None if self.silent else super().receive(data, (remote[0], 9), now)
