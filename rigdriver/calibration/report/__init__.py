"""The report: whether a calibration can be used, its figures, its pictures and its page.

Not here: computing the calibration (see rigdriver.calibration.solve).
"""
