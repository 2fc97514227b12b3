"""What the camera process and the application share, and all that they share: messages, frame slots, descriptions.

Not here: GenICam (see camera_process/), and what the application does with frames (see cameras/).
"""
