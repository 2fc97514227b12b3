"""The process that holds the cameras: one thread, one loop, all of GenICam.

Run as `python -m rigdriver.devices.camera_process COMMANDS EVENTS` by `rigdriver.devices.cameras.process`, with two
inherited sockets. The binding holds the GIL while it waits and deadlocks when two threads share a node map, so it is
kept away from the application. No node map or buffer leaves this process: pixels cross in shared memory, the rest as
messages.
Not here: the application's side (see devices/cameras/), and the messages (see devices/camera_link/).
"""
