"""A projector with a TI DLPC350 controller, such as the LightCrafter 4500, over USB HID.

In: a rig file's table `[projector]`. Out: what the projector is and does, and its settings as the rig file states them.
`packets.py` is the codec, `commands.py` the commands and their values, `session.py` request and reply, `usb_pipe.py`
the way through pyusb, `projector.py` the device. The box triggers it as it does every lamp; no image passes here.
"""
