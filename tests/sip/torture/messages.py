"""Writes requests with one thing wrong: a good one, headers changed, taken out and added."""

from __future__ import annotations

from collections.abc import Mapping

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.111\r\ns=-\r\nc=IN IP4 192.0.2.111\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 0\r\n"
)


def sip(
    method: str = "OPTIONS",
    uri: str = "sip:bob@192.0.2.222",
    *,
    first: str | None = None,
    more: bytes = b"",
    body: bytes = b"",
    headers: Mapping[str, str | None] | None = None,
    **changed: str | None,
) -> bytes:
    """`headers` and `changed` set headers, underscores for hyphens; None takes one out. `more` is
    lines as they are.
    """
    fields: dict[str, str | None] = {
        "via": "SIP/2.0/UDP 192.0.2.111;branch=z9hG4bKtorture",
        "max_forwards": "70",
        "from": "<sip:alice@192.0.2.111>;tag=a1",
        "to": "<sip:bob@192.0.2.222>",
        "call_id": "torture@192.0.2.111",
        "cseq": f"1 {method}",
        "contact": "<sip:alice@192.0.2.111>",
        "content_type": "application/sdp" if body else None,
        "content_length": str(len(body)),
    }
    fields |= {name.strip("_"): value for name, value in {**(headers or {}), **changed}.items()}
    lines = [first or f"{method} {uri} SIP/2.0"]
    lines += [f"{name.replace('_', '-')}: {v}" for name, v in fields.items() if v is not None]
    head = "".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape")
    return head + more + b"\r\n" + body


def invite(**changed: str | None) -> bytes:
    return sip("INVITE", body=SDP, headers=changed)
