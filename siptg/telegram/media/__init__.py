"""A call's path and sound: ICE, DTLS-SRTP, Opus."""
