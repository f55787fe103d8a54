"""The command line: check, fetch, train, evaluate, ladder, family, recommend, rate, import, panel.

argparse, because `--seeds 0 1 2` takes a list. torch is imported by the commands that need it.
"""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from saelib import __version__
from saelib.errors import CheckpointError, ProfileError, SaelibError
from saelib.language import ENGLISH, LANGUAGES, _, speak, speaking
from saelib.network.config import DEVICES

if TYPE_CHECKING:
    import pandas as pd

    from saelib.data.dataset import Dataset
    from saelib.data.scale import Scale
    from saelib.recommend.catalogue import Catalogue

DATASETS = "ml-100k, ml-1m, ml-latest-small, ml-10m, ml-20m, ml-25m or ml-32m"


# What is printed where the output has no such characters.
STAND_INS = {"★": "*", "→": "->", "±": "+/-", "…": "...", "·": "-"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. An error of ours ends it with its message and exit status 1."""
    _prepare_streams()
    with speaking(ENGLISH):
        _run(arguments)


def _run(arguments: Sequence[str] | None) -> None:
    try:
        try:
            options = parser().parse_args(arguments)
            speak(options.lang or ENGLISH)
            options.run(options)
        finally:
            sys.stdout.flush()  # a full disk is told of here, not when Python ends
    except SaelibError as error:
        print(_("Error: {error}").format(error=error), file=sys.stderr)
        sys.exit(1)
    except ModuleNotFoundError as error:
        missing = _(
            "Error: the package {name} is missing in this Python ({python}). Use the environment "
            "that was set up (. .venv/bin/activate), or set one up: see README.md."
        )
        print(missing.format(name=error.name, python=sys.executable), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\n" + _("Stopped."), file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # the reader, such as `head`, has enough
            print(_("Error: {error}.").format(error=error), file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:  # what could not be written goes nowhere, or Python tries again at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _prepare_streams() -> None:
    """Make printing possible where a stream is closed, or knows few characters."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace" if mode == "r" else "saelib-stand-ins")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """For a character that the output lacks: one of STAND_INS, or without accents, or '?'."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    plain = [unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() for c in text]
    return "".join(STAND_INS.get(c) or p or "?" for c, p in zip(text, plain)), error.end


codecs.register_error("saelib-stand-ins", _stand_in)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m saelib",
        description="Stacked autoencoder recommender on MovieLens: from raw ratings to films.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=16),
        epilog="Start with `train`, then `rate`. `COMMAND --help` explains each.",
    )
    top.add_argument("--version", action="version", version=f"saelib {__version__}")
    top.set_defaults(lang=ENGLISH)
    commands = top.add_subparsers(title="commands", required=True)

    def command(name: str, run, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.set_defaults(run=run)
        return made

    def dataset(of: argparse.ArgumentParser) -> None:
        of.add_argument("--dataset", default="ml-100k", help=f"{DATASETS} (default: ml-100k)")

    def own_data(of: argparse.ArgumentParser) -> None:
        dataset(of)
        own = of.add_argument_group("ratings of your own, instead of --dataset")
        own.add_argument("--ratings", type=Path, help="a CSV file: user, item, rating[, timestamp]")
        own.add_argument(
            "--scale",
            nargs="+",
            type=float,
            metavar="STARS",
            help="of them: lowest and highest rating, and the step between (1 if left out)",
        )
        own.add_argument("--items", type=Path, help="a CSV file: item[, title, year, genres]")
        own.add_argument("--people", type=Path, help="a CSV file: user[, gender, age, occupation]")

    def lang(
        of: argparse.ArgumentParser, default: str | None = ENGLISH, said: str = ENGLISH
    ) -> None:
        wanted = f"the language of what is said (default: {said})"
        of.add_argument("--lang", choices=LANGUAGES, default=default, help=wanted)

    def model(of: argparse.ArgumentParser) -> None:
        of.add_argument("--model", type=Path, help="a model file (default: that of `train`)")
        of.add_argument("--recipe", default="default", help="of the model that `train` made")

    check = command("check", _check, "See whether this machine has all that the series needs.")
    dataset(check)

    fetch = command("fetch", _fetch, "Download a data set, verify it and unpack it into data/.")
    dataset(fetch)

    train = command("train", _train, "Train a model and save it with a plot of its losses.")
    own_data(train)
    train.add_argument(
        "--recipe", default="default", help="default, plain, or a rung of the ladder"
    )
    train.add_argument("--seed", type=_seed, default=0, help="of everything random (default: 0)")
    train.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    train.add_argument("--output", type=Path, help="(default: models/DATASET-RECIPE.safetensors)")
    train.add_argument("--resume", action="store_true", help="go on where a training was stopped")
    train.add_argument(
        "--device",
        default="cpu",
        choices=DEVICES,
        help="where the networks are trained; auto: on a graphics card if there is one",
    )

    evaluate = command("evaluate", _evaluate, "Measure models on ratings they have not seen.")
    own_data(evaluate)
    evaluate.add_argument(
        "--protocol",
        default="ratings",
        choices=["ratings", "new-users", "ranking", "future"],
        help="unseen ratings, unseen users, the order of unseen films, or the last tenth of all "
        "ratings by time (default: ratings)",
    )
    evaluate.add_argument(
        "--split",
        choices=["u1", "liang"],
        help="a published split: u1 of ml-100k's ratings, or Liang et al.'s ranking of ml-20m",
    )
    evaluate.add_argument(
        "--recipe",
        nargs="+",
        default=["plain", "default"],
        help="which of our models, plain, default or a rung of the ladder (default: plain default)",
    )
    evaluate.add_argument(
        "--seeds", nargs="+", type=_seed, default=[0], help="one or several (default: 0)"
    )
    evaluate.add_argument("--epochs", type=int, help="passes over the data (default: the recipe's)")
    evaluate.add_argument(
        "--no-demographics", action="store_true", help="as if nobody had told who they are"
    )
    evaluate.add_argument("--json", action="store_true", help="one JSON object a line")

    ladder = command(
        "ladder",
        _ladder,
        "Train one idea after the other, from the plain network to the default recipe, and print "
        "the error of unseen ratings and the gain of each.",
    )
    own_data(ladder)
    ladder.add_argument(
        "--seeds", nargs="+", type=_seed, default=[0], help="one or several (default: 0)"
    )
    ladder.add_argument("--json", action="store_true", help="one JSON object a line")

    members = command(
        "family",
        _family,
        "Train each member of the autoencoder family, measure all of them alike, and print what "
        "each differs by from weight decay alone.",
    )
    own_data(members)
    members.add_argument(
        "--protocol",
        default="ratings",
        choices=["ratings", "new-users", "ranking"],
        help="as of evaluate (default: ratings)",
    )
    members.add_argument("--split", choices=["u1"], help="u1 of ml-100k's ratings")
    members.add_argument("--recipe", nargs="+", help="some of them only")
    members.add_argument(
        "--seeds", nargs="+", type=_seed, default=[0], help="one or several (default: 0)"
    )
    members.add_argument("--json", action="store_true", help="one JSON object a line")

    recommend = command(
        "recommend",
        _recommend,
        "Recommend films for a profile file; for several, those that suit all of them.",
    )
    recommend.add_argument(
        "--profile",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help='a JSON file, as `rate` saves it, or by hand: {"ratings": {"Fargo (1996)": 5}}; '
        "several: a film night",
    )
    recommend.add_argument(
        "--how",
        choices=["least-misery", "average"],
        default="least-misery",
        help="of a film night: what whoever likes a film least would give it, or the mean of all "
        "(default: least-misery)",
    )
    recommend.add_argument("-n", type=int, default=10, help="how many films (default: 10)")
    recommend.add_argument("--json", action="store_true", help="one JSON object a line")
    model(recommend)
    lang(recommend)

    rate = command(
        "rate",
        _rate,
        "Rate films at the terminal and get recommendations. In the questions, Enter skips, "
        "b goes back a film and q finishes early.",
    )
    dataset(rate)
    rate.add_argument("--films", type=int, default=20, help="how many to ask (default: 20)")
    rate.add_argument("-n", type=int, default=10, help="recommendations (default: 10)")
    rate.add_argument(
        "--save", type=Path, default=Path("my-profile.json"), help="(default: my-profile.json)"
    )
    model(rate)
    lang(rate)

    import_ = command(
        "import",
        _import,
        "Make a profile of ratings that you have made elsewhere: files that Letterboxd, IMDb, "
        "MovieLens.org or TMDB let you download, or a CSV file of title, year, stars. Nothing is "
        "sent anywhere.",
    )
    import_.add_argument("files", type=Path, nargs="+", metavar="FILE", help="one or several")
    dataset(import_)
    import_.add_argument(
        "--output", type=Path, default=Path("my-profile.json"), help="(default: my-profile.json)"
    )
    import_.add_argument(
        "--scale",
        nargs="+",
        type=float,
        metavar="STARS",
        help="of a list of your own: lowest and highest rating, and the step between (default: "
        "0.5 5 0.5)",
    )
    import_.add_argument("--all", action="store_true", help="list every film that was not found")
    model(import_)
    lang(import_)

    panel = command(
        "panel", _panel, "Open the rating panel as a page in the browser; Ctrl-C ends it."
    )
    panel.add_argument(
        "--dataset", help=f"{DATASETS} (default: the one with the newest films that has a model)"
    )
    model(panel)
    panel.add_argument(
        "--port", type=int, default=8866, help="of the page; the next one if in use (default: 8866)"
    )
    panel.add_argument(
        "--ip",
        default="localhost",
        help="where to listen: 0.0.0.0 lets in whoever on the network has the link (default: "
        "this machine only)",
    )
    panel.add_argument(
        "--visitors", type=int, default=40, help="at once; each needs 60 MB (default: 40)"
    )
    lang(panel, None, "each browser's")
    panel.add_argument("--dark", action="store_true", help="light letters on a dark page")
    panel.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    return top


def _seed(text: str) -> int:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**32:
        raise argparse.ArgumentTypeError(f"{text:.40} is no whole number from 0 to {2**32 - 1}")
    return seed


def model_path(dataset: str, recipe: str = "default") -> Path:
    """Where `train` puts a model."""
    from saelib.data.releases import models_folder

    return models_folder() / f"{dataset}-{recipe}.safetensors"


def _find_model(options: argparse.Namespace, dataset: str) -> Path:
    """The model file that was named, or that `train` made for a data set."""
    from saelib.data.releases import RELEASES, check_name
    from saelib.network.recipes import find_recipe

    if options.model is not None:
        return options.model
    recipe = options.recipe
    find_recipe(recipe, stars=True)
    path = model_path(dataset, recipe)
    made = re.fullmatch(r"\w[\w .-]*", dataset) and path.exists()
    if not made and dataset not in RELEASES:
        check_name(dataset)
    if not made:
        make = f"python -m saelib train --dataset {dataset}"
        make += f" --recipe {recipe}" if recipe != "default" else ""
        raise CheckpointError(
            _("{path} is not there. Make it: {command}").format(path=path, command=make)
        )
    return path


def _newest(recipe: str = "default") -> str:
    """The release with the newest films for which there is a model; ml-100k where there is none.

    Newer films are the better known ones. Says what to do where files of a newer one are on disk.
    """
    from saelib.data.releases import LAST_YEAR, locate

    newest = sorted(LAST_YEAR, key=LAST_YEAR.__getitem__, reverse=True)
    found = next((name for name in newest if model_path(name, recipe).exists()), "ml-100k")
    newer = (name for name in newest[: newest.index(found)] if locate(name))
    if (name := next(newer, None)) is not None:
        newer_ones = _("The films are those of {dataset}. Newer ones: {command}")
        print(newer_ones.format(dataset=found, command=f"python -m saelib train --dataset {name}"))
    return found


def _load(options: argparse.Namespace) -> Dataset:
    """The data set that was named, or ratings of one's own."""
    from saelib.data.own import from_csv
    from saelib.data.releases import load

    if options.ratings is not None:
        if options.scale is None:
            raise SaelibError(
                "--ratings needs --scale, such as --scale 1 10, or --scale 0.5 5 0.5."
            )
        return from_csv(options.ratings, options.scale, options.items, options.people)
    for option in ("scale", "items", "people"):
        if getattr(options, option) is not None:
            raise SaelibError(f"--{option} goes with --ratings FILE, ratings of your own.")
    return load(options.dataset)


def _check(options: argparse.Namespace) -> None:
    from saelib.checks import check_setup

    table = check_setup(options.dataset)
    for need, found, ok, todo in table.itertuples(index=False):
        print(
            f"{'ok     ' if ok else 'MISSING'} {need:32} {found}" + (f"  → {todo}" if todo else "")
        )
    if not table["ok"].all():
        raise SaelibError("Something is missing; the last column says what to do.")


def _fetch(options: argparse.Namespace) -> None:
    from saelib.data import releases

    folder = releases.fetch(options.dataset)
    data = releases.read(folder, options.dataset)
    print(
        f"{options.dataset}: {len(data.ratings):,} ratings by {data.ratings.user_id.nunique():,} "
        f"people of {data.ratings.movie_id.nunique():,} films, in {folder}"
    )
    print(f"Licence: {releases.RELEASES[options.dataset].licence}; see data/README.md.")


def _train(options: argparse.Namespace) -> None:
    from saelib.evaluation import bias, evaluate_ratings
    from saelib.model.learn import train
    from saelib.network import processes
    from saelib.network.devices import find_device
    from saelib.network.recipes import find_recipe
    from saelib.plots import plot_histories

    # What can be wrong with the request is said before anything is downloaded or trained.
    recipe = find_recipe(options.recipe, options.epochs, stars=True)
    dataset = options.dataset if options.ratings is None else options.ratings.stem
    output = options.output or model_path(dataset, options.recipe)
    if output.is_dir():
        raise CheckpointError(f"{output} is a folder; --output takes the name of a file.")
    if output.suffix != ".safetensors":
        raise CheckpointError(
            f"--output takes the name of a file that ends in .safetensors; got {output}. The plot "
            "and what --resume needs stand beside it, with other endings."
        )
    processes.start(find_device(options.device))
    if processes.rank() > 0:
        sys.stdout = open(os.devnull, "w")  # the first process speaks for all
    data = processes.first_alone(lambda: _load(options))
    checkpoint = output.with_suffix(".checkpoint")
    bundle = train(
        data,
        options.recipe,
        seed=options.seed,
        epochs=options.epochs,
        checkpoint=checkpoint,
        resume=options.resume,
        progress=sys.stderr.isatty(),
        device=options.device,
    )
    first = processes.rank() == 0
    processes.stop()
    if not first:
        return
    if bundle.interrupted:
        output = _free_path(output)  # a finished model is not replaced by half a training
        print(
            f"Stopped after epoch {len(bundle.histories[-1].train_loss)} of a network. "
            "The same command with --resume goes on from there."
        )
    bundle.save(output)
    if not bundle.interrupted:  # only now: where saving fails, --resume still has everything
        for number in range(len(recipe.networks)):
            checkpoint.with_name(f"{checkpoint.name}{number}").unlink(missing_ok=True)
    baseline = evaluate_ratings(data, {"bias": bias}, options.seed)["rmse"][0]
    plot = output.with_suffix(".png")
    plot_histories(bundle.histories, baseline=baseline).savefig(plot)
    for network, history in zip(recipe.networks, bundle.histories):
        error = history.validation_loss[history.best_epoch - 1] ** 0.5
        print(
            f"{network.rows.capitalize()} as rows: RMSE of held-out ratings {error:.3f} stars at "
            f"epoch {history.best_epoch} of {len(history.train_loss)}"
        )
    print(f"The model: {bundle.held_out_rmse:.3f}; the bias baseline: {baseline:.3f}")
    print("(These ratings chose the epochs; `evaluate` measures on ratings that chose nothing.)")
    print(f"Model: {output}\nLosses: {plot}")


def _evaluate(options: argparse.Namespace) -> None:
    import pandas as pd

    from saelib.data.releases import fetch
    from saelib.evaluation import evaluate, summary

    _check_seeds(options.seeds)
    data = _load(options)
    folder = fetch(options.dataset) if options.ratings is None else Path()
    if options.no_demographics:
        data = replace(data, users=None)
    tables = []
    for seed in options.seeds:
        table = evaluate(
            data,
            options.protocol,
            options.recipe,
            seed,
            split=(folder, options.split) if options.split else None,
            epochs=options.epochs,
            progress=sys.stderr.isatty(),
        )
        tables.append(table)
        if options.json:
            extra = {"split": options.split} if options.split else {}
            extra |= {"demographics": False} if options.no_demographics else {}
            _print_json({**row, **extra} for row in table.to_dict("records"))
    if not options.json:
        print(summary(pd.concat(tables)).to_string())


def _check_seeds(seeds: list[int]) -> None:
    if len(set(seeds)) < len(seeds):
        raise SaelibError("--seeds names a seed twice: the spread would be smaller than it is.")


def _print_json(rows: Iterable[dict]) -> None:
    """One object a line, each as soon as it is there. JSON has no NaN: null."""
    for row in rows:
        print(json.dumps({k: None if v != v else v for k, v in row.items()}), flush=True)


def _ladder(options: argparse.Namespace) -> None:
    import pandas as pd

    from saelib.compare import ladder

    _check_seeds(options.seeds)
    data = _load(options)
    rungs = ladder(data, options.seeds, progress=sys.stderr.isatty())
    if options.json:
        _print_json(rungs)
        return
    seeds = ", ".join(map(str, options.seeds))
    print(f"RMSE of unseen ratings, {data.name}, mean of seeds {seeds}; gain over the rung")
    print("before on the same seed, ± its standard error where there are several\n")
    print("model            RMSE              gain")
    for model, rows in groupby(rungs, key=itemgetter("model")):
        rung = pd.DataFrame(rows)
        gain = " ± ".join(f"{x:.4f}" for x in rung["gain"].agg(["mean", "sem"]).dropna())
        print(f"{model:14} {rung['rmse'].mean():.4f}  {gain:>16}  {rung['idea'][0]}", flush=True)


def _family(options: argparse.Namespace) -> None:
    import pandas as pd

    from saelib.compare import REFERENCE, family, paired
    from saelib.data.releases import fetch

    _check_seeds(options.seeds)
    data = _load(options)
    folder = fetch(options.dataset) if options.ratings is None else Path()
    recipes = options.recipe
    if recipes is not None and not options.json:
        recipes = list(dict.fromkeys([*recipes, REFERENCE.removeprefix("sae-")]))
    rows = family(
        data,
        options.protocol,
        options.seeds,
        recipes=recipes,
        split=(folder, options.split) if options.split else None,
        progress=sys.stderr.isatty(),
    )
    if options.json:
        extra = {"split": options.split} if options.split else {}
        _print_json({**row, **extra} for row in rows)
        return
    table = pd.DataFrame(rows)
    metric = "ndcg@10" if options.protocol == "ranking" else "rmse"
    seeds = ", ".join(map(str, options.seeds))
    print(f"{metric.upper()}, {data.name}, {options.protocol}, mean of seeds {seeds}; difference")
    print("from weight decay on the same seed, ± its standard error where there are several")
    if "n_inputs" not in table:
        table["n_inputs"] = ""
    for shown, part in table.groupby("n_inputs", sort=False):
        print(f"\n{shown} ratings shown\n" if shown != "" else "")
        ideas = part.drop_duplicates("model").set_index("model")["idea"]
        for row in paired(part, metric).itertuples():
            by = f"{row.difference:+.4f}" + (
                f" ± {row.error:.4f}" if len(options.seeds) > 1 else ""
            )
            name = f"{row.Index:22} {row.mean:.4f}"
            print(f"{name}  {by:>16} {row.seconds:6.0f} s  {ideas[row.Index]}")


def _recommend(options: argparse.Namespace) -> None:
    import pandas as pd

    from saelib.recommend.play import film_night
    from saelib.recommend.profile import Profile
    from saelib.recommend.recommender import Recommender

    profiles = [Profile.load(path) for path in options.profile]
    dataset = next((told.dataset for told in profiles if told.dataset), "ml-100k")
    recommender = Recommender.load(_find_model(options, dataset))
    names: list[str] = []
    if len(profiles) == 1:
        films = recommender.recommend(profiles[0], options.n)
    else:
        names = [f"{number}. {path.stem}" for number, path in enumerate(options.profile, start=1)]
        how = options.how.replace("-", " ")
        films = film_night(recommender, dict(zip(names, profiles)), options.n, how=how)
    if options.json:
        for film in films.to_dict("records"):
            year = None if pd.isna(film["year"]) else int(film["year"])
            print(json.dumps(film | {"year": year}))
    else:
        _print_films(films, recommender.scale, names)


def _print_films(films: pd.DataFrame, scale: Scale, people: Sequence[str] = ()) -> None:
    from saelib.recommend.catalogue import label
    from saelib.recommend.reasons import caution
    from saelib.recommend.words import genres

    if films.empty:
        print(_("No film is left to recommend: all of them were rated or seen."))
        return
    names = [label(title, year) for title, year in zip(films["title"], films["year"])]
    width = max(map(len, names))
    if people:
        heading = _("Expected stars: of the group, then of {people}")
        print(heading.format(people=", ".join(people)) + "\n")
    each = films[list(people)].to_numpy()
    lines = zip(names, films["genres"].map(genres), films["stars"])
    for rank, (name, genre, stars) in enumerate(lines, start=1):
        of_each = "".join(f"  {x:.1f}" for x in each[rank - 1])
        print(f"{rank:3}.  {name:{width}}  {stars:.1f} ★{of_each}  {genre}".rstrip())
    if warning := caution(films, scale):
        print(f"\n{warning}")


def _rate(options: argparse.Namespace) -> None:
    from saelib.panel.terminal import interview
    from saelib.recommend.profile import Profile
    from saelib.recommend.recommender import Recommender

    if options.save.is_dir():
        raise ProfileError(
            _("{path} is a folder; {option} takes a file name.").format(
                path=options.save, option="--save"
            )
        )
    for option, value in (("--films", options.films), ("-n", options.n)):
        if value < 1:
            raise ProfileError(_at_least_one(option, value))
    path = _free_path(options.save)
    try:  # before anybody answers questions for nothing
        path.touch(exist_ok=False)
        path.unlink()
    except OSError as error:
        raise ProfileError(
            _("The profile could not be saved: {error}. Name another file with --save.").format(
                error=error
            )
        ) from error
    recommender = Recommender.load(_find_model(options, options.dataset))
    nothing, trouble = Profile(dataset=recommender.dataset), None

    def keep(profile: Profile) -> None:
        nonlocal trouble
        trouble = None
        try:
            if profile != nothing or path.exists():
                profile.save(path)
        except ProfileError as error:  # told at the end: there may be space by then
            trouble = error

    profile = interview(recommender, options.films, keep=keep)
    if profile == nothing:
        path.unlink(missing_ok=True)
        print(_("Nothing was told, so there is nothing to go by."))
        return
    keep(profile)
    if trouble is None:
        print("\n" + _("Your profile: {path}").format(path=path))
    else:
        unsaved = _("Your profile: not saved; as it would be:\n\n{profile}")
        print("\n" + unsaved.format(profile=profile.to_json()))
    print(_("Your recommendations, best first:") + "\n")
    _print_films(recommender.recommend(profile, options.n), recommender.scale)
    if trouble is not None:
        raise trouble


def _at_least_one(option: str, value: int) -> str:
    return _("{option} must be at least 1; got {value}.").format(option=option, value=value)


def _import(options: argparse.Namespace) -> None:
    from saelib.data.scale import Scale
    from saelib.recommend.exports import MAX_FILE
    from saelib.recommend.imports import import_files

    if options.output.is_dir():
        raise ProfileError(
            _("{path} is a folder; {option} takes a file name.").format(
                path=options.output, option="--output"
            )
        )
    files = []
    for path in options.files:
        try:
            with path.open("rb") as file:
                files.append((path.name, file.read(MAX_FILE + 1)))
        except OSError as error:
            raise ProfileError(
                _("Cannot read {path}: {error}.").format(path=path, error=error.strerror or error)
            ) from error
    own_scale = None if options.scale is None else Scale.of(options.scale)
    catalogue, scale = _catalogue(options)
    imported = import_files(files, catalogue, scale, own_scale=own_scale, compare=True)
    print(imported.report(None if options.all else 20))
    if not imported.matched:
        raise ProfileError(
            _("None of the films is in {dataset}; no profile was written.").format(
                dataset=imported.dataset
            )
        )
    path = _free_path(options.output)
    imported.profile.save(path)
    print("\n" + _("Your profile: {path}").format(path=path))


def _catalogue(options: argparse.Namespace) -> tuple[Catalogue, Scale]:
    """The films of a data set and its scale: of a model where there is one, else of the release."""
    from saelib.data.releases import RELEASES, load
    from saelib.model.bundle import Bundle
    from saelib.recommend.catalogue import Catalogue

    trained = options.model or model_path(options.dataset, options.recipe)
    if trained.exists() or options.dataset not in RELEASES:
        bundle = Bundle.load(_find_model(options, options.dataset))
        return Catalogue(bundle.films, bundle.dataset), bundle.scale
    data = load(options.dataset)
    n_ratings = data.ratings["movie_id"].value_counts()
    films = data.movies.assign(n_ratings=data.movies["movie_id"].map(n_ratings).fillna(0))
    return Catalogue(films, data.name), data.scale


def _panel(options: argparse.Namespace) -> None:
    from saelib.model.bundle import Bundle
    from saelib.panel.page import serve

    if not 1 <= options.port <= 65535:
        raise SaelibError(
            _("--port must be from 1 to 65535; got {value}.").format(value=options.port)
        )
    if options.visitors < 1:
        raise SaelibError(_at_least_one("--visitors", options.visitors))
    dataset = options.dataset or ("" if options.model else _newest(options.recipe))
    path = _find_model(options, dataset)
    Bundle.load(path)  # what is wrong with it is said here, not to each visitor
    serve(
        path,
        options.port,
        open_browser=not options.no_browser,
        dark=options.dark,
        ip=options.ip,
        visitors=options.visitors,
        lang=options.lang,
    )


def _free_path(path: Path) -> Path:
    """`path`, or the first of path-2, path-3 … that does not exist: no profile is overwritten."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
