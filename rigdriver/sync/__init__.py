"""Clocks, matching and proof: which frame belongs to which pulse, and how we know."""
