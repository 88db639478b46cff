"""Media: RTP, codecs, tones and the 20 ms beat. Knows nothing of SIP."""
