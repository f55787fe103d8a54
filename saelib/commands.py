"""What the commands of the command line do; their options are in cli.py."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from saelib import model
from saelib.data import Dataset, Scale, from_csv
from saelib.errors import SaelibError
from saelib.evaluation import bias, evaluate_ratings, paired, summary
from saelib.evaluation import evaluate as evaluate_models
from saelib.language import _
from saelib.movielens import RELEASES, load, models_folder, read_split
from saelib.movielens import fetch as fetch_release
from saelib.recipes import GROUPS
from saelib.recommend.elsewhere import import_files
from saelib.recommend.profile import Profile
from saelib.recommend.reasons import caution
from saelib.recommend.recommender import Recommender
from saelib.recommend.words import genres

PROFILE = Path("my-profile.json")


def fetch(options: Namespace) -> None:
    """Download a data set into data/ and verify it."""
    folder, data = fetch_release(options.dataset), load(options.dataset)
    people, films = (data.ratings[column].nunique() for column in ("user_id", "movie_id"))
    print(f"{data.name}: {len(data.ratings):,} ratings by {people:,} people of {films:,} films")
    print(f"Files: {folder}\nLicence: {RELEASES[data.name].licence}; see data/README.md.")


def train(options: Namespace) -> None:
    """Train a model and save it with a plot of its errors; Ctrl-C keeps the best epoch."""
    import matplotlib.pyplot as plt

    from saelib.plots import plot_history
    from saelib.training import processes

    data = _load(options)
    output = options.output or model_path(data.name, options.recipe)
    if output.suffix != ".safetensors" or output.is_dir():
        raise SaelibError(f"--output takes the name of a file ending in .safetensors, not {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = output.with_suffix(".checkpoint")
    made = model.train(
        data,
        options.recipe,
        seed=options.seed,
        epochs=options.epochs,
        checkpoint=checkpoint,
        resume=options.resume,
        keep=True,
        progress=sys.stderr.isatty(),
        device=options.device,
    )
    if processes(options.device)[0] > 0:
        return  # of several processes, the first one speaks and writes
    history = made.history
    if history.interrupted:
        output = _free(output)  # half a training does not take a whole one's place
        print("Stopped. The same command with --resume goes on from there.")
    made.save(output)
    if not history.interrupted:  # only now: where saving fails, --resume still has everything
        checkpoint.unlink()
    baseline = evaluate_ratings(data, {"bias": bias}, options.seed)["rmse"][0]
    plot = output.with_suffix(".png")
    plot_history(history, baseline=baseline / data.scale.star)
    plt.savefig(plot)
    print(
        f"RMSE of validation ratings: {made.validation_rmse:.3f} after epoch {history.best_epoch} "
        f"of {len(history.train_loss)}; the bias baseline: {baseline:.3f}\n"
        "(These ratings chose the epoch; `evaluate` measures on ratings that chose nothing.)\n"
        f"Model: {output}, {output.stat().st_size / 1e6:.1f} MB\nErrors: {plot}"
    )


def evaluate(options: Namespace) -> None:
    """Measure models on ratings that they were not shown: of known people, of new people, the order
    of films for these, or the last tenth by time."""
    if len(set(options.seeds)) < len(options.seeds):
        raise SaelibError("--seeds names a seed twice: the spread would be smaller than it is.")
    if options.split and (options.protocol, options.dataset) != ("ratings", "ml-100k"):
        raise SaelibError("--split u1 goes with --protocol ratings of ml-100k.")
    recipes = [name for group in options.recipe for name in GROUPS.get(group, [group])]
    fit = {"epochs": options.epochs, "progress": sys.stderr.isatty()}
    learners = model.models(options.protocol, dict.fromkeys(recipes), **fit)
    data, extra, tables = _load(options), {}, []
    if options.no_demographics:
        data, extra = replace(data, users=None), {"demographics": False}
    parts = {}
    if options.split:
        extra["split"] = options.split
        parts["parts"] = tuple(read_split(f"{options.split}.{part}") for part in ("base", "test"))
    for seed in options.seeds:
        for name, learn in learners.items():  # one by one, so that what is measured is shown
            began = time.process_time()  # of training and scoring
            table = evaluate_models(data, options.protocol, {name: learn}, seed, **parts)
            tables.append(table.assign(seconds=round(time.process_time() - began, 1)))
            if options.json:
                _print_json(row | extra for row in tables[-1].to_dict("records"))
    if options.json:
        return
    table = pd.concat(tables)
    print(summary(table).to_string())
    last = list(learners)[-1]
    if len(options.seeds) > 1 and not {"n_inputs", "people"} & set(table):
        metric = "ndcg@10" if options.protocol == "ranking" else "rmse"
        differences = paired(table, metric, last)[["difference", "error"]]
        print(f"\n{metric}: difference from {last} on the same seeds, and its standard error\n")
        print(differences.map("{:+.4f}".format).to_string())


def recommend(options: Namespace) -> None:
    """Recommend films for a profile."""
    profile = Profile.load(options.profile)
    recommender = _recommender(options, profile.dataset or "ml-100k")
    films = recommender.recommend(profile, options.n)
    if options.json:
        _print_json(films.drop(columns="name").to_dict("records"))
    else:
        _print_films(films, recommender)


def rate(options: Namespace) -> None:
    """Rate films at the terminal and get recommendations."""
    from saelib.panel.terminal import interview

    recommender = _recommender(options, options.dataset)
    path, nothing = _free(options.save), Profile(dataset=recommender.dataset)
    if not os.access(path.parent, os.W_OK):  # before anybody answers questions for nothing
        raise SaelibError(
            _("{path} cannot be written; name another with --save.").format(path=path)
        )
    profile = interview(
        recommender,
        options.films,
        keep=lambda profile: None if profile == nothing else profile.save(path),
    )
    if profile == nothing:
        print(_("Nothing was told, so there is nothing to go by."))
        return
    print("\n" + _("Your profile: {path}").format(path=path))
    print(_("Your recommendations, best first:") + "\n")
    _print_films(recommender.recommend(profile, options.n), recommender)


def import_(options: Namespace) -> None:
    """Make a profile of ratings made elsewhere. Nothing is sent anywhere."""
    recommender = _recommender(options, options.dataset)
    files = [(path.name, path.read_bytes()) for path in options.files]
    own = None if options.scale is None else Scale.of(options.scale)
    catalogue, scale = recommender.catalogue, recommender.scale
    imported = import_files(files, catalogue, scale, own_scale=own)
    print(imported.report(20))
    profile = imported.profile
    if not (profile.ratings or profile.seen or profile.watchlist):
        none = _("None of the films is in {dataset}; no profile was written.")
        raise SaelibError(none.format(dataset=recommender.dataset))
    path = _free(options.output or PROFILE)
    profile.save(path)
    print("\n" + _("Your profile: {path}").format(path=path))


def panel(options: Namespace) -> None:
    """Open the rating panel as a page in the browser; Ctrl-C ends it."""
    from saelib.panel.page import serve

    newest = sorted(RELEASES, key=lambda name: RELEASES[name].last_year, reverse=True)
    made = (name for name in newest if model_path(name, options.recipe).exists())
    recommender = _recommender(options, options.dataset or next(made, "ml-100k"))
    serve(
        recommender,
        options.port,
        ip=options.ip,
        host=options.host,
        visitors=options.visitors,
        language=options.lang or "",
        open_browser=not options.no_browser,
    )


# -- What several of them need ----------------------------------------------------------------


def model_path(dataset: str, recipe: str = "default") -> Path:
    """Where `train` puts a model."""
    return models_folder() / f"{dataset}-{recipe}.safetensors"


def _load(options: Namespace) -> Dataset:
    """The data set that was named, or ratings of one's own."""
    own = ("scale", "items", "people", "not_rated", "keep_last")
    if options.ratings is None:
        for option in own:
            if getattr(options, option):
                raise SaelibError(f"--{option.replace('_', '-')} goes with --ratings FILE.")
        return load(options.dataset)
    if options.scale is None:
        raise SaelibError("--ratings needs --scale, such as --scale 1 10, or --scale 0.5 5 0.5.")
    if options.ratings.stem in RELEASES:
        raise SaelibError(
            f"{options.ratings} is named like a release, whose model it would replace; "
            "give the file another name."
        )
    return from_csv(
        options.ratings,
        options.scale,
        options.items,
        options.people,
        not_rated=options.not_rated,
        repeated="last" if options.keep_last else "error",
    )


def _recommender(options: Namespace, dataset: str) -> Recommender:
    path = options.model or model_path(dataset, options.recipe)
    if not path.exists():
        recipe = "" if options.recipe == "default" else f" --recipe {options.recipe}"
        command = f"python -m saelib train --dataset {dataset}{recipe}"
        raise SaelibError(
            _("{path} is not there. Make it: {command}").format(path=path, command=command)
        )
    return Recommender.load(path)


def _print_json(rows: Iterable[dict]) -> None:
    """One object a line, each as soon as it is there. JSON has no NaN: null."""
    for row in rows:
        row = {
            key: None if value is pd.NA or value != value else value for key, value in row.items()
        }
        print(json.dumps(row), flush=True)


def _print_films(films: pd.DataFrame, recommender: Recommender) -> None:
    if films.empty:
        print(_("No film is left to recommend: all of them were rated or seen."))
        return
    width = max(map(len, films["name"]))
    for rank, film in enumerate(films.itertuples(), start=1):
        line = f"{rank:3}.  {film.name:{width}}  {film.stars:.1f} ★  {genres(film.genres)}"
        print(line.rstrip())
    if warning := caution(films, recommender.scale):
        print(f"\n{warning}")


def _free(path: Path) -> Path:
    """`path`, or the first of path-2, path-3 … that does not exist: nothing is overwritten."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
