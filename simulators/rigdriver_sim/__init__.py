"""A simulated rig: trigger box on a pty, cameras behind a real GenTL producer, wires and lamps between them.

It meets the driver over the pty, the producer and files only; it neither imports the driver nor is imported by it.
Not here: how it is driven and what it leaves out (see simulators/README.md).
"""
