"""sippy as a server that answers every call over UDP: `python uas_sippy.py PORT`."""

import sys

from sippy.CCEvents import CCEventConnect, CCEventRing, CCEventTry
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipContact import SipContact
from sippy.SipTransactionManager import SipTransactionManager
from sippy.UA import UA

PORT = int(sys.argv[1])
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
)


class Quiet:
    def write(self, *words, **more):
        pass


def told(event, agent):
    if isinstance(event, CCEventTry):
        agent.recvEvent(CCEventRing((180, "Ringing", None), origin="switch"))
        agent.recvEvent(CCEventConnect((200, "OK", MsgBody(SDP)), origin="switch"))


def asked(request, transaction):
    if request.getHFBody("to").getTag() is not None:
        return request.genResponse(481, "Call/Transaction Does Not Exist"), None, None
    if request.getMethod() != "INVITE":
        return request.genResponse(501, "Not Implemented"), None, None
    agent = UA(SETTINGS, told)
    # its own has a display name, which SIPp copies into the request line of its ACK
    agent.lContact = SipContact(body=f"<sip:127.0.0.1:{PORT}>")
    return agent.recvRequest(request, transaction)


SETTINGS = {"_sip_address": "127.0.0.1", "_sip_port": PORT, "_sip_logger": Quiet()}
SETTINGS["_sip_tm"] = SipTransactionManager(SETTINGS, asked)
ED2.loop()
