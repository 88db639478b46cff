"""A Telegram of our own on loopback: an MTProto server for `siptg demo` and for tests."""
