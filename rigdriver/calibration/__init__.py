"""Calibration: from pictures of a board to a rig whose geometry is known, with its uncertainty.

In: images of a ChArUco board or a chessboard. Out: a `RigCalibration` that the reconstruction uses, a report that a
technician can act on, and checks that detect when the calibration no longer holds. Rooms: `board` (the print, and its
corners in one image) -> `views` (all images, and what they cover) -> `solve` -> `health` and `report`.
Lengths are millimetres, image points are pixels with (0, 0) at the centre of the first pixel, as in OpenCV.
Not here: live devices (see rigdriver.rig); this package takes arrays, frame sets and folders of images.
"""
