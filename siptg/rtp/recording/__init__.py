"""Recordings: files written beside the call, readable after a crash."""
