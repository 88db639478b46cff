"""Where a peer can make us send checks to, and where not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.media.targets import LONGEST_LINE, read_candidate


def line(host: str, port: int | str = 40_000, kind: str = "host", more: str = "") -> str:
    return f"candidate:1 1 udp 1 {host} {port} typ {kind}{more}"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("192.0.2.1", 40_000),
        ("10.0.0.5", 5060),
        ("2001:db8::1", 40_000),
        ("fd12::5", 40_000),
        ("8.8.8.8", 443),
        ("8.8.8.8", 80),
    ],
)
def test_peers_are_found_in_any_network(host: str, port: int) -> None:
    found = read_candidate(line(host, port), loopback=False)
    assert found is not None and found[1] == host


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 40_000),
        ("::1", 40_000),
        ("::ffff:127.0.0.1", 40_000),
        ("0.0.0.0", 40_000),
        ("::", 40_000),
        ("224.0.0.251", 5353),
        ("ff02::fb", 5353),
        ("255.255.255.255", 40_000),
        ("240.0.0.1", 40_000),
        ("169.254.169.254", 40_000),
        ("fe80::1", 40_000),
        ("100::1:102:304", 40_000),
        ("8.8.8.8", 53),
        ("10.0.0.1", 443),
        ("10.0.0.1", 80),
        ("192.0.2.1", 0),
        ("192.0.2.1", 65_536),
        ("192.0.2.1", -1),
    ],
)
def test_addresses_that_are_no_peers_are_left_out(host: str, port: int) -> None:
    assert read_candidate(line(host, port), loopback=False) is None


def test_where_we_are_on_loopback_ourselves_so_may_the_peer_be() -> None:
    assert read_candidate(line("127.0.0.1"), loopback=True) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:1 1 tcp 1 192.0.2.1 9000 typ host",
        "candidate:1 2 udp 1 192.0.2.1 9000 typ host",
        "candidate:1 x udp 1 192.0.2.1 9000 typ host",
        line("x.local"),
        line("example.com"),
        line("192.0.2.1", "port"),
        line("192.0.2.1", more=" x" * LONGEST_LINE),
        line("reflector-1-1.reflector", 599),
        line("reflector-1-0.reflector", 599, "relay"),
        line("reflector-1-1.reflector", 0, "relay"),
    ],
)
def test_what_cannot_be_used_is_left_out(text: str) -> None:
    assert read_candidate(text, loopback=True) is None


def test_who_is_behind_a_reflector_has_an_address_that_stands_for_it() -> None:
    found = read_candidate(line("reflector-2-67305985.reflector", 599, "relay"), loopback=False)
    assert found is not None
    assert found[1] == "100::2:102:304"


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    read_candidate(text, loopback=False)
    read_candidate(line(text), loopback=False)
    read_candidate(f"1 1 udp 1 192.0.2.1 {text} typ {text}", loopback=False)
