"""A projector with a DLPC350 controller: its registers and commands, and a backend of pyusb that shows it.

It stands in for a LightCrafter 4500 in tests. It shares TI's numbers with the driver, but none of its code. Its lies:
no light comes of it, its answers take no time, and validation looks at times and pattern numbers only.
"""
