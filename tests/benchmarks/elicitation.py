"""Which questions tell most? Simulated people answer about films that they really rated.

    python tests/benchmarks/elicitation.py --dataset ml-100k --people 90

A tenth of the people is held out. Half of each one's ratings can be answered, the other half is
predicted after 5, 10 and 20 answers; a film of which there is no answer was 'not seen', and the
next film is asked, until there are enough answers or no more films. Prints one JSON object for
each way of asking and number of answers: RMSE, questions asked on average, and the share of the
first 20 questions that were answered. `random` draws from the whole catalogue.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from saelib import datasets
from saelib.elicitation import next_films
from saelib.evaluation import rmse
from saelib.preprocessing import RatingMatrix, split_rows, split_users
from saelib.profile import Profile
from saelib.recommendation import Recommender
from saelib.trained_model import train

ANSWERS = (5, 10, 20)
AT_ONCE = 5  # questions between two looks at the answers
FIRST = 20  # questions of which it is told how many were answered


def interview(ask, answers: dict[str, float], most: int) -> list[tuple[str, int]]:
    """(film, number of the question) of each answer, in order. ask: (profile, asked) -> films."""
    profile, asked, given = Profile(), [], []
    while len(given) < min(most, len(answers)):
        films = ask(profile, asked)
        if not films:
            break
        for film in films:
            asked.append(film)
            if film in answers and len(given) < most:
                profile.ratings[film] = answers[film]
                given.append((film, len(asked)))
    return given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--people", type=int, default=90)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = datasets.load(options.dataset)
    matrix = RatingMatrix.from_movielens(data)
    known, new = split_users(len(matrix.user_ids), options.seed)
    training = data.ratings[data.ratings["user_id"].isin(matrix.user_ids[known])]
    recommender = Recommender(train(replace(data, ratings=training), progress=False))
    new = new[: options.people]
    inputs, targets = split_rows(matrix.csr[new], 0.5, options.seed)
    ids = matrix.item_ids.astype(str)
    by_count = recommender.films.sort_values("n_ratings", ascending=False, kind="stable")
    popular = by_count["movie_id"].astype(str).tolist()

    def adaptive(profile: Profile, asked: list[str]) -> list[str]:
        return next_films(recommender, profile, AT_ONCE, asked)["movie_id"].astype(str).tolist()

    def in_order(order: list[str]):
        return lambda profile, asked: order[len(asked) : len(asked) + AT_ONCE]

    for name in ("adaptive", "popular", "random"):
        errors: dict[int, list] = {n: [] for n in ANSWERS}
        questions: dict[int, list] = {n: [] for n in ANSWERS}
        seen = []
        for row in range(len(new)):
            span = slice(inputs.indptr[row], inputs.indptr[row + 1])
            answers = dict(zip(ids[inputs.indices[span]], inputs.data[span].tolist()))
            if name == "random":
                rng = np.random.default_rng([options.seed, row])
                ask = in_order(rng.permutation(ids).tolist())
            else:
                ask = adaptive if name == "adaptive" else in_order(popular)
            given = interview(ask, answers, max(ANSWERS))
            seen.append(sum(number <= FIRST for _, number in given) / FIRST)
            span = slice(targets.indptr[row], targets.indptr[row + 1])
            for n in ANSWERS:
                profile = Profile({film: answers[film] for film, _ in given[:n]})
                stars = recommender.predict(profile) if profile.ratings else None
                if stars is None:
                    continue
                errors[n].append((stars[targets.indices[span]], targets.data[span]))
                questions[n].append(given[:n][-1][1])
        for n in ANSWERS:
            predicted, actual = (np.concatenate(part) for part in zip(*errors[n]))
            line = {"dataset": data.name, "seed": options.seed, "asking": name, "answers": n}
            line |= {"rmse": round(rmse(predicted, actual), 4)}
            line |= {"questions": round(float(np.mean(questions[n])), 1), "people": len(errors[n])}
            line |= {"seen": round(float(np.mean(seen)), 3)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
