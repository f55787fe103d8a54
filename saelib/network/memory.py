"""How much memory a training takes, said before it starts."""

from __future__ import annotations

import psutil

from saelib.data.matrix import RatingMatrix
from saelib.errors import SaelibError
from saelib.network.config import NetworkConfig
from saelib.network.processes import size

GIB = 2**30
COPIES = 4  # of each weight: itself, Adam's two moments, and that of the best epoch
PER_RATING = 40  # bytes: the sparse matrix in both orders, and what is made of it on the way


def training_bytes(config: NetworkConfig, n_rows: int, n_columns: int, n_ratings: int) -> int:
    """What training one network adds to the memory that its ratings already take.

    What counts is that a column has a vector of `hidden[0]` numbers for each input, and one in the
    decoder. A softmax over all columns needs some numbers for every cell of a batch besides.
    """
    tables = 1 + len(config.inputs.split("+"))
    weights = 4 * tables * n_columns * config.hidden[0]
    gradient = weights // tables  # of one table at a time
    cells = 0
    if config.head == "multinomial":
        cells = 4 * 6 * n_columns * (n_rows // config.n_batches + 1)
    # Of several processes, the first one brings the shares together for each checkpoint.
    whole = COPIES * weights if size() > 1 else 0
    return (COPIES * weights + gradient) // size() + whole + cells + PER_RATING * n_ratings


def check_memory(config: NetworkConfig, matrix: RatingMatrix) -> None:
    """Raise SaelibError where a network does not fit into the memory that is free.

    It names the estimate, what is free, and the width that would fit.
    """
    n_rows, n_columns = matrix.csr.shape if config.rows == "people" else matrix.csr.shape[::-1]
    needed = training_bytes(config, n_rows, n_columns, matrix.csr.nnz)
    free = psutil.virtual_memory().available
    if needed <= free:
        return
    fixed = training_bytes(config, n_rows, 0, matrix.csr.nnz)
    width = int(config.hidden[0] * max(free - fixed, 0) / (needed - fixed))
    advice = f"A hidden layer of {width} would fit" if width else "None would fit here"
    raise SaelibError(
        f"Training {config.hidden[0]} hidden units on {n_rows:,} {config.rows} and "
        f"{matrix.csr.nnz:,} ratings takes about {needed / GIB:.1f} GiB of memory, and "
        f"{free / GIB:.1f} are free. {advice} (the recipe `large` has 500)."
    )
