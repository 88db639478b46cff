"""`siptg doctor`: what is right and what is wrong with an installation, in sentences (BT-17)."""
