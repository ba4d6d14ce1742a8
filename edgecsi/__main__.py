"""`python -m edgecsi`: what torchrun and machines without the console script call."""

from edgecsi.cli import main

main()
