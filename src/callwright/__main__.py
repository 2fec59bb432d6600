"""`python -m callwright` is the command `callwright`."""

from callwright.cli import main

main()
