"""Commands of `siptg` that are longer than a few lines, a file each."""
