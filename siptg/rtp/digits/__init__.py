"""Keys of a telephone: as events, as tones, and one press told once."""
