"""The rig on the bench: box, wires, lamps, cameras and what they look at, put together in one loop.

Not here: what one of them does by itself (see trigger_box/, camera/ and scene/).
"""
