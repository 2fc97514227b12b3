"""One run of a rig: from the plan to proved frame sets, and the figures on the way."""
