"""The rig on the bench: box, wires, lamps, cameras and what they look at, put together in one loop."""
