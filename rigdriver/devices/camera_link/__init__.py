"""What the camera process and the application share, and all that they share: messages, frame slots, descriptions."""
