"""How the recipes' settings were chosen: on a tenth of the *training* ratings, never on a test.

    python tests/benchmarks/choose.py people films fold-in ease --dataset ml-100k --seeds 0 1
    python tests/benchmarks/choose.py family combined choices depth --seeds 0 1

Each grid varies one thing around the recipe that ships and prints JSON lines: the setting, the
result with each seed and their mean (validation RMSE; for `ease` NDCG@10 and recall@20 of people
held out from the training users), and the seconds. `--only` runs the settings whose text contains a
word.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.sparse import csr_array

from saelib.data import releases
from saelib.data.dataset import Dataset
from saelib.data.matrix import RatingMatrix, first_inputs, split_ratings, split_rows, split_users
from saelib.data.people import People
from saelib.evaluation import ndcg, recall
from saelib.model.ease import Ease
from saelib.model.fold_in import FoldIn
from saelib.model.learn import fit_networks
from saelib.model.liking import Liking
from saelib.model.seeing import ListOrder, fit_seeing, see, told_of
from saelib.network.config import NetworkConfig, Recipe
from saelib.network.recipes import FILMS, PEOPLE, RECIPES
from saelib.network.training import build, fit, network_loss, orient

Results = Iterator[tuple[dict, list]]  # a setting, and what it gave with each seed


def validation(data: Dataset, seed: int) -> tuple[RatingMatrix, csr_array]:
    """Training ratings of the `ratings` protocol, less a tenth; and that tenth."""
    training, _ = split_ratings(len(data.ratings), seed)
    fitting, choosing = split_ratings(len(training), 100 + seed)
    known = RatingMatrix.from_dataset(data, data.ratings.iloc[training[fitting]])
    return known, RatingMatrix.from_dataset(data, data.ratings.iloc[training[choosing]]).csr


def new_people(data: Dataset, seed: int) -> tuple[RatingMatrix, RatingMatrix]:
    """Training users of the protocols of new users, less a tenth; and that tenth."""
    everyone = RatingMatrix.from_dataset(data)
    users, _ = split_users(len(everyone.user_ids), seed)
    fitting, choosing = split_users(len(users), 100 + seed)
    return everyone.take(users[fitting]), everyone.take(users[choosing])


def trained(config: NetworkConfig, known: RatingMatrix, seed: int):
    oriented = orient(config, known)
    network = build(oriented, seed)
    fit(network, oriented, seed=seed, progress=False)
    return network, oriented


def error_of(config: NetworkConfig, known: RatingMatrix, hidden: csr_array, seed: int) -> float:
    """Validation RMSE of one network as it is used: where rows are films, people folded in."""
    liking, _ = fit_networks(Recipe((config,)), known, seed=seed, progress=False)
    people = known.people
    return liking.loss(people, hidden) ** 0.5


AROUND: list[dict] = [
    {},
    {"weight_decay": 2.5},
    {"weight_decay": 5.0},
    {"caution": 0.0},
    {"caution": 0.25},
    {"caution": 0.35},
    {"epochs": 10},
    {"epochs": 30},
    {"hidden": (250,)},
    {"hidden": (500,)},
    {"hidden": (800,)},
    {"hidden": (1200,)},
    {"hidden": (1600,)},
    {"dropout": 0.3},
    {"dropout": 0.6},
    {"dropout": 0.7},
    {"n_batches": 30},
    {"n_batches": 90},
    {"raters": 0.0},
    {"raters": 3.0},
    {"facts": 0.0},
    {"facts": 2.0},
    {"demographics": 0.0},
    {"demographics": 0.4},
    {"shrinkage": 3.0},
    {"shrinkage": 8.0},
    {"shrinkage": 12.0},
    {"shrinkage": 20.0},
    {"shrinkage": 8.0, "hidden": (1200,)},
    {"dropout": 0.6, "hidden": (1600,)},
    {"input_dropout": (0.0, 0.0)},
    {"input_dropout": (0.0, 0.5)},
    {"input_dropout": (0.0, 0.7)},
    {"input_dropout": (0.0, 0.9)},
    {"hidden": (500, 250)},
]


def networks(base: NetworkConfig) -> Callable[[Dataset, list[int], str], Results]:
    def run(data: Dataset, seeds: list[int], only: str) -> Results:
        splits = [validation(data, seed) for seed in seeds]
        for variant in AROUND:
            if only in str(variant):
                config = replace(base, **variant)
                yield variant, [error_of(config, *s, seed) for s, seed in zip(splits, seeds)]

    return run


def folding_in(data: Dataset, seeds: list[int], only: str) -> Results:
    """The spreads of the priors of people's vectors and biases; None: the network's own vectors.

    RMSE of known people's ratings, and of people held out from the training users, 20 shown.
    """
    settings = [(1.0, 1.1), (1.2, 1.1), (1.4, 0.9), (1.4, 1.1), (1.4, 1.4), (1.6, 1.1), (2.0, 1.1)]
    found: dict = {}
    for seed in seeds:
        known, hidden = validation(data, seed)
        network, oriented = trained(FILMS, known, seed)
        alone = network_loss(network, oriented, csr_array(hidden.T))
        found.setdefault((None, None, "known people"), []).append(alone**0.5)
        others, new = new_people(data, seed)
        inputs, targets = split_rows(new.csr, 0.5, seed)
        shown = People.who_rated(first_inputs(inputs, 20), new.about)
        of_others = trained(FILMS, others, seed)
        for spread, bias_spread in settings:
            for kind, (net, laid_out), people, wanted in (
                ("known people", (network, oriented), known.people, hidden),
                ("new people", of_others, shown, targets),
            ):
                config = replace(laid_out.config, spread=spread, bias_spread=bias_spread)
                folded = FoldIn.from_network(net, replace(laid_out, config=config))
                loss = Liking([folded]).loss(people, wanted)
                found.setdefault((spread, bias_spread, kind), []).append(loss**0.5)
    for (spread, bias_spread, people), errors in found.items():
        yield {"spread": spread, "bias_spread": bias_spread, "of": people}, errors


def ease(data: Dataset, seeds: list[int], only: str) -> Results:
    """(NDCG@10, recall@20) of EASE x P(like)^power for people held out from the training users."""
    found: dict[str, list] = {}
    for seed in seeds:
        known, new = new_people(data, seed)
        inputs, targets = split_rows(new.csr, 0.2, seed)
        people = People.who_rated(inputs, new.about)
        liking, _ = fit_networks(RECIPES["default"], known, seed=seed, progress=False)
        distribution = liking.distribution(people)
        told = told_of(known.people, known.about is not None)
        for ridge in (200.0, 500.0, 1000.0):
            for dropout in (0.0, 0.33, 0.5, 0.6):
                for tempering in (0.0, 0.25, 0.5, 0.7):
                    setting = {"ridge": ridge, "dropout": dropout, "tempering": tempering}
                    if only not in str(setting):
                        continue
                    order = ListOrder(Ease.fit(known.csr, told, **setting), liking, known.scale)
                    see, like = order.see(people), order.like(distribution)
                    for power in (0.7, 1.0, 1.3):
                        gains = gain_of(see * like**power, inputs, targets, known.scale.liked)
                        found.setdefault(json.dumps(setting | {"power": power}), []).append(gains)
    for setting, gains in found.items():
        yield json.loads(setting), gains


def gain_of(scores: np.ndarray, inputs: csr_array, targets: csr_array, liked: float):
    scores = np.where(inputs.toarray() > 0, -np.inf, scores)
    relevant = targets.toarray() >= liked
    gains = []
    for score, row in zip(scores, relevant):
        if row.any():
            ranked = np.argsort(-score, kind="stable")[:20]
            wanted = np.flatnonzero(row)
            gains.append((ndcg(ranked, wanted, 10), recall(ranked, wanted, 20)))
    return np.mean(gains, axis=0).tolist()


# The strength of each member of the family: as many values for each.
STRENGTHS: dict[str, list[dict]] = {
    "bare": [{"epochs": epochs} for epochs in (2, 3, 4, 5, 6, 20)],
    "weight-decay": [{"weight_decay": decay} for decay in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)],
    "linear": [{"hidden": (width,)} for width in (5, 10, 20, 80, 200, 500)],
    "denoising": [{"input_dropout": (share, share)} for share in (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)],
    "stacked": [
        {"layer_epochs": epochs, "inner_rate": rate} for epochs in (2, 5) for rate in (1, 0.1, 0.01)
    ],
    "sparse": [{"penalty": penalty} for penalty in (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)],
    "k-sparse": [{"k": k} for k in (5, 10, 20, 50, 100, 200)],
    "contractive": [{"penalty": penalty} for penalty in (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)],
    "variational": [{"penalty": penalty} for penalty in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)],
}
# Denoising with another share for each row in each step, as `default` has it.
STRENGTHS["denoising"] += [
    {"input_dropout": (0.0, high)} for high in (0.2, 0.4, 0.6, 0.8, 0.9, 0.95)
]


def family(data: Dataset, seeds: list[int], only: str) -> Results:
    """Each member of the family with each strength, trained shortly and longer."""
    splits = [validation(data, seed) for seed in seeds]
    for name, strengths in STRENGTHS.items():
        [base] = RECIPES[name].networks
        for epochs, strength in product((5, 20), strengths if only in name else ()):
            changed = {"epochs": epochs} | strength
            if name == "bare" and epochs == 20:
                continue  # its strength is when it stops
            config = replace(base, **changed)
            yield (
                {"recipe": name} | changed,
                [error_of(config, *split, seed) for split, seed in zip(splits, seeds)],
            )


# What is added to weight decay, whose strength is kept.
ADDED: list[dict] = [
    {},
    {"epochs": 10},
    {"dropout": 0.3},
    {"dropout": 0.5},
    {"input_dropout": (0.3, 0.3)},
    {"input_dropout": (0.0, 0.5)},
    {"input_dropout": (0.0, 0.9)},
    {"activation": "linear"},
    {"member": "contractive", "penalty": 1e-4},
    {"member": "contractive", "penalty": 1e-3},
    {"member": "sparse", "activation": "sigmoid"},
    {"member": "sparse", "activation": "sigmoid", "penalty": 1e-4},
    {"member": "k-sparse", "k": 50},
    {"member": "k-sparse", "k": 200},
    {
        "member": "variational",
        "hidden": (500, 100),
        "inner_rate": 0.1,
        "inner_decay": 0.0,
        "penalty": 0.1,
    },
    {
        "member": "variational",
        "hidden": (500, 100),
        "inner_rate": 0.1,
        "inner_decay": 0.0,
        "penalty": 0.5,
    },
]


def combined(data: Dataset, seeds: list[int], only: str) -> Results:
    """Weight decay and another remedy."""
    splits = [validation(data, seed) for seed in seeds]
    [base] = RECIPES["weight-decay"].networks
    for added in ADDED:
        if only in str(added):
            config = replace(base, **added)
            yield added, [error_of(config, *s, seed) for s, seed in zip(splits, seeds)]


# The same of those that only say which films are seen.
CHOICES: dict[str, list[dict]] = {
    "choice": [{"input_dropout": (0.0, high)} for high in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)],
    "choice-variational": [{"penalty": penalty} for penalty in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)],
    "edlae": [{"ease_dropout": share} for share in (0.0, 0.2, 0.33, 0.5, 0.67, 0.8)],
    "elsa": [{"elsa_width": width} for width in (16, 32, 64, 128, 256, 512)],
}


def choices(data: Dataset, seeds: list[int], only: str) -> Results:
    """(NDCG@10, recall@20) of people held out from the training users."""
    splits = [new_people(data, seed) for seed in seeds]
    for name, strengths in CHOICES.items():
        for strength in strengths if only in name else ():
            recipe = RECIPES[name]
            if recipe.networks:
                recipe = replace(recipe, networks=(replace(recipe.networks[0], **strength),))
            else:
                recipe = replace(recipe, **strength)
            gains = []
            for (known, new), seed in zip(splits, seeds):
                inputs, targets = split_rows(new.csr, 0.2, seed)
                people = People.who_rated(inputs, new.about)
                if recipe.networks:
                    liking, _ = fit_networks(recipe, known, seed=seed, progress=False)
                    scores = liking.predict(people)
                else:
                    scores = see(fit_seeing(known, recipe, seed), people)
                gains.append(gain_of(scores, inputs, targets, known.scale.liked))
            yield {"recipe": name} | strength, gains


# A second layer: its learning rate as a share of the outer ones', and whether it starts trained.
DEEPER: list[dict] = [
    {"inner_rate": rate, "layer_epochs": epochs, "inner_decay": 0.0}
    for epochs in (0, 3)
    for rate in (1.0, 0.1, 0.01)
] + [
    {"inner_rate": 0.01, "layer_epochs": 3, "inner_decay": 100.0},
    {"inner_rate": 0.001, "layer_epochs": 3, "inner_decay": 0.0},
]


def depth(data: Dataset, seeds: list[int], only: str) -> Results:
    """One layer, and two, of the best network over people and of `default`."""
    splits = [validation(data, seed) for seed in seeds]
    for name, base in (("informed", PEOPLE), ("default", FILMS)):
        [width] = base.hidden
        for changed in [{}, *({"hidden": (width, width // 2)} | change for change in DEEPER)]:
            if only in name:
                config = replace(base, **changed)
                yield (
                    {"recipe": name} | changed,
                    [error_of(config, *split, seed) for split, seed in zip(splits, seeds)],
                )


GRIDS: dict[str, Callable[[Dataset, list[int], str], Results]] = {
    "people": networks(PEOPLE),
    "films": networks(FILMS),
    "fold-in": folding_in,
    "ease": ease,
    "family": family,
    "combined": combined,
    "choices": choices,
    "depth": depth,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grids", nargs="+", choices=GRIDS)
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    data = releases.load(options.dataset)
    for grid in options.grids:
        started = time.perf_counter()
        for setting, results in GRIDS[grid](data, options.seeds, options.only):
            line = {"dataset": data.name, "grid": grid, "setting": setting}
            line |= {"each": np.round(results, 4).tolist()}
            line |= {"mean": np.mean(results, axis=0).round(4).tolist()}
            line |= {"seconds": round(time.perf_counter() - started)}
            print(json.dumps(line), flush=True)
            started = time.perf_counter()


if __name__ == "__main__":
    main()
