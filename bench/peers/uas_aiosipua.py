"""aiosipua as a server that answers every call over UDP: `python uas_aiosipua.py PORT [uvloop]`."""

import asyncio
import logging
import sys

from aiosipua import SipUAS, parse_sdp
from aiosipua.transport import UdpSipTransport

SDP = parse_sdp(
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
)


def answer(call):
    call.ringing()
    call.accept(SDP)


async def main(port):
    transport = UdpSipTransport()
    transport.local_addr = ("127.0.0.1", port)
    server = SipUAS(transport)
    server.on_invite = answer
    await server.start()
    await asyncio.Event().wait()


logging.disable(logging.WARNING)
if "uvloop" in sys.argv:
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
else:
    asyncio.run(main(int(sys.argv[1])))
