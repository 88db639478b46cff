"""One call on Telegram: its life as a table, its key, and the requests of the server."""
