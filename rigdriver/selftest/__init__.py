"""The self-test: checks that ask the whole rig, and reports of what they found."""
