"""The command line: what can be told to it; what the commands do is in commands.py."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from saelib import __version__
from saelib.errors import SaelibError
from saelib.language import ENGLISH, LANGUAGES, speaking


def _whole(text: str, least: int = 1) -> int:
    if not (text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise argparse.ArgumentTypeError(f"{text:.40} is no whole number from {least} to 999999999")
    return int(text)


DATASETS = "ml-100k, ml-1m, ml-latest-small, ml-latest, ml-10m, ml-20m, ml-25m or ml-32m"
COUNT, SEED = {"type": _whole}, {"type": partial(_whole, least=0)}
PROTOCOLS = ("ratings", "new-users", "ranking", "future")
PATH, YES = {"type": Path, "metavar": "FILE"}, {"action": "store_true"}
# What can be told to a command, each option once; where one has a +, there is another of its name.
OPTIONS: dict[str, dict] = {
    "files": PATH | {"nargs": "+", "help": "of Letterboxd, IMDb, … or a CSV of title, stars"},
    "--dataset": {"default": "ml-100k", "help": DATASETS},
    "--ratings": PATH | {"help": "a table of your own: user, item, rating[, timestamp]"},
    "--scale": {"type": float, "nargs": "+", "help": "of FILE: lowest, highest[, step] (step 1)"},
    "--items": PATH | {"help": "of --ratings: item[, title, year, genres]"},
    "--people": PATH | {"help": "of --ratings: user[, gender, age, occupation]"},
    "--not-rated": {"type": float, "help": "the number in --ratings that says: seen, no stars"},
    "--keep-last": YES | {"help": "where a pair is rated twice in --ratings"},
    "--recipe": {"default": "default", "help": "plain, default, large, or a rung of the ladder"},
    "--recipe+": {"nargs": "+", "default": ["plain", "default"], "help": "also `ladder`, `family`"},
    "--seed": SEED | {"default": 0, "help": "of all that is random"},
    "--seeds": SEED | {"nargs": "+", "default": [0], "help": "one or several"},
    "--epochs": COUNT | {"help": "passes over the ratings (default: the recipe's)"},
    "--protocol": {"choices": PROTOCOLS, "default": "ratings", "help": "what is predicted"},
    "--split": {"choices": ["u1"], "help": "the published split of ml-100k"},
    "--no-demographics": YES | {"help": "as if nobody had told who they are"},
    "--output": PATH | {"help": "what is written (default: a name that says what it is)"},
    "--resume": YES | {"help": "go on where a training was stopped"},
    "--device": {"default": "cpu", "help": "where torch trains: cpu, cuda, …"},
    "--profile": PATH | {"required": True, "help": "a JSON file, as `rate` saves it"},
    "--model": PATH | {"help": "a model file (default: that of the recipe `default`)"},
    "-n": COUNT | {"default": 10, "help": "how many films to recommend"},
    "--save": PATH | {"default": Path("my-profile.json"), "help": "the profile"},
    "--json": YES | {"help": "one JSON object a line"},
    "--ip": {"default": "localhost", "help": "0.0.0.0 lets in whoever has the link"},
    "--port": COUNT | {"default": 8866, "help": "where the page is served"},
    "--visitors": COUNT | {"default": 40, "help": "how many at once"},
    "--host": {"default": "", "help": "the name or address at which a proxy shows the page"},
    "--lang": {"choices": LANGUAGES, "help": "the language (default: en; panel: each browser's)"},
    "--class": YES | {"dest": "room", "help": "a second page shows what the whole room has rated"},
    "--no-browser": YES | {"help": "print the link and open nothing"},
}
OWN = "--dataset --ratings --scale --items --people --not-rated --keep-last"
FIND = "--model --lang"
TAKES = {  # which options each command has
    "fetch": "--dataset",
    "train": f"{OWN} --recipe --seed --epochs --output --resume --device",
    "evaluate": f"{OWN} --protocol --split --recipe+ --seeds --epochs --no-demographics --json",
    "recommend": f"--profile -n --json {FIND}",
    "rate": f"--dataset -n --save {FIND}",
    "import": f"files --dataset --output --scale {FIND}",
    "panel": f"--dataset {FIND} --ip --port --visitors --host --class --no-browser",
}
COMMANDS = {  # what each does
    "fetch": "Download a data set into data/ and verify it.",
    "train": "Train a model and save it; --resume goes on after Ctrl-C.",
    "evaluate": "Measure models on ratings that they were not shown: of known people, of new"
    " people, the order of films for these, or the last tenth by time.",
    "recommend": "Recommend films for a profile.",
    "rate": "Rate films at the terminal and get recommendations.",
    "import": "Make a profile of ratings made elsewhere. Nothing is sent anywhere.",
    "panel": "Open the rating panel as a page in the browser; Ctrl-C ends it.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. An error of ours ends it with its message and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # where a console lacks ★, it shows ? instead
    about = "From raw ratings to recommended films: start with `train`, then `rate`."
    parser = argparse.ArgumentParser("python -m saelib", description=about)
    parser.add_argument("--version", action="version", version=f"saelib {__version__}")
    every = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, said in COMMANDS.items():
        command = every.add_parser(name, help=said, description=said)
        for option in TAKES[name].split():
            settings = OPTIONS[option]
            told = settings["help"] + " (default: %(default)s)" * ("default" in settings)
            command.add_argument(option.rstrip("+"), **settings | {"help": told})
    options = vars(parser.parse_args(arguments))
    try:
        with speaking(options.get("lang") or ENGLISH):
            from saelib import commands  # only now, so that --help waits for nothing

            getattr(commands, options.pop("command").replace("import", "import_"))(**options)
            sys.stdout.flush()
    except SaelibError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        go_on = " The same command with --resume goes on from there."
        sys.exit("\nStopped." + go_on * ("resume" in options))
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(f"Error: {error}.")
