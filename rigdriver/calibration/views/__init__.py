"""Views of the board: the corners of all images in one table, what they cover, and when to take the next one.

Not here: finding corners in an image (see rigdriver.calibration.board).
"""
