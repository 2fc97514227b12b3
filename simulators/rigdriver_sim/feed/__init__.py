"""The link to the GenTL producer: the compiled producer, the memory shared with it, and the socket that it asks."""
