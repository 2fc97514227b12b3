"""From a plan in user terms to the steps that the trigger box executes.

Not here: sending them to the box (see devices/box/).
"""
