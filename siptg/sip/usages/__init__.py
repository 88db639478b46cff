"""What lives on dialogs and beside them (the word is RFC 5057 §1): sessions, registrations."""
