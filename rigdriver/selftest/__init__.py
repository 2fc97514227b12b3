"""The self-test: checks that ask the whole rig, and reports of what they found.

Not here: how a report is shown (see cli/selftest.py).
"""
