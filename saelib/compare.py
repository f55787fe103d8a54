"""Many models on one protocol: the ladder, idea after idea, and the family, side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from saelib.data.dataset import Dataset
from saelib.errors import SaelibError
from saelib.evaluation import (
    PROTOCOLS,
    SPLITS,
    Learn,
    autoencoder,
    bias,
    evaluate_ratings,
    ranker,
    row_of,
)
from saelib.network.recipes import CHOOSING, FAMILY, LADDER

REFERENCE = "sae-weight-decay"  # what the others of the family are compared with


def ladder(data: Dataset, seeds: Iterable[int] = (0,), *, progress: bool = False) -> Iterator[dict]:
    """Climb it: yields model, idea, rmse and gain over the rung before (in stars), one by one.

    Each rung is trained with all seeds before the next; a gain is that of the same seed. The first
    rung is no network but the bias baseline; plain's gain over it is negative.
    """
    rungs: dict[str, tuple[str, Learn]] = {"bias": ("global mean, item bias and user bias", bias)}
    rungs |= {
        f"sae-{name}": (idea, autoencoder(name, progress=progress))
        for name, (idea, _) in LADDER.items()
    }
    before = dict.fromkeys(seeds, float("nan"))
    for name, (idea, learn) in rungs.items():
        for seed in before:
            [error] = evaluate_ratings(data, {name: learn}, seed)["rmse"]
            row = {"idea": idea, "rmse": error, "gain": before[seed] - error}
            before[seed] = error
            yield row_of(data, "ratings", seed, name) | row


def family(
    data: Dataset,
    protocol: str = "ratings",
    seeds: Iterable[int] = (0,),
    *,
    recipes: Iterable[str] | None = None,
    split: tuple[Path, str] | None = None,
    progress: bool = False,
) -> Iterator[dict]:
    """Train each member with all seeds: yields the rows of a protocol, with idea and seconds.

    recipes: of them, by default all, with the plain network and `default` beside them and, where
    the order of films is asked for, those that predict no stars. seconds: of
    training and scoring, processor time. Raises SaelibError.
    """
    if split is not None and protocol != SPLITS[split[1]]:
        raise SaelibError(f"--split {split[1]} goes with --protocol {SPLITS[split[1]]} only.")
    ideas = {"plain": LADDER["plain"][0]} | {name: idea for name, (idea, _) in FAMILY.items()}
    ideas["default"] = "the top of the ladder"
    learner = autoencoder
    if protocol == "ranking":
        ideas, learner = ideas | CHOOSING, ranker
    chosen = list(ideas) if recipes is None else list(recipes)
    for name in chosen:
        if name not in ideas:
            raise SaelibError(
                f"{name!r} is not measured by {protocol}; choose some of {', '.join(ideas)}."
            )
    for name in chosen:
        for seed in seeds:
            started = time.process_time()
            models = {f"sae-{name}": learner(name, progress=progress)}
            table = PROTOCOLS[protocol](data, models, seed, **({"split": split} if split else {}))
            table["idea"], table["seconds"] = ideas[name], time.process_time() - started
            yield from table.to_dict("records")


def paired(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean of a metric by model, and of its difference from weight decay alone on the same seed.

    table: rows of `family`, all of one number of ratings shown. Returns columns mean, difference,
    error (the standard error of the mean difference; NaN with a single seed) and seconds.
    """
    wide = table.pivot(index="seed", columns="model", values=metric)
    wide = wide[table["model"].unique()]
    difference = wide.sub(wide[REFERENCE], axis=0)
    seconds = table.groupby("model")["seconds"].mean()
    return pd.DataFrame(
        {
            "mean": wide.mean(),
            "difference": difference.mean(),
            "error": difference.sem(),
            "seconds": seconds,
        }
    ).loc[list(wide)]
