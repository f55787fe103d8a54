"""Which rung could be dropped? `default` with one of its settings put back.

    python tests/benchmarks/leave_one_out.py --seeds 0 1 2 3 4 >> notebooks/ladder.jsonl

Test ratings report this and choose nothing. `residuals` cannot be put back: all stands on them.
Without ordered stars nobody folds in; compare `ordered` with `fold-in`, learned vectors both.
"""

from dataclasses import replace

from rivals import measure

from saelib import RECIPES, build, fit
from saelib.model import autoencoder
from saelib.training import known_stars

PUT_BACK = {
    "dropout": {"dropout": 0.0},
    "one-layer": {"hidden": (128, 64)},
    "tanh": {"activation": "relu"},
    "short": {"epochs": 70},
    "one-cycle": {"one_cycle": False},
    "mask": {"inputs": "residuals"},
    "decay": {"decay": 0.0},
    "hide": {"hide": (0.0, 0.0)},
    "raters": {"raters": 0.0},
    "genres": {"facts": 0.0},
    "informed": {"demographics": 0.0},
    "films": {"rows": "people"},
    "hide-less": {"hide": (0.0, 0.9)},
    "tell-less": {"demographics": 0.5},
    "genres-more": {"facts": 0.5},
    "cautious": {"caution": 0.0},
    "default": {"hidden": (500,)},
}


def learned(config):
    def learn(matrix, seed):
        network = build(config, matrix, seed)
        fit(network, matrix, seed=seed, progress=False)
        stars = known_stars(network, matrix)
        return lambda people: stars(people.rows)

    return learn


if __name__ == "__main__":
    default = RECIPES["default"]
    models = {"fold-in": learned(default), "ordered": learned(replace(default, head="squared"))}
    for rung, change in PUT_BACK.items():
        RECIPES[rung] = replace(default, **change)  # `autoencoder` finds recipes by name
        models[rung] = autoencoder(rung, progress=False)
    measure({f"default-without-{rung}": learn for rung, learn in models.items()})
