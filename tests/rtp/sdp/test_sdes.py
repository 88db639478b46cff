"""a=crypto lines: read, written, refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.sdp import SdpError
from siptg.rtp.sdp.sdes import SUITES, Crypto, usable

CM_80 = "AES_CM_128_HMAC_SHA1_80"
KEY = bytes(range(30))
INLINE = "inline:" + base64.b64encode(KEY).decode()


@pytest.mark.rfc(4568, "9.1")
@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("AES_CM_128_HMAC_SHA1_80", 30),
        ("AES_CM_128_HMAC_SHA1_32", 30),
        pytest.param("AES_256_CM_HMAC_SHA1_80", 46, marks=pytest.mark.rfc(6188, "4.2")),
        pytest.param("AES_256_CM_HMAC_SHA1_32", 46, marks=pytest.mark.rfc(6188, "4.2")),
        pytest.param("AEAD_AES_128_GCM", 28, marks=pytest.mark.rfc(7714, "14.1")),
        pytest.param("AEAD_AES_256_GCM", 44, marks=pytest.mark.rfc(7714, "14.1")),
    ],
)
def test_each_suite_has_its_length_of_key_and_salt(name: str, length: int) -> None:
    assert SUITES[name].length == length
    key = bytes(range(length))
    line = f"7 {name} inline:{base64.b64encode(key).decode()}"
    read = Crypto.parse(line)
    assert (read.tag, read.known, read.key, str(read)) == (7, name, key, line)
    with pytest.raises(SdpError, match=f"crypto 7: a key of {length - 1} bytes, not {length}"):
        Crypto.parse(f"7 {name} inline:{base64.b64encode(key[1:]).decode()}")


def test_padding_may_be_missing_and_old_names_are_known() -> None:
    key = bytes(range(46))
    text = base64.b64encode(key).decode().rstrip("=")
    read = Crypto.parse(f"1 aes_cm_256_hmac_sha1_80 inline:{text}")
    assert (read.known, read.key) == ("AES_256_CM_HMAC_SHA1_80", key)
    assert str(read).startswith("1 aes_cm_256_hmac_sha1_80 "), (
        "an answer repeats the name as it was"
    )


@pytest.mark.rfc(4568, "6.1")
@pytest.mark.parametrize(
    ("more", "lifetime", "refusal"),
    [
        ("", 0, ""),
        ("|2^31", 1 << 31, ""),
        ("|2^48", 1 << 48, ""),
        ("|1048576", 1 << 20, ""),
        ("|", 0, ""),
        ("|2^20|1:4", 1 << 20, "key identifiers"),
        ("|1:1", 0, "key identifiers"),
        (f";{INLINE}", 0, "key identifiers"),
        (";", 0, ""),
        (f"|2^20|1:4;{INLINE}|2^20|2:4", 1 << 20, "key identifiers"),
    ],
)
def test_lifetime_and_key_identifier(more: str, lifetime: int, refusal: str) -> None:
    read = Crypto.parse(f"1 {CM_80} {INLINE}{more}")
    assert (read.key, read.lifetime, read.refusal([CM_80])) == (KEY, lifetime, refusal)


@pytest.mark.rfc(4568, "6.3")
@pytest.mark.parametrize(
    ("parameters", "refusal", "window"),
    [
        ("WSH=128", "", 128),
        ("WSH=x", "", 0),
        ("KDR=0 FEC_ORDER=FEC_SRTP", "", 0),
        ("-FANCY=1 -OTHER", "", 0),
        ("KDR=10", "KDR=10", 0),
        ("WSH=64 UNENCRYPTED_SRTP", "UNENCRYPTED_SRTP", 64),
        ("UNENCRYPTED_SRTCP", "UNENCRYPTED_SRTCP", 0),
        ("unauthenticated_srtp", "unauthenticated_srtp", 0),
        ("FANCY=1", "FANCY=1", 0),
    ],
)
def test_a_line_is_only_usable_with_parameters_that_change_no_packet(
    parameters: str, refusal: str, window: int
) -> None:
    read = Crypto.parse(f"1 {CM_80} {INLINE} {parameters}")
    assert (read.refusal([CM_80]), read.window) == (refusal, window)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "bad crypto line"),
        ("1", "bad crypto line"),
        (f"0 {CM_80} {INLINE}", "bad crypto line"),
        (f"x {CM_80} {INLINE}", "bad crypto line"),
        (f"1234567890 {CM_80} {INLINE}", "bad crypto line"),
        (f"1 {CM_80} uri:https://example.com", "crypto 1: unknown key method 'uri'"),
        (f"1 {CM_80} inline:AAAA", "crypto 1: a key of 3 bytes, not 30"),
        (f"1 {CM_80} inline:€", "crypto 1: the key is no base64"),
        (f"1 {CM_80} inline:A", "crypto 1: the key is no base64"),
        (f"1 {CM_80} {INLINE}|2^49", "crypto 1: bad lifetime '2\\^49'"),
        (f"1 {CM_80} {INLINE}|0", "crypto 1: bad lifetime"),
        (f"1 {CM_80} {INLINE}|²", "crypto 1: bad lifetime"),
        (f"1 {CM_80} {INLINE}|{'9' * 5000}", "crypto 1: bad lifetime"),
    ],
)
def test_what_is_broken_says_why_and_tells_no_key(line: str, why: str) -> None:
    with pytest.raises(SdpError, match=why) as told:
        Crypto.parse(line)
    assert INLINE[7:] not in str(told.value)


def test_a_key_is_not_in_what_a_log_shows() -> None:
    read = Crypto.parse(f"1 {CM_80} {INLINE}")
    assert "inline" not in repr(read) and "key=" not in repr(read)


@pytest.mark.rfc(4568, "5.1.2")
def test_of_many_lines_those_that_can_be_used_keep_their_order() -> None:
    lines = [
        "1 F8_128_HMAC_SHA1_80 inline:" + "A" * 40,
        f"2 {CM_80} {INLINE}|2^20|1:4",
        "3 AES_CM_128_HMAC_SHA1_32 inline:broken",
        f"4 AES_CM_128_HMAC_SHA1_32 {INLINE}",
        f"5 {CM_80} {INLINE}",
    ]
    assert [one.tag for one in usable(lines, SUITES)] == [4, 5]
    assert [one.tag for one in usable(lines, [CM_80])] == [5]


@given(
    st.text(max_size=80),
    st.sampled_from(["", f"1 {CM_80} ", f"1 {CM_80} {INLINE}|", f"1 {CM_80} {INLINE} "]),
)
def test_any_line_is_a_key_or_an_sdp_error(text: str, begin: str) -> None:
    try:
        read = Crypto.parse(begin + text)
    except SdpError:
        return
    assert len(read.key) in (0, *(suite.length for suite in SUITES.values()))
    assert isinstance(read.refusal(SUITES), str)
