"""What two engines say to each other about a call, and what carries it."""
