"""The control socket of a simulated rig: an answer goes to its own question, also when one before was given up.

In: a socket whose other end a test plays. Out: the right answer, and late ones counted.
"""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from rigdriver_sim.reach.control import SOCKET, Control, ControlError


def test_an_answer_that_comes_late_never_serves_the_next_question(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / SOCKET))
        server.listen(1)
        with Control(tmp_path, timeout_s=0.2) as control:
            link, _ = server.accept()
            with link, link.makefile("rb") as lines:
                with pytest.raises(ControlError, match="no answer"):
                    control.get("first")
                first = json.loads(lines.readline())
                late = json.dumps({"ok": True, "value": "late", "number": first["number"]})

                def answer() -> None:
                    second = json.loads(lines.readline())
                    fresh = json.dumps({"ok": True, "value": "fresh", "number": second["number"]})
                    link.sendall(f"{late}\n{fresh}\n".encode())

                control._timeout_s = 30.0
                thread = threading.Thread(target=answer)
                thread.start()
                assert control.get("second") == "fresh"
                assert control.late_answers == 1
                thread.join(30)
