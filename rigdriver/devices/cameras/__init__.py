"""The application's side of the cameras: all of them as one thing, and the camera process that it starts and ends.

Not here: GenICam (see devices/camera_process/).
"""
