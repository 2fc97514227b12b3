"""Solving: from corners to the cameras' lenses and poses with their uncertainty, for all cameras or for one that moved.

Not here: whether the result is good enough (see rigdriver.calibration.report.verdict).
"""
