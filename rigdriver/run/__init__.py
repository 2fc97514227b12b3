"""One run of a rig: from the plan to proved frame sets, and the figures on the way.

Not here: opening devices (see rig.py), and which frame belongs to which pulse (see sync/).
"""
