"""Images: pixel formats, pictures to look at, image files and folders of them.

In: pixels with their PFNC pixel format, or files. Out: digital numbers, full scale, pictures, files.
Not here: where a frame comes from (see devices, recording) and what it shows (see calibration, stereo).
"""
