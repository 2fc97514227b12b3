"""The trigger box behind its serial port: bytes, requests and answers, events, and the box as one thing."""
