"""Acceptance test of the rig with certified artefacts, after VDI/VDE 2634 part 2.

In: point clouds of a ball bar and of a plate in several positions, and the limits of the rig file. Out: one figure per
characteristic with its verdict, a report page, a history, and a lock on that history.
Read order: `artefacts`, `positions`, `judge`, `page`, `lock`.
Not here: positions held before a live rig (see procedures/positions_live.py).
"""
