"""`siptg demo`: the lab, a PBX, a user; one call each way; a report."""
