"""Stereo reconstruction: from the images of one pulse to a measured surface.

In: images by camera name and a `RigCalibration`. Out: a `PointCloud` in the calibration's world, millimetres, with a
standard uncertainty for every point; meshes, measurements and acceptance figures made from it.
Read order: `cloud`, `rectify`, `coarse`, `products`, `windows`, `match`, `triangulate`, `fuse`, `reconstruct`.
This package refuses to know live devices, the simulator and every truth: it rejects what it cannot prove by itself.
"""
