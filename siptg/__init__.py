"""Telegram as a SIP softphone: SIP, RTP and Telegram calls in pure Python."""
