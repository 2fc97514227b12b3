"""The board: what is printed, the sheet to print, and finding its corners in one image.

Not here: several images together (see rigdriver.calibration.views).
"""
