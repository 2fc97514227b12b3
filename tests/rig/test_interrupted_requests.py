"""Ctrl-C during a request to a camera: the late reply is dropped and counted, and every later answer is its own.

In: a running rig whose camera process stands still while it is asked. Out: the values that the cameras have.
"""

from __future__ import annotations

import os
import signal

import pytest

from rigdriver.config import load
from rigdriver.rig import Rig
from rigdriver.signal_safe import SafeCondition
from tests.rig.test_frame_sets import dark

FEATURES = ("Width", "Height", "ExposureTime")


def test_an_interrupted_request_leaves_no_reply_for_the_next_question(rig_file, mocker):
    with Rig.open(dark(load(rig_file))) as rig:
        before = {name: rig.cameras.get("left_upper", name) for name in FEATURES}
        pid = rig.cameras.process_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            mocker.patch.object(SafeCondition, "wait", side_effect=KeyboardInterrupt)
            with pytest.raises(KeyboardInterrupt):
                rig.cameras.get("left_upper", "PixelFormat")
            mocker.stopall()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert {name: rig.cameras.get("left_upper", name) for name in FEATURES} == before
        assert rig.cameras.late_replies == 1
        assert rig.sizes_px()["left_upper"] == (before["Width"], before["Height"])
        assert sum(1 for _ in rig.run(frames=2)) == 2
