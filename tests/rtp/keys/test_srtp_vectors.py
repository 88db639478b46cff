"""SRTP against the RFCs' own vectors, and against a call that others recorded."""

from __future__ import annotations

import base64

import pytest

from siptg.rtp.keys.srtp import SrtpSession
from tests.rtp.recorded import datagrams, vectors
from tests.rtp.srtp_ends import GCM
from tests.rtp.srtp_reference import Keys, Reference, derive, keystream


@pytest.mark.rfc(3711, "B.2")
def test_the_reference_makes_the_keystream_of_the_rfc() -> None:
    v = vectors("srtp_aes_cm_keystream")
    stream = keystream(bytes.fromhex(v["session_key"]), int(v["offset_iv"], 16), 48)
    assert stream.hex() == v["keystream_first_48"]


@pytest.mark.rfc(3711, "B.3")
def test_the_reference_derives_the_keys_of_the_rfc() -> None:
    v = vectors("srtp_kdf")
    key, salt = bytes.fromhex(v["master_key"]), bytes.fromhex(v["master_salt"])
    rtp = ("rtp_cipher_key", "rtp_auth_key_94", "rtp_cipher_salt")
    rtcp = ("rtcp_cipher_key", "rtcp_auth_key_20", "rtcp_cipher_salt")
    for label, name in enumerate(rtp + rtcp):
        expected = v[name]
        assert derive(key, salt, label, len(expected) // 2).hex() == expected, name


MASTER_256 = bytes.fromhex(
    "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b63b04803de51ee7c96423ab5b78d2"
)


@pytest.mark.rfc(6188, "7")
def test_the_reference_does_aes_256_as_the_rfc() -> None:
    session = bytes.fromhex("57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98")
    stream = keystream(session, 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000, 32)
    assert stream.hex() == "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac"
    keys = Reference.of("AES_256_CM_HMAC_SHA1_80", MASTER_256).rtp
    assert keys == Keys(
        bytes.fromhex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"),
        bytes.fromhex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        bytes.fromhex("fa31791685ca444a9e07c6c64e93"),
    )


@pytest.mark.rfc(7714, "16")
@pytest.mark.parametrize(
    ("suite", "size", "sealed"),
    [
        (
            "AEAD_AES_128_GCM",
            16,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
            "899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            "AEAD_AES_256_GCM",
            32,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
            "7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ],
)
def test_the_reference_does_gcm_as_the_rfc(suite: str, size: int, sealed: str) -> None:
    session = Keys(bytes(range(size)), b"", b"Quid pro quo")
    packet = bytes.fromhex("8040f17b8041f8d35501a0b2")
    done = Reference(suite, session, session).protect(
        packet + b"Gallia est omnis divisa in partes tres"
    )
    assert done == packet + bytes.fromhex(sealed)


@pytest.mark.rfc(7714, "17.1")
def test_the_reference_does_gcm_of_rtcp_as_the_rfc() -> None:
    session = Keys(bytes(range(16)), b"", b"Quid pro quo")
    packet = bytes.fromhex(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61" + 5 * "deadbeef"
    )
    done = Reference(GCM, session, session).protect_rtcp(packet, 0x5D4)
    assert done.hex() == (
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
        "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
    )


@pytest.mark.rfc(3711, "B.3")
@pytest.mark.parametrize("tag", ["80", "32"])
def test_packets_of_the_vectors_are_sealed_and_opened(tag: str) -> None:
    v, kdf = vectors("srtp_packets"), vectors("srtp_kdf")
    key = bytes.fromhex(kdf["master_key"] + kdf["master_salt"])
    session = SrtpSession(f"AES_CM_128_HMAC_SHA1_{tag}", key, key)
    plain, sealed = bytes.fromhex(v["rtp_plain"]), bytes.fromhex(v[f"rtp_protected_{tag}"])
    assert (session.protect(plain), session.unprotect(sealed)) == (sealed, plain)
    plain, sealed = bytes.fromhex(v["rtcp_plain"]), bytes.fromhex(v["rtcp_protected_80_index1"])
    assert (session.protect_rtcp(plain), session.unprotect_rtcp(sealed)) == (sealed, plain)


@pytest.mark.rfc(4568, "6.1")
@pytest.mark.parametrize("side", ["alice", "bob"])
def test_every_packet_of_a_recorded_call_is_opened(side: str) -> None:
    v = vectors("sdes_real_call")
    key = base64.b64decode(v[f"{side}_inline"])
    session = SrtpSession(v["suite"], bytes(len(key)), key)
    packets = datagrams(f"13-sdes-srtp-g722-{side}.pcap")
    assert len(packets) == v[f"{side}_packets"]
    plain = [session.unprotect(packet) for packet in packets]
    assert {(data[1] & 0x7F, len(data)) for data in plain} == {
        (v["payload_type"], v["decrypted_packet_size"])
    }
