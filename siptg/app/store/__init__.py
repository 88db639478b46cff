"""What is kept: call records, people, sessions."""
