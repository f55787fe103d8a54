"""What the commands do. Each takes its options, by their names; what they mean is in cli.py."""

import sys
import time
from dataclasses import replace
from itertools import chain, count, product
from pathlib import Path
from typing import Any

import pandas as pd

from saelib import evaluation
from saelib import model as models
from saelib.data import Dataset, Scale, from_frame, read_table
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


def fetch(dataset) -> None:
    data = load(dataset)
    people, films = (data.ratings[column].nunique() for column in ("user_id", "movie_id"))
    print(f"{data.name}: {len(data.ratings):,} ratings by {people:,} people of {films:,} films.")


def train(recipe, output, seed, epochs, resume, device, **own) -> None:
    from saelib.training import processes

    data = _load(**own)
    output = output or models_folder() / f"{data.name}-{recipe}.safetensors"
    if output.suffix != ".safetensors":
        raise SaelibError(f"--output takes the name of a file ending in .safetensors, not {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = output.with_suffix(".checkpoint")
    told = {"seed": seed, "epochs": epochs, "resume": resume, "device": device}
    progress = sys.stderr.isatty()
    made = models.train(data, recipe, **told, checkpoint=checkpoint, progress=progress)
    if processes(device)[0] > 0:
        return  # of several processes, the first one speaks and writes
    made.save(output)
    checkpoint.unlink()  # only now: where saving fails, --resume still has everything
    baseline = evaluation.evaluate_ratings(data, {"bias": evaluation.bias}, seed)["rmse"][0]
    best, n_epochs = made.history.best_epoch, len(made.history.train_loss)
    print(
        f"RMSE of validation ratings: {made.validation_rmse:.3f} after epoch {best} of {n_epochs}; "
        f"the bias baseline: {baseline:.3f}\n"
        "(These ratings chose the epoch; `evaluate` measures on ratings that chose nothing.)\n"
        f"Model: {output}, {output.stat().st_size / 1e6:.1f} MB"
    )


def evaluate(protocol, split, recipe, seeds, epochs, no_demographics, json, **own) -> None:
    if split and (protocol, own["dataset"], own["ratings"]) != ("ratings", "ml-100k", None):
        raise SaelibError("--split u1 goes with --protocol ratings of ml-100k.")
    names = dict.fromkeys(name for group in recipe for name in GROUPS.get(group, [group]))
    learners = models.models(protocol, names, epochs=epochs, progress=sys.stderr.isatty())
    data, extra, parts, tables = _load(**own), {}, {}, []
    if no_demographics:
        data, extra = replace(data, users=None), {"demographics": False}
    if split:
        extra["split"] = split
        parts["parts"] = tuple(read_split(f"{split}.{part}") for part in ("base", "test"))
    for seed, name in product(dict.fromkeys(seeds), learners):  # one by one, and shown at once
        began = time.process_time()  # of training and scoring
        table = evaluation.evaluate(data, protocol, {name: learners[name]}, seed, **parts)
        tables.append(table.assign(seconds=round(time.process_time() - began, 1)))
        if json:
            print(tables[-1].assign(**extra).to_json(**LINES), end="", flush=True)
    if json:
        return
    table, metric = pd.concat(tables), {"ratings": "rmse", "ranking": "ndcg@10"}.get(protocol)
    print(evaluation.summary(table).to_string())
    if metric and len(set(seeds)) > 1:
        differences = evaluation.paired(table, metric, name)[["difference", "error"]]
        print(f"\n{metric}: difference from {name} on the same seeds, and its standard error\n")
        print(differences.map("{:+.4f}".format).to_string())


def recommend(profile, n, json, **of) -> None:
    told = Profile.load(profile)
    recommender = _recommender(told.dataset or "ml-100k", **of)
    films = recommender.recommend(told, n)
    if json:
        print(films.drop(columns="name").to_json(**LINES), end="")
    else:
        _print_films(films, recommender)


def rate(dataset, n, save, **of) -> None:
    from saelib.panel.terminal import interview

    recommender, path = _recommender(dataset, **of), _free(save)
    nothing = Profile(dataset=recommender.dataset)
    profile = interview(recommender, keep=lambda told: None if told == nothing else told.save(path))
    if profile == nothing:
        print(_("Nothing was told, so there is nothing to go by."))
        return
    print("\n" + _("Your profile: {path}").format(path=path))
    print(_("Your recommendations, best first:") + "\n")
    _print_films(recommender.recommend(profile, n), recommender)


def import_(files, dataset, output, scale, **of) -> None:
    recommender, own = _recommender(dataset, **of), None if scale is None else Scale.of(scale)
    contents = [(path.name, path.read_bytes()) for path in files]
    imported = import_files(contents, recommender.catalogue, recommender.scale, own_scale=own)
    print(imported.report(20))
    profile = imported.profile
    if not (profile.ratings or profile.seen or profile.watchlist):
        none = _("None of the films is in {dataset}; no profile was written.")
        raise SaelibError(none.format(dataset=recommender.dataset))
    path = _free(output or Path("my-profile.json"))
    profile.save(path)
    print("\n" + _("Your profile: {path}").format(path=path))


def panel(dataset, model, lang, no_browser, **told) -> None:
    from saelib.panel.page import serve

    recommender = _recommender(dataset, model)
    serve(recommender, language=lang or "", open_browser=not no_browser, **told)


def _load(dataset: str, ratings: Path | None, scale, items, people, **how: Any) -> Dataset:
    """The data set that was named, or ratings of one's own."""
    if ratings is None:
        own = (scale, items, people, *how.values())
        if any(value is not None and value is not False for value in own):
            names = "--scale, --items, --people, --not-rated and --keep-last"
            raise SaelibError(f"{names} go with --ratings FILE.")
        return load(dataset)
    if scale is None:
        raise SaelibError("--ratings needs --scale, such as --scale 1 10, or --scale 0.5 5 0.5.")
    if ratings.stem in RELEASES:
        raise SaelibError(f"{ratings} is named like a release; give it another name.")
    files = (ratings, items, people)  # read as texts: '007' and '7' may be two people
    tables = [file and read_table(file, dtype=str, skipinitialspace=True) for file in files]
    return from_frame(tables[0], scale, *tables[1:], name=ratings.stem, **how)


def _recommender(dataset: str, model: Path | None, lang: str | None = None) -> Recommender:
    path = model or models_folder() / f"{dataset}-default.safetensors"
    if not path.exists():
        command = f"python -m saelib train --dataset {dataset}"
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
