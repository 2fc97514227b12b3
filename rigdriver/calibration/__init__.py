"""Calibration: from pictures of a board to a rig whose geometry is known, with its uncertainty.

In: images of a ChArUco board or a chessboard. Out: a `RigCalibration` that the reconstruction uses, a report that a
technician can act on, and checks that tell when the calibration is no longer true.
Lengths are millimetres, image points are pixels with (0, 0) at the centre of the first pixel, as in OpenCV.
This package refuses to know live devices: it takes arrays, frame sets and folders of images.
"""
