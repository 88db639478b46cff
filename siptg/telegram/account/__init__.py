"""User accounts of Telegram: signed in, in touch, with their calls."""
