"""DTLS-SRTP: handshakes, lost flights, who is there, goodbyes. OpenSSL's own timer stays out of it:
it has a clock of its own.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from siptg.rtp.keys.dtls import GIVE_UP, MOST_EARLY, PROFILES, Dtls, State
from siptg.rtp.keys.srtp import SUITES
from tests.rtp.dtls_network import DELAY, Network, certificate, connected, pair, talk

PATTERNS = list(itertools.product([False, True], repeat=3))


@pytest.mark.rfc(5764, "4.2")
def test_both_ends_come_up_with_each_others_keys_in_two_round_trips() -> None:
    network = connected()
    client, server = network.ends
    assert client.keys is not None and server.keys is not None
    assert client.keys == (server.keys[0], server.keys[2], server.keys[1])
    assert client.keys[1] != client.keys[2]
    assert [n for _, n, _ in network.sent] == [0, 1, 0, 1]
    assert network.now == pytest.approx(4 * DELAY)
    talk(client.srtp, server.srtp)
    assert (client.deadline(), server.deadline()) == (None, None)


@pytest.mark.rfc(5764, "4.1.2")
@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_is_agreed_on(profile: str) -> None:
    client, server = connected(client=[profile]).ends
    assert client.srtp is not None
    assert client.srtp.suite is SUITES[profile]
    talk(client.srtp, server.srtp)


@pytest.mark.rfc(5764, "4.1.1")
def test_of_several_profiles_the_servers_first_is_taken_that_the_client_has() -> None:
    client = ["AES_CM_128_HMAC_SHA1_32", "AES_CM_128_HMAC_SHA1_80"]
    server = ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]
    (one, _) = connected(client=client, server=server).ends
    assert one.srtp is not None and one.srtp.suite.name == "AES_CM_128_HMAC_SHA1_80"


@pytest.mark.rfc(5764, "4.1.1")
def test_no_profile_in_common_is_a_failure_on_both_sides() -> None:
    network = Network(pair(client=["AEAD_AES_128_GCM"], server=["AES_CM_128_HMAC_SHA1_80"]))
    network.start()
    network.run()
    for end in network.ends:
        assert (end.state, end.srtp, end.keys) == (State.FAILED, None, None)
        assert end.reason == "no profile of SRTP was agreed on"


def test_a_profile_that_dtls_has_no_number_for_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="AES_256_CM_HMAC_SHA1_80"):
        pair(client=["AES_256_CM_HMAC_SHA1_80"])
    with pytest.raises(ValueError, match="none given"):
        pair(client=[])


@pytest.mark.rfc(6347, "4.1.1")
@pytest.mark.parametrize("mtu", [256, 400, 1200])
def test_no_datagram_is_longer_than_the_path_carries(mtu: int) -> None:
    network = Network(pair(mtu=mtu))
    network.start()
    network.run()
    talk(network.ends[0].srtp, network.ends[1].srtp)
    assert max(len(datagram) for _, _, datagram in network.sent) <= mtu


@pytest.mark.rfc(6347, "4.2.4")
@pytest.mark.parametrize("from_client", PATTERNS)
@pytest.mark.parametrize("from_server", PATTERNS)
def test_flights_that_are_lost_are_sent_again(
    from_client: tuple[bool, ...], from_server: tuple[bool, ...]
) -> None:
    network = Network(pair(), (list(from_client), list(from_server)))
    network.start()
    network.run()
    assert [end.state for end in network.ends] == [State.UP, State.UP]
    talk(network.ends[0].srtp, network.ends[1].srtp)
    assert network.now < 8


@given(
    from_client=st.lists(st.booleans(), max_size=6), from_server=st.lists(st.booleans(), max_size=6)
)
def test_whatever_is_lost_in_the_first_seconds_the_ends_meet(
    from_client: list[bool], from_server: list[bool]
) -> None:
    network = Network(pair(), (from_client, from_server))
    network.start()
    network.run()
    assert [end.state for end in network.ends] == [State.UP, State.UP]
    talk(network.ends[0].srtp, network.ends[1].srtp)


@pytest.mark.rfc(6347, "4.2.4")
def test_the_first_flight_is_repeated_at_doubling_distances_until_the_client_gives_up() -> None:
    client, _ = pair()
    network = Network((client, Dtls(certificate("his"), [], client=False)), ([True] * 99, []))
    client.start(0.0)
    network.run()
    times = [at for at, _, _ in network.sent]
    assert times[:6] == [0.0, 0.2, 0.6, 1.4, 3.0, 6.0]
    assert max(b - a for a, b in itertools.pairwise(times)) == pytest.approx(3.0)
    assert {datagram for _, _, datagram in network.sent[:4]} == {network.sent[0][2]}
    assert (client.state, client.reason) == (State.FAILED, "the peer did not answer")
    assert network.now == pytest.approx(GIVE_UP)


def test_a_handshake_that_openssl_gives_up_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = pair()
    client.start(0.0)

    def give_up() -> bool:
        raise SSL.Error([("SSL routines", "", "read timeout expired")])

    monkeypatch.setattr(client._ssl, "DTLSv1_handle_timeout", give_up)
    client.tick(0.2)
    assert (client.state, client.reason) == (State.FAILED, "read timeout expired")


def test_a_server_says_nothing_until_it_is_spoken_to_and_gives_up_in_the_end() -> None:
    _, server = pair()
    server.start(5.0)
    assert (server.outgoing(), server.deadline()) == ([], 5.0 + GIVE_UP)
    server.tick(5.0 + GIVE_UP)
    assert (server.state, server.deadline()) == (State.FAILED, None)


def test_what_comes_before_the_start_is_kept_but_not_without_end() -> None:
    client, server = pair()
    client.start(0.0)
    hello = client.outgoing()
    for datagram in hello * (MOST_EARLY + 5):
        server.receive(datagram, 0.0)
    assert server.outgoing() == []
    server.start(0.1)
    answers = server.outgoing()
    assert answers
    network = Network((client, server), now=0.1)
    for datagram in answers:
        client.receive(datagram, 0.1)
    network.run()
    talk(client.srtp, server.srtp)


@pytest.mark.rfc(6347, "4.2.4")
def test_a_client_that_repeats_its_last_flight_is_answered_a_bounded_number_of_times() -> None:
    network = connected()
    _, server = network.ends
    (flight,) = [d for at, n, d in network.sent if n == 0 and at > 0]
    answers = 0
    for _ in range(1000):
        server.receive(flight, 1.0)
        answers += len(server.outgoing())
    assert 0 < answers <= 16
    assert server.state is State.UP


@pytest.mark.rfc(5763, "5")
@pytest.mark.parametrize("wrong", [0, 1])
def test_a_certificate_that_signalling_did_not_name_gets_no_keys(wrong: int) -> None:
    certificates = [certificate("hers"), certificate("his")]
    named = [certificates[1].fingerprint, certificates[0].fingerprint]
    named[wrong] = certificate("a stranger's").fingerprint
    ends = (
        Dtls(certificates[0], [named[0]], client=True),
        Dtls(certificates[1], [named[1]], client=False),
    )
    network = Network(ends)
    network.start()
    network.run()
    assert [end.state for end in ends] == [State.FAILED, State.FAILED]
    assert ends[wrong].reason == "the peer's certificate is none of those its SDP names"
    assert [(end.srtp, end.keys) for end in ends] == [(None, None)] * 2
    assert network.now < 1


@pytest.mark.rfc(5763, "5")
@pytest.mark.parametrize("named", ["right", "wrong", "none"])
@pytest.mark.parametrize("early", [True, False])
def test_keys_wait_for_signalling_to_name_the_certificate(named: str, early: bool) -> None:
    hers, his = certificate("hers"), certificate("his")
    client, server = Dtls(hers, [his.fingerprint], client=True), Dtls(his, None, client=False)
    names = {"right": [hers.fingerprint], "wrong": [his.fingerprint], "none": []}[named]
    network = Network((client, server))
    network.start()
    if early:
        server.verify(names)
    network.run()
    if not early:
        assert (client.state, server.state) == (State.UP, State.UNVERIFIED)
        assert (server.srtp, server.keys) == (None, None)
        server.verify(names)
        network.run()
    if named == "right":
        talk(client.srtp, server.srtp)
        server.verify([his.fingerprint])  # signalling cannot take back what is settled
        assert server.state is State.UP
    else:
        assert (server.state, server.srtp) == (State.FAILED, None)
        assert client.state is State.CLOSED


@pytest.mark.parametrize("first", [0, 1])
def test_a_goodbye_closes_both_ends_and_leaves_the_keys(first: int) -> None:
    network = connected()
    here, there = network.ends[first], network.ends[1 - first]
    here.close()
    network.run()
    assert (here.state, here.reason) == (State.CLOSED, "we closed it")
    assert (there.state, there.reason) == (State.CLOSED, "the peer closed it")
    talk(here.srtp, there.srtp)
    there.close()
    here.close()
    network.run()
    here.receive(b"\x16", 1.0)
    assert (here.outgoing(), here.state) == ([], State.CLOSED)


def test_closing_before_and_during_the_handshake_says_nothing_more() -> None:
    client, server = pair()
    server.close()
    server.start(0.0)
    client.start(0.0)
    client.outgoing()
    client.close()
    client.tick(5.0)
    assert (client.outgoing(), client.deadline(), client.state) == ([], None, State.CLOSED)
    assert (server.outgoing(), server.deadline(), server.state) == ([], None, State.CLOSED)
