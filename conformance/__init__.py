"""Conformance suites for SIP endpoints. Empty so far; GPL-2.0-only because scapy is."""
