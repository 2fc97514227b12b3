"""`python -m rigdriver.cli`: the same as the program `rigdriver`."""

from rigdriver.cli import main

main()
