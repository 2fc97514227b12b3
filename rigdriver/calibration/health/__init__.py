"""Health: whether a calibration still holds, from matches of one frame set after another.

Not here: putting a moved camera back (see rigdriver.calibration.solve.one_camera).
"""
