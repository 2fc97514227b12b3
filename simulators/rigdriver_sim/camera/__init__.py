"""One simulated camera: features, exposures, frames, faults. Not here: the rig around it (see bench/rig.py)."""
