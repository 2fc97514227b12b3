"""What can go wrong: the table of planned faults, and what plants them in cameras, on the disk and in whole devices.

Not here: orders from outside (see reach/).
"""
