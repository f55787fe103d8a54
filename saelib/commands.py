"""What the commands of the command line do; what each is for, and its options, are in cli.py."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import pandas as pd

from saelib import evaluation, model, movielens
from saelib.data import Dataset, Scale, from_csv
from saelib.errors import SaelibError
from saelib.language import _
from saelib.movielens import RELEASES, load, models_folder, read_split
from saelib.recipes import GROUPS
from saelib.recommend.elsewhere import import_files
from saelib.recommend.profile import Profile
from saelib.recommend.reasons import caution
from saelib.recommend.recommender import Recommender
from saelib.recommend.words import genres

LINES: dict = {"orient": "records", "lines": True, "double_precision": 15}  # how JSON is printed


def fetch(options: Namespace) -> None:
    folder, data = movielens.fetch(options.dataset), load(options.dataset)
    people, films = (data.ratings[column].nunique() for column in ("user_id", "movie_id"))
    print(f"{data.name}: {len(data.ratings):,} ratings by {people:,} people of {films:,} films")
    print(f"Files: {folder}\nLicence: {RELEASES[data.name].licence}; see data/README.md.")


def train(options: Namespace) -> None:
    import matplotlib.pyplot as plt

    from saelib.plots import plot_history
    from saelib.training import processes

    data = _load(options)
    output = options.output or model_path(data.name, options.recipe)
    if output.suffix != ".safetensors" or output.is_dir():
        raise SaelibError(f"--output takes the name of a file ending in .safetensors, not {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = output.with_suffix(".checkpoint")
    told = _told(options, "recipe seed epochs resume device")
    made = model.train(data, **told, checkpoint=checkpoint, keep=True, progress=sys.stderr.isatty())
    if processes(options.device)[0] > 0:
        return  # of several processes, the first one speaks and writes
    history = made.history
    if history.interrupted:
        output = _free(output)  # half a training does not take a whole one's place
        print("Stopped. The same command with --resume goes on from there.")
    made.save(output)
    if not history.interrupted:  # only now: where saving fails, --resume still has everything
        checkpoint.unlink()
    baseline = evaluation.evaluate_ratings(data, {"bias": evaluation.bias}, options.seed)["rmse"][0]
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
    if len(set(options.seeds)) < len(options.seeds):
        raise SaelibError("--seeds names a seed twice: the spread would be smaller than it is.")
    if options.split and (options.protocol, options.dataset) != ("ratings", "ml-100k"):
        raise SaelibError("--split u1 goes with --protocol ratings of ml-100k.")
    recipes = [name for group in options.recipe for name in GROUPS.get(group, [group])]
    fit = {"epochs": options.epochs, "progress": sys.stderr.isatty()}
    learners = model.models(options.protocol, dict.fromkeys(recipes), **fit)
    data, extra, parts, tables = _load(options), {}, {}, []
    if options.no_demographics:
        data, extra = replace(data, users=None), {"demographics": False}
    if options.split:
        extra["split"] = options.split
        parts["parts"] = tuple(read_split(f"{options.split}.{part}") for part in ("base", "test"))
    for seed in options.seeds:
        for name, learn in learners.items():  # one by one, so that what is measured is shown
            began = time.process_time()  # of training and scoring
            table = evaluation.evaluate(data, options.protocol, {name: learn}, seed, **parts)
            tables.append(table.assign(seconds=round(time.process_time() - began, 1)))
            if options.json:
                print(tables[-1].assign(**extra).to_json(**LINES), end="", flush=True)
    if options.json:
        return
    table = pd.concat(tables)
    print(evaluation.summary(table).to_string())
    if len(options.seeds) > 1 and not {"n_inputs", "people"} & set(table):
        metric = "ndcg@10" if options.protocol == "ranking" else "rmse"
        differences = evaluation.paired(table, metric, name)[["difference", "error"]]
        print(f"\n{metric}: difference from {name} on the same seeds, and its standard error\n")
        print(differences.map("{:+.4f}".format).to_string())


def recommend(options: Namespace) -> None:
    profile = Profile.load(options.profile)
    recommender = _recommender(options, profile.dataset or "ml-100k")
    films = recommender.recommend(profile, options.n)
    if options.json:
        print(films.drop(columns="name").to_json(**LINES), end="")
    else:
        _print_films(films, recommender)


def rate(options: Namespace) -> None:
    from saelib.panel.terminal import interview

    recommender = _recommender(options, options.dataset)
    path, nothing = _free(options.save), Profile(dataset=recommender.dataset)
    if not os.access(path.parent, os.W_OK):  # before anybody answers questions for nothing
        message = _("{path} cannot be written; name another with --save.")
        raise SaelibError(message.format(path=path))
    profile = interview(
        recommender, options.films, keep=lambda told: None if told == nothing else told.save(path)
    )
    if profile == nothing:
        print(_("Nothing was told, so there is nothing to go by."))
        return
    print("\n" + _("Your profile: {path}").format(path=path))
    print(_("Your recommendations, best first:") + "\n")
    _print_films(recommender.recommend(profile, options.n), recommender)


def import_(options: Namespace) -> None:
    recommender = _recommender(options, options.dataset)
    files = [(path.name, path.read_bytes()) for path in options.files]
    own = None if options.scale is None else Scale.of(options.scale)
    imported = import_files(files, recommender.catalogue, recommender.scale, own_scale=own)
    print(imported.report(20))
    profile = imported.profile
    if not (profile.ratings or profile.seen or profile.watchlist):
        none = _("None of the films is in {dataset}; no profile was written.")
        raise SaelibError(none.format(dataset=recommender.dataset))
    path = _free(options.output or Path("my-profile.json"))
    profile.save(path)
    print("\n" + _("Your profile: {path}").format(path=path))


def panel(options: Namespace) -> None:
    from saelib.panel.page import serve

    newest = sorted(RELEASES, key=lambda name: RELEASES[name].last_year, reverse=True)
    made = (name for name in newest if model_path(name, options.recipe).exists())
    recommender = _recommender(options, options.dataset or next(made, "ml-100k"))
    told = _told(options, "ip host visitors") | {"language": options.lang or ""}
    serve(recommender, options.port, **told, open_browser=not options.no_browser)


def _told(options: Namespace, names: str) -> dict:
    """These options, by the names that the function that gets them has for them, too."""
    return {name: getattr(options, name) for name in names.split()}


def model_path(dataset: str, recipe: str = "default") -> Path:
    """Where `train` puts a model."""
    return models_folder() / f"{dataset}-{recipe}.safetensors"


def _load(options: Namespace) -> Dataset:
    """The data set that was named, or ratings of one's own."""
    if options.ratings is None:
        for option, value in _told(options, "scale items people not_rated keep_last").items():
            if value:
                raise SaelibError(f"--{option.replace('_', '-')} goes with --ratings FILE.")
        return load(options.dataset)
    if options.scale is None:
        raise SaelibError("--ratings needs --scale, such as --scale 1 10, or --scale 0.5 5 0.5.")
    if options.ratings.stem in RELEASES:
        clash = "is named like a release, whose model it would replace; give it another name."
        raise SaelibError(f"{options.ratings} {clash}")
    told = _told(options, "ratings scale items people not_rated")
    return from_csv(**told, repeated="last" if options.keep_last else "error")


def _recommender(options: Namespace, dataset: str) -> Recommender:
    path = options.model or model_path(dataset, options.recipe)
    if not path.exists():
        recipe = "" if options.recipe == "default" else f" --recipe {options.recipe}"
        command = f"python -m saelib train --dataset {dataset}{recipe}"
        message = _("{path} is not there. Make it: {command}")
        raise SaelibError(message.format(path=path, command=command))
    return Recommender.load(path)


def _print_films(films: pd.DataFrame, recommender: Recommender) -> None:
    if films.empty:
        print(_("No film is left to recommend: all of them were rated or seen."))
    width = max(map(len, films["name"]), default=0)
    for rank, film in enumerate(films.itertuples(), start=1):
        print(f"{rank:3}.  {film.name:{width}}  {film.stars:.1f} ★  {genres(film.genres)}".rstrip())
    if warning := caution(films, recommender.scale):
        print(f"\n{warning}")


def _free(path: Path) -> Path:
    """`path`, or the first of path-2, path-3 … that does not exist: nothing is overwritten."""
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(free for free in chain([path], others) if not free.exists())
