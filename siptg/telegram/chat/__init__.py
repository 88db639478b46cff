"""What people see in a chat: cards with buttons."""
