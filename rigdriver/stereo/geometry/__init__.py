"""Geometry of a pair: how two raw images become rectified ones, and how a disparity becomes a place in the world.

Not here: which pixels belong together (see match/), and two pods at once (see mesh/).
"""
