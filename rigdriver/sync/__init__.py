"""Clocks, matching and proof: which frame belongs to which pulse, and how we know.

Not here: devices and threads (see devices/ and run/).
"""
