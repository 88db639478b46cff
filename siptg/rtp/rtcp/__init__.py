"""RTCP: packets, what is known of sources, when to report and what."""
