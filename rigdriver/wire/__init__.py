"""The Harp protocol without any I/O: bytes in, values out, and back.

`registers` (generated) says what the box has, `codec` turns bytes into messages, `session` matches replies to
requests. Nothing here opens a port, starts a thread or reads a clock.
"""
