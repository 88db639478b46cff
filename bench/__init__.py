"""Measurements of siptg beside its peers: `python -m bench` writes benchmarks.json and a table."""
