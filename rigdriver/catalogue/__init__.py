"""Subjects and takes: who was recorded under which pseudonym, when, how well, and which files belong to it.

In: a catalogue file (SQLite). Out: subjects, takes, the files of both. Removal and search of files stand here, too.
Not here: recording, and the order of the steps of an erasure (see procedures/erase_subject.py).
"""
