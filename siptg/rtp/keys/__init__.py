"""Keys of a stream: SRTP, DTLS-SRTP, certificates, and what shields a stream by them."""
