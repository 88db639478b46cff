"""Multipart bodies, message summaries and dialog-info."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.sip.bodies.dialog_info import DialogInfo, Lamp
from siptg.sip.bodies.message_summary import Count, MessageSummary
from siptg.sip.bodies.multipart import Part, find, parts_of
from siptg.sip.errors import ProtocolError

TWO = (
    b"preamble\r\n--b\r\nContent-Type: application/sdp\r\nContent-Disposition: session;\r\n"
    b" handling=required\r\n\r\nv=0\r\n\r\n--b\r\n\r\nplain\r\n--bb\r\nno boundary\r\n--b--\r\n"
    b"epilogue"
)


@pytest.mark.rfc(5621, "3.1")
def test_parts_have_types_dispositions_and_exact_bodies() -> None:
    assert parts_of('multipart/mixed; boundary="b"', TWO) == [
        Part("application/sdp", b"v=0\r\n", "session"),
        Part("text/plain", b"plain\r\n--bb\r\nno boundary"),
    ]
    assert find("Multipart/Mixed;boundary=b", TWO, "application/sdp") == b"v=0\r\n"
    assert find("application/sdp", b"v=0", "application/sdp") == b"v=0"
    assert find("text/plain", b"v=0", "application/sdp") is None


@pytest.mark.rfc(5621, "3.1")
def test_a_part_may_have_parts_itself() -> None:
    inner = b"--i\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--i--"
    outer = b"--o\r\nContent-Type: multipart/alternative;boundary=i\r\n\r\n" + inner + b"\r\n--o--"
    assert find("multipart/mixed;boundary=o", outer, "application/sdp") == b"v=0"


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_body_is_taken_apart_without_a_fall(body: bytes, boundary: str) -> None:
    assert len(parts_of(f"multipart/mixed;boundary={boundary}", body)) <= 32
    assert len(parts_of("multipart/mixed;boundary=b", b"--b\r\n" * 50 + body)) <= 32


@pytest.mark.rfc(3842, "5.2")
def test_a_message_summary_counts_new_and_old() -> None:
    made = MessageSummary.parse(
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\n"
        b"Voice-Message: 2/8 (0/2)\r\nFax-Message: 1/0\r\nOdd: many\r\n"
    )
    assert (made.waiting, made.account) == (True, "sip:alice@vmail.example.com")
    assert made.voice == Count(2, 8, 0, 2) and made.counts["fax-message"] == Count(1, 0)
    assert MessageSummary.parse(b"Messages-Waiting: no\r\n").voice == Count(0, 0)
    with pytest.raises(ProtocolError):
        MessageSummary.parse(b"Voice-Message: 1/1")


def info(version: int, state: str, *dialogs: tuple[str, str]) -> DialogInfo:
    inner = "".join(
        f'<dialog id="{name}" direction="recipient"><state event="rejected">{value}</state>'
        '<remote><identity display="Bob">sip:bob@example.com</identity></remote></dialog>'
        for name, value in dialogs
    )
    return DialogInfo.parse(
        f'<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" '
        f'version="{version}" state="{state}" entity="sip:alice@example.com">{inner}'
        f"</dialog-info>".encode()
    )


@pytest.mark.rfc(4235, "4.3")
def test_a_lamp_follows_full_and_partial_notes_and_misses_none() -> None:
    lamp = Lamp()
    assert lamp.take(info(0, "full")) and lamp.state == "terminated"
    assert lamp.take(info(1, "partial", ("a", "early"))) and lamp.state == "early"
    assert lamp.take(info(2, "partial", ("b", "confirmed"))) and lamp.state == "confirmed"
    assert lamp.take(info(1, "partial", ("b", "terminated"))) and lamp.state == "confirmed"
    assert not lamp.take(info(4, "partial", ("b", "terminated"))) and lamp.state == "confirmed"
    assert lamp.take(info(5, "full", ("a", "terminated"))) and lamp.state == "terminated"


@pytest.mark.rfc(4235, "4.1")
def test_a_dialog_says_with_whom_and_which_way() -> None:
    (dialog,) = info(0, "full", ("a", "confirmed")).dialogs
    assert (dialog.remote, dialog.remote_name) == ("sip:bob@example.com", "Bob")
    assert (dialog.direction, dialog.event) == ("recipient", "rejected")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<dialog-info/>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="x"/>',
        b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="1"><dialog id="1"/>'
        b"</dialog-info>",
        b'<?xml version="1.0" encoding="no-such"?><x/>',
    ],
)
def test_what_is_no_dialog_info_is_an_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        DialogInfo.parse(body)


@given(st.binary(max_size=200))
def test_any_note_is_read_or_refused(body: bytes) -> None:
    for parse in (MessageSummary.parse, DialogInfo.parse):
        try:
            parse(body)
        except ProtocolError:
            continue
