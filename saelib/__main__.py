"""python -m saelib"""

from saelib.cli import main

main()
