"""A pseudo terminal in place of a board: what a test reads and writes is the board's end of it.

In: nothing. Out: the URL of the driver's end, the descriptors of both ends, and an end that is pulled. Not here: a
trigger box at the board's end (see fake_box_port.py), a serial server before it (see remote_server.py).
"""

import os


class Pty:
    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.url = self.slave_name = os.ttyname(self.slave)

    def unplug(self) -> None:
        for fd in (self.master, self.slave):
            os.close(fd)
        self.master = self.slave = -1
