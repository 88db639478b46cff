"""The product: legs, bridge, conversation, router, store, configuration, commands."""
