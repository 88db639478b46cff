"""What stands behind the empty line: several parts, and the notes of event packages."""
