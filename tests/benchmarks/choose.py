"""How the recipes' settings were chosen: on a tenth of the *training* ratings, never on a test.

    python tests/benchmarks/choose.py people films fold-in depth ease --dataset ml-100k --seeds 0 1

Each grid varies one network around the recipe that ships and prints JSON lines: the setting, the
mean over the seeds (validation RMSE; for `ease` NDCG@10 and recall@20 of people held out from the
training users), and the seconds. `--only` runs the settings whose text contains a word.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from saelib import datasets
from saelib.choice import Ease, ListModel
from saelib.evaluation import ndcg, recall
from saelib.features import TrainingSet
from saelib.fold_in import FoldIn
from saelib.preprocessing import (
    RatingMatrix,
    first_inputs,
    split_ratings,
    split_rows,
    split_users,
)
from saelib.rating_model import RatingModel
from saelib.recipes import FILMS, PEOPLE, Recipe
from saelib.training import build, fit, held_out_loss, orient


def validation(data: datasets.MovieLens, seed: int) -> tuple[TrainingSet, csr_array]:
    """Training ratings of the `ratings` protocol, less a tenth; and that tenth."""
    training, _ = split_ratings(len(data.ratings), seed)
    fitting, choosing = split_ratings(len(training), 100 + seed)
    known = TrainingSet.from_movielens(data, data.ratings.iloc[training[fitting]])
    return known, RatingMatrix.from_movielens(data, data.ratings.iloc[training[choosing]]).csr


def trained(recipe: Recipe, known: TrainingSet, seed: int):
    oriented = orient(recipe, known)
    model = build(known, oriented, seed)
    fit(
        model,
        oriented.ratings,
        oriented.recipe,
        row_features=oriented.row_features,
        seed=seed,
        progress=False,
    )
    return model, oriented


def error_of(recipe: Recipe, known: TrainingSet, hidden: csr_array, seed: int) -> float:
    """Validation RMSE of one network over people."""
    model, oriented = trained(recipe, known, seed)
    return held_out_loss(model, oriented.ratings, hidden, oriented.row_features) ** 0.5


AROUND = [
    {},
    {"weight_decay": 2.5},
    {"weight_decay": 5.0},
    {"caution": 0.0},
    {"caution": 0.25},
    {"epochs": 10},
    {"epochs": 30},
    {"hidden": (250,)},
    {"hidden": (500,)},
    {"hidden": (800,)},
    {"dropout": 0.3},
    {"dropout": 0.7},
    {"n_batches": 30},
    {"raters": 0.0},
    {"raters": 3.0},
    {"facts": 0.0},
    {"demographics": 0.0},
    {"input_dropout": (0.0, 0.0)},
    {"input_dropout": (0.0, 0.5)},
    {"input_dropout": (0.0, 0.7)},
    {"input_dropout": (0.0, 0.9)},
]
# The network over films, by the error with everybody folded in.
FILMS_AROUND = [
    {},
    {"hidden": (500,)},
    {"hidden": (1200,)},
    {"hidden": (1600,)},
    {"hidden": (1600,), "dropout": 0.6},
    {"dropout": 0.4},
    {"dropout": 0.6},
    {"dropout": 0.7},
    {"caution": 0.0},
    {"caution": 0.3},
    {"caution": 0.35},
    {"weight_decay": 2.5},
    {"weight_decay": 5.0},
    {"demographics": 0.3},
    {"demographics": 0.4},
    {"demographics": 0.5},
    {"facts": 1.5},
    {"facts": 2.0},
    {"raters": 0.5},
    {"raters": 2.0},
    {"input_dropout": (0.0, 0.0)},
    {"input_dropout": (0.0, 0.7)},
    {"input_dropout": (0.0, 0.7), "epochs": 30},
    {"n_batches": 30},
    {"n_batches": 90},
    {"epochs": 15},
    {"epochs": 30},
    {"shrinkage": 3.0},
    {"shrinkage": 8.0},
]
# One layer, then two and three: plain, with skips around layers that start at nothing, and with
# the inner layers decayed more, less and not at all.
DEPTH = [
    {"hidden": (500,)},
    {"hidden": (500, 250)},
    {"hidden": (500, 250, 125)},
    {"hidden": (500, 500)},
    {"hidden": (500, 250), "inner_decay": 0.0},
    {"hidden": (500, 250), "inner_decay": 0.5},
    {"hidden": (500, 500), "skips": True},
    {"hidden": (500, 500), "skips": True, "inner_decay": 0.0},
    {"hidden": (500, 500), "skips": True, "inner_decay": 30.0},
    {"hidden": (500, 500), "skips": True, "inner_decay": 100.0},
    {"hidden": (500, 500, 500), "skips": True},
]


def networks(base: Recipe, variants: list[dict]):
    def run(data: datasets.MovieLens, seeds: list[int], only: str):
        splits = [validation(data, seed) for seed in seeds]
        for variant in variants:
            if only in str(variant):
                recipe = replace(base, **variant)
                yield variant, [error_of(recipe, *s, seed) for s, seed in zip(splits, seeds)]

    return run


def films(data: datasets.MovieLens, seeds: list[int], only: str):
    """The network over films, with everybody folded in, as the package predicts."""
    splits = [validation(data, seed) for seed in seeds]
    for variant in FILMS_AROUND:
        if only in str(variant):
            yield variant, [folded_error(variant, *s, seed) for s, seed in zip(splits, seeds)]


def folded_error(variant: dict, known: TrainingSet, hidden: csr_array, seed: int) -> float:
    model, oriented = trained(replace(FILMS, **variant), known, seed)
    folded = FoldIn.from_network(model, oriented)
    return held_out_loss(folded, known.ratings, hidden, known.people) ** 0.5


def pretrained(data: datasets.MovieLens, seeds: list[int], only: str):
    """Layer by layer (Vincent et al. 2010): the inner layers learn to repeat the first one's codes.

    One layer is trained; a second autoencoder is trained on its codes; both make the start of a
    network of two layers, which then learns as a whole.
    """
    import torch
    from torch import nn

    for width in (500, 250):
        errors = []
        for seed in seeds:
            known, hidden = validation(data, seed)
            shallow, oriented = trained(PEOPLE, known, seed)
            rows = torch.from_numpy(oriented.ratings.toarray())
            people = torch.from_numpy(oriented.row_features)
            with torch.no_grad():
                codes = shallow.encode(rows, people)
            torch.manual_seed(seed)
            down, up = nn.Linear(500, width), nn.Linear(width, 500)
            optimizer = torch.optim.Adam([*down.parameters(), *up.parameters()], lr=1e-3)
            for _ in range(300):
                noisy = nn.functional.dropout(codes, 0.2)
                loss = (torch.tanh(up(torch.tanh(down(noisy)))) - codes).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            recipe = replace(PEOPLE, hidden=(500, width), inner_decay=0.0, epochs=10)
            deep = build(known, orient(recipe, known), seed)
            deep.load_state_dict(shallow.state_dict(), strict=False)
            deep.encoder[0].load_state_dict(down.state_dict())
            deep.decoder[0].load_state_dict(up.state_dict())
            features = oriented.row_features
            fit(deep, oriented.ratings, recipe, row_features=features, seed=seed, progress=False)
            errors.append(held_out_loss(deep, oriented.ratings, hidden, features) ** 0.5)
        yield {"hidden": (500, width), "pretrained": True}, errors


def folding_in(data: datasets.MovieLens, seeds: list[int], only: str):
    """The spreads of the priors of people's vectors and biases; spread None: the network's own.

    RMSE of known people's ratings, and of people held out from the training users, 20 shown.
    """
    settings = [(1.0, 1.1), (1.2, 1.1), (1.4, 0.9), (1.4, 1.1), (1.4, 1.4), (1.6, 1.1), (2.0, 1.1)]
    found: dict = {}
    for seed in seeds:
        known, hidden = validation(data, seed)
        model, oriented = trained(FILMS, known, seed)
        alone = held_out_loss(model, oriented.ratings, csr_array(hidden.T), oriented.row_features)
        found.setdefault((None, None, "known people"), []).append(alone**0.5)
        everyone = TrainingSet.from_movielens(data)
        users, _ = split_users(everyone.ratings.shape[0], seed)
        fitting, choosing = split_users(len(users), 100 + seed)
        others, new = everyone.take(users[fitting]), everyone.take(users[choosing])
        inputs, targets = split_rows(new.ratings, 0.5, seed)
        inputs = first_inputs(inputs, 20)
        of_others = trained(FILMS, others, seed)
        for spreads in settings:
            folded = FoldIn.from_network(model, oriented, *spreads)
            loss = held_out_loss(folded, known.ratings, hidden, known.people)
            found.setdefault((*spreads, "known people"), []).append(loss**0.5)
            folded = FoldIn.from_network(*of_others, *spreads)
            loss = held_out_loss(folded, inputs, targets, new.people)
            found.setdefault((*spreads, "new people"), []).append(loss**0.5)
    for (spread, bias_spread, people), errors in found.items():
        yield {"spread": spread, "bias_spread": bias_spread, "of": people}, errors


def ease(data: datasets.MovieLens, seeds: list[int], only: str):
    """NDCG@10 and recall@20 of P(see) x P(like)^liking; people held out from the training users."""
    everyone, found = TrainingSet.from_movielens(data), {}
    for seed in seeds:
        users, _ = split_users(everyone.ratings.shape[0], seed)
        fitting, choosing = split_users(len(users), 100 + seed)
        known, new = everyone.take(users[fitting]), everyone.take(users[choosing])
        inputs, targets = split_rows(new.ratings, 0.2, seed)
        rating = RatingModel([FoldIn.from_network(*trained(FILMS, known, seed))])
        like = rating.distribution(inputs, new.people)
        told = ListModel.told(known.ratings, known.people)
        for ridge in (200.0, 300.0, 500.0, 1000.0):
            for dropout in (0.0, 0.33, 0.5, 0.6):
                for tempering in (0.0, 0.25, 0.35, 0.5, 0.75):
                    setting = {"ridge": ridge, "dropout": dropout, "tempering": tempering}
                    if only not in str(setting):
                        continue
                    choice = Ease.fit(known.ratings, told, **setting)
                    lists = ListModel(choice, rating, data.scale)
                    see, likely = lists.see(inputs, new.people), lists.like(like)
                    for liking in (0.4, 0.55, 0.7, 0.85, 1.0, 1.2):
                        gains = gains_of(see * likely**liking, inputs, targets)
                        for metric, gain in zip(("ndcg@10", "recall@20"), gains):
                            line = json.dumps(setting | {"liking": liking, "metric": metric})
                            found.setdefault(line, []).append(gain)
    for setting, gains in found.items():
        yield json.loads(setting), gains


def gains_of(scores: np.ndarray, inputs: csr_array, targets: csr_array) -> list[float]:
    """Mean NDCG@10 and recall@20."""
    scores[inputs.toarray() > 0] = -np.inf
    ranked = np.argsort(-scores, axis=1, kind="stable")
    liked = targets.toarray() >= 4
    of_people = [
        (ndcg(order[:10], np.flatnonzero(row)), recall(order, np.flatnonzero(row)))
        for order, row in zip(ranked, liked)
        if row.any()
    ]
    return np.mean(of_people, axis=0).tolist()


GRIDS = {
    "people": networks(PEOPLE, AROUND),
    "films": films,
    "depth": networks(PEOPLE, DEPTH),
    "pretrained": pretrained,
    "fold-in": folding_in,
    "ease": ease,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grids", nargs="+", choices=GRIDS)
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    data = datasets.load(options.dataset)
    for grid in options.grids:
        started = time.perf_counter()
        for setting, results in GRIDS[grid](data, options.seeds, options.only):
            seconds = round(time.perf_counter() - started)
            line = {"dataset": data.name, "grid": grid, "setting": setting}
            line |= {"mean": round(float(np.mean(results)), 4)}
            line |= {"of seeds": np.round(results, 4).tolist(), "seconds": seconds}
            print(json.dumps(line), flush=True)
            started = time.perf_counter()


if __name__ == "__main__":
    main()
