"""A disk that is full: no half files, and an error that names the file."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.mesh.files import write_cloud


def test_half_a_cloud_is_removed_and_its_file_named(tmp_path, monkeypatch):
    n = 10
    cloud = PointCloud(
        np.zeros((n, 3), np.float32), np.ones(n, np.float32), np.zeros((n, 3), np.float32), np.ones(n, np.float32),
        np.zeros(n, np.uint8), ("left",),
    )  # fmt: skip
    path = tmp_path / "000000.ply"
    real = type(path).open

    written = []

    class Full:
        def __init__(self, stream):
            self._stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._stream.close()

        def write(self, data):
            written.append(self._stream.write(data[:10]))
            if len(written) == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(path), "open", lambda self, *rest, **more: Full(real(self, *rest, **more)))
    with pytest.raises(OSError, match=r"000000\.ply") as told:
        write_cloud(cloud, path)
    assert told.value.errno == errno.ENOSPC
    assert not path.exists()
