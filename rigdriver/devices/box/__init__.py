"""The trigger box behind its serial port: bytes, requests and answers, events, and the box as one thing.

Not here: the protocol itself (see wire/), and what the box executes (see schedule/).
"""
