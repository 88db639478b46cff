"""The commands of `siptg` that are more than a few lines."""
