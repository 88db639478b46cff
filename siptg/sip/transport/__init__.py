"""Sockets under the stack."""
