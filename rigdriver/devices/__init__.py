"""All that touches metal: the serial port, the trigger box, and the cameras behind their camera process.

Not here: what their reports mean together (see sync/ and run/).
"""
