"""Stereo reconstruction: from the images of one pulse to a measured surface.

In: images by camera name and a `RigCalibration`. Out: a `PointCloud` in the calibration's world, millimetres, with a
standard uncertainty for every point; meshes, measurements and evidence on the calibration made from it.
Rooms: `geometry/` (raw image to rectified image, disparity to place), `match/` (rectified images to disparity planes),
`mesh/` (planes to points, triangles, texture, files and pictures), `measure/` (meshes to distances, ways, areas,
volumes, sections and deviations).
Read order: `cells`, `geometry/rectify`, `match/coarse`, `match/products`, `match/windows`, `match/cell_matcher`,
`geometry/surface`, `mesh/fuse`, `reconstruct`, `results`.
Not here: live devices, the simulator and any truth. A result is rejected by what its own images show (see `trust`).
"""
