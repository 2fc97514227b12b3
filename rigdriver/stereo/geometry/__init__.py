"""Geometry of a pair: how two raw images become rectified ones, and how a disparity becomes a place in the world."""
