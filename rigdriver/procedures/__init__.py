"""What a technician does, without a screen: capture, calibrate, reconstruct, measure, verify, list, demonstrate.

In: a source of frame sets or images, options (a frozen dataclass), a `Progress`. Out: a value that says what was found.
Nothing here prints or reads options of a command line; `rigdriver.cli` shows the values as text, a page shows them as
screens. Not here: what a part of it does (see calibration, stereo, recording, run).
"""
