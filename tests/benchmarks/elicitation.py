"""Which questions tell most? Simulated people answer about films that they really rated.

    python tests/benchmarks/elicitation.py --dataset ml-100k --seed 0 --protocols seen blind

A tenth of the people is held out. Half of each one's ratings can be answered, the other half is
predicted after 5, 10 and 20 answers. What is known of the first half depends on the protocol:

- seen: the person first says which of these films they have seen; the answers are stars of some of
  them. Whichever these are, the model knows the same films as seen.
- shown: the same, but the person can tick only what is shown: 100 titles, 20 at a time, those most
  likely seen (`likely_seen`).
- blind: nothing. Any film may be asked, and one of which there is no answer was 'not seen'.

Ways of asking: `adaptive`, as the panel and `rate` do, 5 films between two looks at the answers;
`popular`, the most rated films first; `random`, the mean of 3 draws. Prints one JSON object for
each protocol, way and number of answers: RMSE, and the questions asked on average.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from itertools import product

import numpy as np

from saelib.data import releases
from saelib.data.matrix import RatingMatrix, split_rows, split_users
from saelib.evaluation import rmse
from saelib.model.learn import train
from saelib.recommend.profile import Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.recommender import Recommender

PROTOCOLS = ("seen", "shown", "blind")
ANSWERS = (5, 10, 20)
AT_ONCE = 5
DRAWS = 3  # of random films for each person
SHOWN, PAGE = 100, 20  # titles to tick


def interview(ask, answers: dict[str, float], seen: list[str]) -> list[tuple[str, int]]:
    """(film, number of the question) of each answer, in order. ask: (profile, asked) -> films."""
    profile, asked, given = Profile(seen=seen), [], []
    while len(given) < min(max(ANSWERS), len(answers)):
        films = ask(profile, asked)
        if not films:
            break
        for film in films:
            asked.append(film)
            if film in answers and len(given) < max(ANSWERS):
                profile.ratings[film] = answers[film]
                given.append((film, len(asked)))
    return given


def ticked(recommender: Recommender, answers: dict[str, float]) -> list[str]:
    """Those of the films that are among SHOWN titles, PAGE at a time."""
    profile, shown = Profile(), []
    while len(shown) < SHOWN:
        page = likely_seen(recommender, profile, PAGE, shown)["movie_id"].tolist()
        shown += page
        profile.seen += [film for film in page if film in answers]
    return profile.seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--people", type=int, help="the first so many; all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=["seen"])
    options = parser.parse_args()
    data = releases.load(options.dataset)
    matrix = RatingMatrix.from_dataset(data)
    known, new = split_users(len(matrix.user_ids), options.seed)
    training = data.ratings[data.ratings["user_id"].isin(matrix.user_ids[known])]
    recommender = Recommender(train(replace(data, ratings=training), progress=False))
    new = new[: options.people]
    inputs, targets = split_rows(matrix.csr[new], 0.5, options.seed)
    ids = matrix.item_ids
    by_count = recommender.catalogue.films.sort_values("n_ratings", ascending=False, kind="stable")
    popular = by_count["movie_id"].tolist()

    def adaptive(profile: Profile, asked: list[str]) -> list[str]:
        return next_films(recommender, profile, AT_ONCE, asked)["movie_id"].tolist()

    def in_order(order: list[str]):
        return lambda profile, asked: order[len(asked) : len(asked) + AT_ONCE]

    for protocol, way in product(options.protocols, ("adaptive", "popular", "random")):
        errors: dict[int, list] = {n: [] for n in ANSWERS}
        questions: dict[int, list] = {n: [] for n in ANSWERS}
        for row, draw in product(range(len(new)), range(DRAWS if way == "random" else 1)):
            span = slice(inputs.indptr[row], inputs.indptr[row + 1])
            answers = dict(zip(ids[inputs.indices[span]], inputs.data[span].tolist()))
            seen = [] if protocol == "blind" else list(answers)
            if protocol == "shown":
                seen = ticked(recommender, answers)
                answers = {film: answers[film] for film in seen}
            rng = np.random.default_rng([options.seed, row, draw])
            order = rng.permutation(ids).tolist() if way == "random" else popular
            if protocol != "blind":
                order = [film for film in order if film in answers]
            given = interview(adaptive if way == "adaptive" else in_order(order), answers, seen)
            span = slice(targets.indptr[row], targets.indptr[row + 1])
            for n in ANSWERS:
                ratings = {film: answers[film] for film, _ in given[:n]}
                if ratings:
                    stars = recommender.predict(Profile(ratings, seen=seen))
                    errors[n].append((stars[targets.indices[span]], targets.data[span]))
                    questions[n].append(given[:n][-1][1])
        for n in ANSWERS:
            predicted, actual = (np.concatenate(part) for part in zip(*errors[n]))
            line = {"dataset": data.name, "seed": options.seed, "protocol": protocol}
            line |= {"asking": way, "answers": n, "rmse": round(rmse(predicted, actual), 4)}
            line |= {"questions": round(float(np.mean(questions[n])), 1), "people": len(new)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
