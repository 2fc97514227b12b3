"""How a running rig is reached from outside: its rig file, its control socket, and the page with its time.

Not here: what is asked for there (see faults/ and bench/).
"""
