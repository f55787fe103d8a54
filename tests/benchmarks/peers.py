"""Peers on the same splits: what other libraries reach.

    pip install --constraint constraints.txt --editable ".[peers]"
    python tests/benchmarks/peers.py --dataset ml-100k --protocol ratings --seeds 0 1 2 3 4
    python tests/benchmarks/peers.py --dataset ml-1m --protocol ranking --seeds 0 --peers ials

Prints JSON lines as `python -m saelib evaluate --json` does. The peers of the protocol `ratings`
only know people of the training ratings, so they are given pairs of user and film; that of the
protocol `ranking` meets new people and runs through our own protocol.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial

import numpy as np
import pandas as pd
from scipy.sparse import csr_array, csr_matrix, hstack

from saelib import load
from saelib.data import Dataset
from saelib.evaluation import evaluate_ranking, rmse
from saelib.matrix import People, RatingMatrix, mask, split, unit_masks
from saelib.movielens import read_split

# -- How will you like it? ---------------------------------------------------------------------
# Each: (training ratings, test ratings, data, seed) -> predicted ratings.


def surprise_peer(make):
    """A model of scikit-surprise (Hug 2020)."""

    def predict(train: pd.DataFrame, test: pd.DataFrame, data: Dataset, seed: int) -> np.ndarray:
        from surprise import Dataset as Ratings
        from surprise import Reader

        columns = ["user_id", "movie_id", "rating"]
        reader = Reader(rating_scale=(data.scale.lowest, data.scale.highest))
        trainset = Ratings.load_from_df(train[columns], reader).build_full_trainset()
        model = make(seed).fit(trainset)
        pairs = test[columns].itertuples(index=False, name=None)
        return np.array([model.predict(user, film).est for user, film, _ in pairs])

    return predict


def svd(seed: int, **settings):
    from surprise import SVD

    return SVD(random_state=seed, **settings)


def svdpp(seed: int):
    from surprise import SVDpp

    return SVDpp(random_state=seed, cache_ratings=True)


def knn_baseline(seed: int):
    from surprise import KNNBaseline

    options = {"name": "pearson_baseline", "user_based": False, "shrinkage": 100}
    return KNNBaseline(k=40, sim_options=options, verbose=False)


TUNED = {"n_factors": 200, "n_epochs": 100, "lr_all": 0.005, "reg_all": 0.1}


def myfm_peer(side: bool):
    """Bayesian factorisation machines (myFM; Rendle, Zhang and Koren 2019)."""

    def predict(train: pd.DataFrame, test: pd.DataFrame, data: Dataset, seed: int) -> np.ndarray:
        import myfm

        known = RatingMatrix.from_dataset(data, train)
        n_users, n_items = known.csr.shape
        blocks = {
            "user_id": [np.eye(n_users, dtype=np.float64)],
            "movie_id": [np.eye(n_items, dtype=np.float64)],
        }
        if side:  # who has seen what (SVD++, both ways), genres and decade, who they are
            blocks["user_id"].append(unit_masks(known.csr).astype(np.float64))
            blocks["movie_id"].append(unit_masks(csr_array(known.csr.T)).astype(np.float64))
            blocks["movie_id"].append(known.facts)
            if known.about is not None:
                blocks["user_id"].append(known.about)
        ids = {"user_id": known.user_ids, "movie_id": known.item_ids}
        relations = {
            key: csr_matrix(hstack([csr_matrix(b) for b in parts])) for key, parts in blocks.items()
        }

        def rows(frame: pd.DataFrame) -> list:
            return [
                myfm.RelationBlock(np.searchsorted(ids[key], frame[key].to_numpy()), relations[key])
                for key in relations
            ]

        groups = [part.shape[1] for parts in blocks.values() for part in parts]
        model = myfm.MyFMRegressor(rank=10, random_seed=seed)
        # The training grows with the rows given, so ids and features come as relation blocks.
        model.fit(
            None,
            train["rating"].to_numpy(np.float64),
            X_rel=rows(train),
            n_iter=300,
            n_kept_samples=300,
            group_shapes=groups,
        )
        return model.predict(None, rows(test))

    return predict


RATING_PEERS = {
    "surprise-svd": surprise_peer(svd),
    "surprise-svd-tuned": surprise_peer(partial(svd, **TUNED)),
    "surprise-svd++": surprise_peer(svdpp),
    "surprise-knn-baseline": surprise_peer(knn_baseline),
    "myfm-ids": myfm_peer(side=False),
    "myfm-side": myfm_peer(side=True),
}

# -- Will you see it, and like it? Each as in `evaluation.Learn` -------------------------------


def ials(matrix: RatingMatrix, seed: int):
    """Implicit alternating least squares of `implicit` (Hu, Koren and Volinsky 2008)."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=128, regularization=50.0, alpha=2.0, iterations=20, random_state=seed
    )
    model.fit(csr_matrix(mask(matrix.csr)), show_progress=False)

    def predict(people: People) -> np.ndarray:
        vectors = model.recalculate_user(np.arange(len(people)), csr_matrix(people.seen))
        return np.atleast_2d(vectors) @ model.item_factors.T

    return predict


RANKING_PEERS = {"implicit-ials": ials}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--protocol", choices=["ratings", "ranking"], default="ratings")
    parser.add_argument("--split", choices=["u1"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--peers", nargs="+", help="by default all of the protocol's")
    options = parser.parse_args()
    data = load(options.dataset)
    peers = RATING_PEERS if options.protocol == "ratings" else RANKING_PEERS
    for seed in options.seeds:
        for name in options.peers or peers:
            started = time.process_time()
            about = {"dataset": data.name, "protocol": options.protocol, "split": options.split}
            if options.protocol == "ranking":
                [result] = evaluate_ranking(data, {name: peers[name]}, seed).to_dict("records")
            else:
                parts = [data.ratings.iloc[part] for part in split(len(data.ratings), seed)]
                if options.split:
                    parts = [read_split(f"{options.split}.{part}") for part in ("base", "test")]
                found = data.scale.clip(peers[name](*parts, data, seed))
                result = {"model": name, "rmse": rmse(found, parts[1]["rating"])}
            seconds = {"seconds": round(time.process_time() - started)}
            print(json.dumps(about | {"seed": seed} | result | seconds), flush=True)
