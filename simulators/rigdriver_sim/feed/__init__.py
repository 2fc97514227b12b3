"""The link to the GenTL producer: the compiled producer, the memory shared with it, and the socket that it asks.

Not here: the producer's sources (see simulators/gentl_producer), and the cameras (see camera/).
"""
