"""Matching: from two rectified images to one disparity plane per cell, and which of these cells can be trusted.

Not here: rectification and places in the world (see geometry/).
"""
