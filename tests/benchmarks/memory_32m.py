"""Peak memory from a ratings file of ml-32m's shape to the sparse matrix.

    python tests/benchmarks/memory_32m.py

Writes a made-up release (32,000,204 ratings, 200,948 users, 87,585 films; 0.9 GB) into a temporary
folder, reads it in a process of its own and prints one JSON object. Exit status 1 above 3 GiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

N_RATINGS, N_USERS, N_FILMS = 32_000_204, 200_948, 87_585
LIMIT = 3.0  # GiB

READ = """
import json, resource, sys, time
from pathlib import Path
from saelib.data import releases
from saelib.data.matrix import RatingMatrix

started = time.perf_counter()
data = releases.read(Path(sys.argv[1]), "ml-32m")
read = time.perf_counter()
csr = RatingMatrix.from_dataset(data).csr
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux -> GiB
print(json.dumps({"shape": csr.shape, "ratings": csr.nnz, "read_s": round(read - started, 1),
                  "matrix_s": round(done - read, 1), "peak_gib": round(peak, 2)}))
"""


def write_release(folder: Path) -> None:
    """Users with log-normal activity, films by popularity, each pair once."""
    rng = np.random.default_rng(0)
    activity = rng.lognormal(4.3, 1.2, N_USERS)
    counts = np.maximum(20, activity / activity.sum() * N_RATINGS * 0.9).astype(int)
    counts = np.minimum(counts, 15_000)
    while (missing := N_RATINGS - counts.sum()) != 0:  # to the exact number of the release
        chosen = rng.choice(N_USERS, size=min(abs(missing), N_USERS), replace=False)
        counts[chosen] += np.sign(missing)
    with open(folder / "ratings.csv", "w") as file:
        file.write("userId,movieId,rating,timestamp\n")
        for user, count in enumerate(counts, start=1):
            # A random start and a step coprime to the number of films visit each film once.
            films = (rng.integers(N_FILMS) + 7 * np.arange(count)) % N_FILMS + 1
            stars = rng.integers(1, 11, count) / 2
            times = rng.integers(800_000_000, 1_700_000_000, count)
            file.writelines(f"{user},{f},{s},{t}\n" for f, s, t in zip(films, stars, times))
    with open(folder / "movies.csv", "w") as file:
        file.write("movieId,title,genres\n")
        file.writelines(f"{i},Film {i} (1990),Drama\n" for i in range(1, N_FILMS + 1))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_release(Path(folder))
        command = [sys.executable, "-c", READ, folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(done.stdout, end="")
    sys.exit(json.loads(done.stdout)["peak_gib"] > LIMIT)
