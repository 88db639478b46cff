"""What is spoken, where it is written and what proves it: `python -m tests.rfcs` makes docs/rfc.md.

A row is a feature with its section and its file. Its tests are those marked with that section, or
one below it; a row that none proves is an error.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import attrs

from tests.machines import ROOT

PAGE = ROOT / "docs" / "rfc.md"
SHOWN = 3
"""Tests named in a row; the others are counted."""


@attrs.frozen
class Row:
    what: str
    rfc: int
    section: str
    code: str
    """A file of siptg/sip, or a path from the root."""
    more: tuple[str, ...] = ()
    """Test files that prove it as a whole."""


def _sip(path: str) -> str:
    return path if "/" in path and path.startswith("siptg/") else f"siptg/sip/{path}"


TABLE: dict[str, list[Row]] = {
    "Core": [
        Row(
            "INVITE client transaction, timers A, B, D",
            3261,
            "17.1.1",
            "transactions/invite_client.py",
        ),
        Row(
            "non-INVITE client transaction, timers E, F, K",
            3261,
            "17.1.2",
            "transactions/client.py",
        ),
        Row(
            "INVITE server transaction, timers G, H, I",
            3261,
            "17.2.1",
            "transactions/invite_server.py",
        ),
        Row("non-INVITE server transaction, timer J", 3261, "17.2.2", "transactions/server.py"),
        Row("Accepted states, timers L and M", 6026, "7", "transactions/invite_server.py"),
        Row("dialogs: identity, sequence, target refresh", 3261, "12", "dialog.py"),
        Row("Route and Record-Route, loose and strict", 3261, "12.2.1.1", "dialog.py"),
        Row("calls through a record-routing proxy", 3261, "16.12", "dialog.py"),
        Row(
            "forks: several early dialogs, late 2xx answered by ACK and BYE",
            3261,
            "13.2.2.4",
            "usages/acks.py",
        ),
        Row("INVITE without an offer, both ways", 3261, "13.2.1", "usages/invite.py"),
        Row("200 repeated until its ACK", 3261, "13.3.1.4", "usages/repeat.py"),
        Row("CANCEL and its races, as caller", 3261, "9.1", "usages/invite.py"),
        Row("CANCEL and its races, as callee", 3261, "9.2", "server.py"),
        Row("re-INVITE", 3261, "14", "usages/renegotiation.py"),
        Row("glare: 491 and the two ranges of waiting", 3261, "14.1", "usages/renegotiation.py"),
        Row("3xx, tried by q, with a limit", 3261, "8.1.3.4", "usages/again.py"),
        Row("outbound proxy, preloaded Route", 3261, "8.1.2", "usages/first.py"),
        Row("refusals: 405, 415, 416, 420, 481, 482, 483, 501, 505", 3261, "8.2", "server.py"),
        Row("merged requests (482)", 3261, "8.2.2.2", "server.py"),
        Row("OPTIONS: asked and answered", 3261, "11", "usages/inside.py"),
        Row("compact forms, folded lines, lists", 3261, "7.3", "parser.py"),
        Row("URIs compared", 3261, "19.1.4", "uri.py"),
        Row("multipart bodies", 5621, "3.1", "bodies/multipart.py"),
        Row("registration kept, refreshed, taken back", 3261, "10.2", "usages/registration.py"),
        Row("registrar: several contacts, expiry, q, *", 3261, "10.3", "usages/registrar.py"),
    ],
    "Transports": [
        Row("UDP, TCP", 3261, "18", "transport/stream.py"),
        Row("TLS: verified, SNI, own authority", 3261, "26.3.1", "transport/tls.py"),
        Row("WebSocket, secure and plain", 7118, "5", "transport/websocket.py"),
        Row("framing of streams, torn and hostile", 3261, "18.3", "framing.py"),
        Row("received and where answers go", 3261, "18.2", "server.py"),
        Row("rport", 3581, "4", "server.py"),
        Row("UDP to TCP at 1,300 bytes, and back", 3261, "18.1.1", "attempt.py"),
        Row("connections used again, alias", 5923, "1", "transport/stream.py"),
        Row("CRLF keep-alive", 5626, "4.4.1", "usages/keepalive.py"),
        Row("STUN keep-alive", 5626, "4.4.2", "usages/keepalive.py"),
        Row("STUN answered on the SIP port", 5626, "5.4", "stun.py"),
        Row("a lost connection is registered anew", 5626, "4.5", "usages/registration.py"),
        Row("IPv6", 5118, "4", "grammar.py"),
        Row("NAPTR, SRV, A and AAAA", 3263, "4", "locate/plan.py"),
        Row("weights", 2782, "3", "locate/plan.py"),
        Row("failover on time-out, 503, connection error", 3263, "4.3", "attempt.py"),
    ],
    "Extensions": [
        Row("100rel and PRACK, both sides", 3262, "3", "usages/reliable.py"),
        Row("100rel: in order and once", 3262, "4", "usages/reliable.py"),
        Row("early media with 100rel", 3262, "5", "usages/reliable.py"),
        Row("UPDATE", 3311, "5", "usages/renegotiation.py"),
        Row("session timers", 4028, "7", "usages/expiry.py"),
        Row("session timers, as callee", 4028, "9", "usages/expiry.py"),
        Row("REFER and its NOTIFYs", 3515, "2.4", "usages/transfer.py"),
        Row("Referred-By", 3892, "3", "usages/transfer.py"),
        Row("Replaces", 3891, "3", "server.py"),
        Row("blind transfer", 5589, "6", "siptg/phone/calls.py"),
        Row("attended transfer", 5589, "7", "siptg/phone/calls.py"),
        Row("INFO: keys; packages refused", 6086, "4.2.2", "usages/inside.py"),
        Row("MESSAGE", 3428, "4", "usages/single.py"),
        Row("SUBSCRIBE and NOTIFY, watcher", 6665, "4.1", "usages/subscription.py"),
        Row("NOTIFYs of other forks", 6665, "4.4.1", "usages/subscription.py"),
        Row("message-summary", 3842, "5.2", "bodies/message_summary.py"),
        Row("dialog event package", 4235, "4", "bodies/dialog_info.py"),
        Row("Path", 3327, "5", "usages/registrar.py"),
        Row("Service-Route", 3608, "6.1", "usages/first.py"),
        Row("devices (+sip.instance)", 5626, "6", "usages/registrar.py"),
        Row("GRUU", 5627, "4.4", "usages/registration.py"),
        Row("P-Asserted-Identity, P-Preferred-Identity", 3325, "9", "identity.py"),
        Row("Privacy", 3323, "4", "identity.py"),
        Row("Diversion", 5806, "4", "identity.py"),
        Row("History-Info", 7044, "5", "identity.py"),
        Row("Reason, Q.850 causes", 3326, "2", "usages/invite.py"),
        Row("hold: sendonly, inactive, 0.0.0.0", 3264, "8.4", "siptg/rtp/offer/negotiator.py"),
    ],
    "Media descriptions": [
        Row("all lines, in order, none lost", 8866, "5", "siptg/rtp/sdp.py"),
        Row("direction of session and section", 8866, "6.7", "siptg/rtp/sdp.py"),
        Row("whose turn it is; glare", 3264, "4", "siptg/rtp/offer/negotiator.py"),
        Row("offers; asymmetric payload types", 3264, "5", "siptg/rtp/offer/payloads.py"),
        Row("answers; other media declined", 3264, "6", "siptg/rtp/offer/choice.py"),
        Row("an answer taken, of forks too", 3264, "7", "siptg/rtp/offer/outcome.py"),
        Row("changes in mid-call, o= version", 3264, "8", "siptg/rtp/offer/negotiator.py"),
        Row("a number keeps its meaning", 3264, "8.3.2", "siptg/rtp/offer/numbers.py"),
        Row("offers refused, rolled back", 6337, "2.3", "siptg/rtp/offer/negotiator.py"),
        Row("hold and resume by both ends", 6337, "5.3", "siptg/rtp/offer/direction.py"),
        Row("static payload types, rtpmap", 3551, "6", "siptg/rtp/rtpmap.py"),
        Row("ptime, maxptime", 8866, "6.4", "siptg/rtp/offer/formats.py"),
        Row("telephone-event at each clock", 4733, "2.1", "siptg/rtp/offer/payloads.py"),
        Row("comfort noise", 3389, "4", "siptg/rtp/offer/payloads.py"),
        Row("a=rtcp", 3605, "2.1", "siptg/rtp/offer/place.py"),
        Row("rtcp-mux", 5761, "5.1.1", "siptg/rtp/offer/choice.py"),
        Row("payload types that look like RTCP", 5761, "4", "siptg/rtp/offer/numbers.py"),
        Row("rtcp-rsize", 5506, "5.1", "siptg/rtp/offer/negotiator.py"),
        Row("AVPF", 4585, "4.2", "siptg/rtp/offer/draft.py"),
        Row("ANAT: IPv4 and IPv6 to choose from", 4091, "4", "siptg/rtp/offer/choice.py"),
        Row("BUNDLE", 9143, "7.3", "siptg/rtp/offer/choice.py"),
        Row("a=crypto: lines and their parameters", 4568, "6", "siptg/rtp/sdes.py"),
        Row("SDES offered, answered, taken", 4568, "5.1", "siptg/rtp/offer/keying.py"),
        Row("keys kept and renewed", 4568, "7.1.4", "siptg/rtp/offer/keying.py"),
        Row("AES-256 for SDES", 6188, "4.2", "siptg/rtp/sdes.py"),
        Row("AES-GCM for SDES", 7714, "14.1", "siptg/rtp/sdes.py"),
        Row("best-effort SRTP", 8643, "3.1", "siptg/rtp/offer/terms.py"),
        Row("a=fingerprint", 8122, "5", "siptg/rtp/fingerprint.py"),
        Row("DTLS-SRTP offered and answered", 5763, "5", "siptg/rtp/offer/keying.py"),
        Row("a=setup", 4145, "4.1", "siptg/rtp/offer/keying.py"),
        Row("tls-id, new associations", 8842, "4", "siptg/rtp/offer/keying.py"),
    ],
    "Security": [
        Row(
            "digest: MD5, SHA-256, SHA-512-256, -sess, auth, auth-int", 8760, "2", "auth/hashes.py"
        ),
        Row("several challenges and realms at once", 3261, "22.3", "auth/client.py"),
        Row("stale, nonce counts, replay refused", 7616, "5.12", "auth/server.py"),
        Row("nextnonce, rspauth", 7616, "3.5", "auth/client.py"),
        Row("userhash, names that are not ASCII", 7616, "3.4.4", "auth/client.py"),
        Row("the RFC's own examples", 7616, "3.9.1", "auth/hashes.py"),
        Row("bans, rates, trunks by address", 0, "", "door.py", ("tests/sip/test_door.py",)),
        Row("scanners find nothing", 0, "", "server.py", ("tests/world/test_scanners.py",)),
        Row(
            "caps and slow peers",
            0,
            "",
            "transport/stream.py",
            ("tests/sip/transport/test_agents.py",),
        ),
        Row("torture messages, answered as they deserve", 4475, "3", "salvage.py"),
        Row(
            "fuzzed: parser, SDP, framing, the whole stack",
            0,
            "",
            "stack.py",
            ("tests/sip/test_fuzz.py",),
        ),
    ],
}


@cache
def marked() -> list[tuple[int, str, str]]:
    """(rfc, section, test) of every mark in tests/."""
    found: list[tuple[int, str, str]] = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        name = path.relative_to(ROOT / "tests").as_posix()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                test = f"{name}::{node.name}"
                for rfc, section in _marks(node, tree):
                    found.append((rfc, section, test))
    return found


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef, tree: ast.Module) -> set[tuple[int, str]]:
    """Of a test's decorators, also inside of lists that they name."""
    roots: list[ast.AST] = list(node.decorator_list)
    names = {n.id for d in node.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in names for target in statement.targets
        ):
            roots.append(statement.value)
    marks: set[tuple[int, str]] = set()
    for root in roots:
        for call in ast.walk(root):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "rfc"
                and len(call.args) == 2
                and isinstance(call.args[0], ast.Constant)
            ):
                section = call.args[1]
                text = str(section.value) if isinstance(section, ast.Constant) else ""
                marks.add((int(str(call.args[0].value)), text))
    return marks


def tests_of(row: Row) -> list[str]:
    found = [
        test
        for rfc, section, test in marked()
        if rfc == row.rfc
        and (not section or section == row.section or section.startswith(row.section + "."))
    ]
    for file in row.more:
        tree = ast.parse((ROOT / file).read_text())
        name = Path(file).relative_to("tests").as_posix()
        found += [
            f"{name}::{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name.startswith("test_")
        ]
    return list(dict.fromkeys(found))


def page() -> str:
    """LookupError where a row has no test, or its file is gone."""
    lines = [
        "# What is spoken",
        "",
        "Made by `make pictures` from `tests/rfcs.py` and the marks of the tests.",
    ]
    for group, rows in TABLE.items():
        lines += [
            "",
            f"## {group}",
            "",
            "| RFC | § | what | code | tests |",
            "|---|---|---|---|---|",
        ]
        for row in rows:
            code, tests = _sip(row.code), tests_of(row)
            if not tests or not (ROOT / code).is_file():
                raise LookupError(f"{row.what}: no test, or no {code}")
            names = ", ".join(
                f"`{test.partition('::')[2].removeprefix('test_')}`" for test in tests[:SHOWN]
            )
            rest = f" and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
            rfc = f"{row.rfc}" if row.rfc else "—"
            lines.append(
                f"| {rfc} | {row.section or '—'} | {row.what} | `{code}` | {names}{rest} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
