"""`python -m saelib`."""

from saelib.cli import main

if __name__ == "__main__":
    main()
