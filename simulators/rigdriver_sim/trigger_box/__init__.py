"""The simulated trigger box: the contract of firmware-protocol/device.yml, implemented a second time, on purpose.

Not here: wires, lamps and cameras (see bench/ and camera/).
"""
