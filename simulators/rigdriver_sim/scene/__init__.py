"""What the six cameras of the simulated rig would see, and the truth behind it.

In: the `[scene]` table of a scenario file and a time. Out: pixels, depth, poses, distances. Everything here is a pure
function of the scenario and the time; nothing knows engines, wires or producers, and nothing imports the driver.
Read order: `spec`, `pods`, `world`, `render`, `sensor`, `bank`.
"""
