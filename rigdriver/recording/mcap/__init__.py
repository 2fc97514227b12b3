"""MCAP files, the container of recordings: their records, a writer that copies no image, and a reader.

Source: the MCAP format specification, version 0. Read order: `records`, `checksums`, `writer`, `reader`. Not here: what
a recording puts into such a file (see recording/recorder.py).
"""
