"""From a URI to transport, address and port by DNS (RFC 3263)."""
