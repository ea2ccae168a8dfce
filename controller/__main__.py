"""`python -m controller` is the `huawu` command."""

from controller.cli import main

main()
