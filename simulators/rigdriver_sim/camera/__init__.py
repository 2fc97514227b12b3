"""One simulated camera: features, exposures, frames, faults. Not here: the rig that it is part of (see rig.py)."""
