"""DTLS and what an enemy sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.keys.dtls import State, is_dtls
from tests.rtp.dtls_network import DELAY, Network, connected, pair, talk


@pytest.mark.rfc(7983, "7")
def test_dtls_is_told_by_the_first_byte() -> None:
    told = [n for n in range(256) if is_dtls(bytes([n, 0, 0]))]
    assert told == list(range(20, 64))
    assert not is_dtls(b"")


def test_garbage_and_forged_alerts_do_not_disturb_an_association() -> None:
    network = Network(pair())
    garbage = [b"\x16", b"\x15\xfe\xfd", bytes(range(20, 64)), b"\x16\xfe\xfd" + bytes(10)]
    garbage += [
        bytes([kind]) + b"\xfe\xfd" + bytes(8) + b"\xff\xff" + bytes(99) for kind in (20, 22)
    ]
    network.start()
    for datagram in garbage:
        for end in network.ends:
            end.receive(datagram, 0.0)
    network.run()
    alert = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
    for datagram in (*garbage, alert):
        for end in network.ends:
            end.receive(datagram, 1.0)
    assert [end.state for end in network.ends] == [State.UP, State.UP]
    talk(network.ends[0].srtp, network.ends[1].srtp)


RECORD = st.builds(
    lambda kind, version, epoch, sequence, body: (
        bytes([kind])
        + version
        + epoch.to_bytes(2, "big")
        + sequence.to_bytes(6, "big")
        + len(body).to_bytes(2, "big")
        + body
    ),
    st.integers(20, 23),
    st.sampled_from([b"\xfe\xff", b"\xfe\xfd", b"\xfe\xfc"]),
    st.integers(0, 2),
    st.integers(0, 20),
    st.binary(max_size=80),
)


@given(
    data=st.lists(
        st.tuples(st.integers(0, 1), st.binary(max_size=60) | RECORD, st.booleans()), max_size=12
    )
)
def test_nothing_a_peer_sends_raises_or_gives_keys_to_a_stranger(
    data: list[tuple[int, bytes, bool]],
) -> None:
    network = Network(pair())
    network.start()
    for to, datagram, go_on in data:
        network.ends[to].receive(datagram, network.now)
        if go_on:
            network.run(network.now + DELAY)
    network.run()
    for end in network.ends:
        assert end.state in (State.UP, State.FAILED, State.CLOSED)
        assert (end.srtp is None) == (end.keys is None)
    if all(end.state is State.UP for end in network.ends):
        talk(network.ends[0].srtp, network.ends[1].srtp)


@given(datagrams=st.lists(RECORD | st.lists(RECORD, max_size=4).map(b"".join), max_size=20))
def test_nothing_that_is_forged_ends_an_association_that_stands(datagrams: list[bytes]) -> None:
    network = connected()
    for end in network.ends:
        for datagram in datagrams:
            end.receive(datagram, 1.0)
        assert end.state is State.UP
    talk(network.ends[0].srtp, network.ends[1].srtp)


def test_a_bit_that_flips_in_a_handshake_never_ends_in_different_keys() -> None:
    flights = [datagram for _, _, datagram in connected().sent]
    for n, datagram in enumerate(flights):
        for at in range(0, len(datagram), 23):
            network = Network(pair())
            network.start()
            broken = bytearray(datagram)
            broken[at] ^= 4
            network.ends[1 - n % 2].receive(bytes(broken), 0.0)
            network.run()
            if [end.state for end in network.ends] == [State.UP, State.UP]:
                talk(network.ends[0].srtp, network.ends[1].srtp)
