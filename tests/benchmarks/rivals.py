"""Two rivals of the plain network, written out: AutoRec and matrix factorisation.

    python tests/benchmarks/rivals.py --seeds 0 1 2 3 4 >> notebooks/ladder.jsonl

Prints lines as `saelib evaluate --json` does. CHOSEN was best on validation ratings, a tenth of the
training ratings, of the grids that `git show b81b846:tests/benchmarks/rivals.py` tries.
"""

import argparse
import time
from functools import partial
from itertools import product

import numpy as np
import torch
from torch import nn

from saelib import BiasBaseline, load
from saelib.commands import LINES
from saelib.evaluation import Models, evaluate
from saelib.matrix import RatingMatrix


def autorec(matrix: RatingMatrix, seed: int, penalty: float, epochs: int):
    """I-AutoRec (Sedhain et al. 2015): a film's stars in, 500 sigmoid units, all its stars out.

    Loss: squared error of the rated cells + penalty / 2 * squared weights, summed over a batch.
    """
    torch.manual_seed(seed)
    stars = torch.from_numpy(matrix.csr.toarray().T)  # (n_films, n_users), 0 = not rated
    rated = (stars > 0).float()
    encoder, decoder = nn.Linear(stars.shape[1], 500), nn.Linear(500, stars.shape[1])
    network = nn.Sequential(encoder, nn.Sigmoid(), decoder)
    nn.init.constant_(decoder.bias, stars[stars > 0].mean().item())
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    for _ in range(epochs):
        for batch in torch.randperm(len(stars)).tensor_split(60):
            error = ((network(stars[batch]) - stars[batch]) * rated[batch]).square().sum()
            size = encoder.weight.square().sum() + decoder.weight.square().sum()
            optimizer.zero_grad()
            (error + penalty / 2 * size).backward()
            optimizer.step()
    with torch.no_grad():
        predicted = network(stars).T.numpy()  # (n_users, n_films)
    return lambda people: predicted[people.rows]


def factorisation(matrix: RatingMatrix, seed: int, penalty: float, rank: int):
    """Matrix factorisation of the residuals, by alternating ridge regressions (20 times).

    Loss: squared error of the ratings + penalty * squared numbers in both factors.
    """
    baseline = BiasBaseline.fit(matrix.csr)
    biases = baseline.predict(matrix.csr)
    residuals = matrix.csr.toarray() - biases
    rated = matrix.csr.toarray() > 0
    films = np.random.default_rng(seed).normal(0, 0.1, (rated.shape[1], rank))

    def solve(residuals, rated, others):  # (n, m), (n, m), (m, rank) -> (n, rank)
        found = []
        for row, on in zip(residuals, rated):
            gram = others[on].T @ others[on] + penalty * np.eye(rank)
            found.append(np.linalg.solve(gram, others[on].T @ row[on]))
        return np.array(found)

    for _ in range(20):
        people = solve(residuals, rated, films)
        films = solve(residuals.T, rated.T, people)
    predicted = biases + people @ films.T
    return lambda known: predicted[known.rows]


CHOSEN = {
    "autorec": partial(autorec, penalty=3.0, epochs=40),
    "mf": partial(factorisation, penalty=15.0, rank=40),
}


def measure(models: Models) -> None:
    """Print a line for each model and each of the seeds that the command line names, or five."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", nargs="+", type=int, default=range(5))
    data = load("ml-100k")
    for seed, name in product(parser.parse_args().seeds, models):
        began = time.process_time()
        table = evaluate(data, "ratings", {name: models[name]}, seed)
        seconds = round(time.process_time() - began, 1)
        print(table.assign(seconds=seconds).to_json(**LINES), end="", flush=True)


if __name__ == "__main__":
    measure(CHOSEN)
