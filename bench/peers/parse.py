"""Another library parses one INVITE, reads six headers as values and writes it again.

    python parse.py NAME FILE [SECONDS]           prints messages a second

"Reads" is what any user agent needs before it acts: top Via branch, From tag, To address, Call-ID,
CSeq number and method, Contact address. A library that only offers text for one of them gives text.
"""

import sys
import time


def opensip():
    from opensip.headers import NameAddr, parse_via_list
    from opensip.message import parse_message

    def run(data):
        m = parse_message(data)
        h = m.headers
        _ = parse_via_list(h["Via"])[0].params, NameAddr.parse(h["From"]).params
        _ = NameAddr.parse(h["To"]), m.call_id, m.cseq, NameAddr.parse(h["Contact"])
        return m.encode()

    return run


def aiosip():
    import asyncio
    import collections.abc

    asyncio.coroutine = lambda function: function  # it was written for Python 3.6
    collections.MutableMapping = collections.abc.MutableMapping
    from aiosip.message import Message

    def run(data):
        m = Message.from_raw_message(data.decode())
        _ = m.headers["Via"], m.from_details["params"], m.to_details["uri"]
        _ = m.headers["Call-ID"], m.cseq, m.method, m.contact_details["uri"]
        return str(m).encode()

    return run


def aiovoip():
    from aiovoip.message import Message

    def run(data):
        head, body = data.split(b"\r\n\r\n", 1)
        m = Message.from_raw_headers(head)
        m._raw_payload = body
        _ = m.headers["Via"], m.from_details["params"], m.to_details["uri"]
        _ = m.headers["Call-ID"], m.cseq, m.method, m.contact_details["uri"]
        return m.encode()

    return run


def aiosipua():
    from aiosipua import SipMessage

    def run(data):
        m = SipMessage.parse(data)
        _ = m.via[0].params, m.from_addr, m.to_addr, m.call_id, m.cseq, m.contact
        return bytes(m)

    return run


def sipmessage():
    from sipmessage import Message

    def run(data):
        m = Message.parse(data)
        _ = m.via[0].parameters, m.from_address.parameters, m.to_address, m.call_id
        _ = m.cseq, m.contact
        return bytes(m)

    return run


def sippy():
    from sippy.SipRequest import SipRequest

    def run(data):
        m = SipRequest(data.decode())
        get = m.getHFBody
        _ = get("via").getBranch(), get("from").getTag(), get("to").getUri(), str(get("call-id"))
        _ = get("cseq").getCSeq(), get("contact").getUrl()
        return str(m).encode()

    return run


PEERS = (opensip, aiosip, aiovoip, aiosipua, sipmessage, sippy)


def main(name, file, seconds=0.4):
    run = {peer.__name__: peer for peer in PEERS}[name]()
    with open(file, "rb") as opened:
        data = opened.read()
    written = run(data)
    if b"314159 INVITE" not in written or b"a=ptime:20" not in written:
        raise SystemExit(f"{name} writes something else")
    for _ in range(200):
        run(data)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for _ in range(50):
            run(data)
        count += 50
    print(count / (time.perf_counter() - begun))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(float, sys.argv[3:]))
