"""One simulated camera: features, exposures, frames, faults. It refuses to know the rig that it is part of."""
