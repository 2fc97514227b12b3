"""The simulator as a program: the verbs of the command line, and the launching of a rig as a child process.

Not here: what a rig does (see bench/).
"""
