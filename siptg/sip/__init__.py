"""SIP signalling. Pure but for `transport` and `agent`: bytes and `now` in; bytes, events and a
deadline out.
"""
