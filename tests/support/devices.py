"""Offers in the manner of what is in the field, made up here."""

from __future__ import annotations

import base64

from tests.support.sdp import THEIRS

SHA256 = str(THEIRS)
KEY30 = base64.b64encode(bytes(range(30))).decode()
KEY46 = base64.b64encode(bytes(range(46))).decode()
TEXTS = {
    "asterisk": """v=0
o=- 1206742517 1206742517 IN IP4 192.0.2.10
s=Asterisk
c=IN IP4 192.0.2.10
t=0 0
m=audio 14806 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:150
a=sendrecv
""",
    "freeswitch": """v=0
o=FreeSWITCH 1700000001 1700000002 IN IP4 192.0.2.11
s=FreeSWITCH
c=IN IP4 192.0.2.11
t=0 0
m=audio 27430 RTP/AVP 102 9 0 8 103 101 13
a=rtpmap:102 opus/48000/2
a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:103 telephone-event/48000
a=fmtp:103 0-16
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:13 CN/8000
a=ptime:20
m=video 0 RTP/AVP 19
""",
    "cisco": """v=0
o=Cisco-SIPUA 3421 0 IN IP4 192.0.2.12
s=SIP Call
b=AS:4064
t=0 0
m=audio 28674 RTP/AVP 0 8 116 18 101
c=IN IP4 192.0.2.12
b=TIAS:64000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:116 iLBC/8000
a=fmtp:116 mode=20
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=yes
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=X-cap: 1 audio RTP/AVP 100
a=X-cpar: a=rtpmap:100 X-NSE/8000
a=sendrecv
m=video 25466 RTP/AVP 97
c=IN IP4 192.0.2.12
b=TIAS:1000000
a=rtpmap:97 H264/90000
a=imageattr:* recv [x=800,y=480,q=0.60]
a=recvonly
""",
    "chrome": f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 8f1c
m=audio 54321 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.13
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2122260223 192.0.2.13 54321 typ host generation 0
a=ice-ufrag:Tz9c
a=ice-pwd:4kM9rQ0nJb6sVw2yXe8uGhLp
a=ice-options:trickle
a=fingerprint:{SHA256}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=msid:8f1c d2b4
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3735928559 cname:qX7f
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:Tz9c
a=ice-pwd:4kM9rQ0nJb6sVw2yXe8uGhLp
a=fingerprint:{SHA256}
a=setup:actpass
a=mid:1
a=bundle-only
a=sendrecv
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
""",
    "linphone": f"""v=0
o=marie 2331 3120 IN IP4 192.0.2.14
s=Talk
c=IN IP4 192.0.2.14
t=0 0
a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
a=record:off
m=audio 7078 RTP/SAVP 96 97 98 0 8 101 99 100
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 speex/16000
a=fmtp:97 vbr=on
a=rtpmap:98 speex/8000
a=fmtp:98 vbr=on
a=rtpmap:101 telephone-event/48000
a=rtpmap:99 telephone-event/16000
a=rtpmap:100 telephone-event/8000
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY30}
a=crypto:3 AES_CM_256_HMAC_SHA1_80 inline:{KEY46}
a=rtcp-fb:* trr-int 1000
""",
    "lync": f"""v=0
o=- 0 0 IN IP4 192.0.2.15
s=session
c=IN IP4 192.0.2.15
b=CT:99980
t=0 0
a=x-devicecaps:audio:send,recv;video:send,recv
m=audio 22044 RTP/SAVP 117 114 9 112 111 0 8 116 115 97 13 118 101
a=x-ssrc-range:2952622592-2952622592
a=rtcp-fb:* x-message app send:dsh recv:dsh
a=rtcp:22045
a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|2^31|1:1
a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|2^31
a=rtpmap:117 G722/8000/2
a=rtpmap:114 x-msrta/16000
a=fmtp:114 bitrate=29000
a=rtpmap:9 G722/8000
a=rtpmap:112 G7221/16000
a=fmtp:112 bitrate=24000
a=rtpmap:111 SIREN/16000
a=fmtp:111 bitrate=16000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:116 AAL2-G726-32/8000
a=rtpmap:115 x-msrta/8000
a=rtpmap:97 RED/8000
a=rtpmap:13 CN/8000
a=rtpmap:118 CN/16000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=encryption:optional
a=ptime:20
""",
    "polycom": f"""v=0
o=- 1700000000 1700000000 IN IP4 192.0.2.16
s=Polycom IP Phone
c=IN IP4 192.0.2.16
t=0 0
a=sendrecv
m=audio 2222 RTP/SAVP 9 0 8 18 127
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:127 telephone-event/8000
m=audio 2222 RTP/AVP 9 0 8 18 127
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:127 telephone-event/8000
""",
    "baresip": f"""v=0
o=- 3372116871 1107642109 IN IP4 192.0.2.17
s=-
c=IN IP4 192.0.2.17
t=0 0
a=tool:baresip 3
m=audio 12000 RTP/AVP 96 0 8 101
b=AS:125
a=rtpmap:96 opus/48000/2
a=fmtp:96 stereo=1;sprop-stereo=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{KEY46}
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY30}
a=rtcp:12001
a=rtcp-mux
a=sendrecv
a=label:1
a=rtcp-rsize
a=ssrc:1234567890 cname:sip:b@192.0.2.17
a=ptime:20
""",
    "old gateway": """v=0
o=GW 1 1 IN IP4 192.000.002.018
s=Sip Call
c=IN IP4 192.000.002.018
t=0 0
m=audio 16384 RTP/AVP 18 8 96
a=rtpmap:18 G729/8000/1
a=rtpmap:8 PCMA/8000/1
a=rtpmap:96 TELEPHONE-EVENT/8000/1
a=fmtp:96 0-15,36
a=silenceSupp:off - - - -
a=ecan:fb on -
a=ptime:30
m=image 16386 udptl t38
a=T38FaxVersion:0
""",
    "old hold": """v=0
o=- 12 13 IN IP4 192.0.2.19
s=-
c=IN IP4 0.0.0.0
t=0 0
m=audio 5004 RTP/AVP 8 101
a=rtpmap:101 telephone-event/8000
""",
    "doorbell": "v=0\no=d 1 1 IN IP4 192.0.2.2\ns=\nm=audio 7 RTP/AVP 8 0\nc=IN IP4 192.0.2.20\n\0",
    "carrier": """v=0
o=SBC 55 55 IN IP6 2001:db8::21
s=-
c=IN IP6 2001:db8::21
t=0 0
m=audio 40002 RTP/AVP 104 8 105 106
b=AS:80
b=RS:0
b=RR:0
a=rtpmap:104 AMR-WB/16000/1
a=fmtp:104 mode-set=0,1,2;mode-change-period=2; max-red=0
a=rtpmap:105 telephone-event/16000
a=fmtp:105 0-15
a=rtpmap:106 telephone-event/8000
a=fmtp:106 0-15
a=curr:qos local none
a=des:qos optional local sendrecv
a=ptime:20
a=maxptime:240
""",
}
DEVICES = {
    name: text.replace("\n", "\r\n" if name != "doorbell" else "\r").encode()
    for name, text in TEXTS.items()
}
