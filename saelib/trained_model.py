"""All that recommending needs, in one file. A model of `FoldIn`s loads without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.choice import Ease, ListModel
from saelib.errors import CheckpointError
from saelib.features import N_DEMOGRAPHICS
from saelib.fold_in import FoldIn
from saelib.history import History
from saelib.rating_model import RatingModel
from saelib.storage import read_tensors, write_tensors
from saelib.taste import TasteMap, code_layer

if TYPE_CHECKING:
    from saelib.model import StackedAutoencoder

FORMAT = "saelib model 5"

Arrays = dict[str, np.ndarray]


@dataclass
class TrainedModel:
    """All that recommending needs: the networks and what their columns mean.

    rating: how will you like it? lists: will you see it, and then like it? None in recipes whose
    networks predict no distribution over stars. taste: where people stand, on two axes. films: one
    row per column of the ratings, with movie_id, title, year, genres, n_ratings and spread
    (standard deviation of the ratings, stars). user_ids: who it was trained on. scale: lowest and
    highest rating and the step between, in stars. occupations: those that the release knows; empty
    where it has no demographics. histories: of each network. held_out_rmse: stars, of the tenth of
    the ratings that was held out.
    """

    rating: RatingModel
    lists: ListModel | None
    taste: TasteMap
    dataset: str
    recipe: str
    seed: int
    scale: tuple[float, float, float]
    films: pd.DataFrame
    user_ids: np.ndarray
    occupations: list[str]
    histories: list[History]
    held_out_rmse: float

    def save(self, path: Path) -> None:
        """Write one safetensors file. Raises CheckpointError; the old file then survives."""
        films = self.films
        tensors, networks = {}, []
        for number, network in enumerate(self.rating.networks):
            if isinstance(network, FoldIn):
                found, settings = _take_apart(network)
            else:
                found, settings = network.arrays(), network.settings
            tensors |= {f"network{number}.{name}": value for name, value in found.items()}
            networks.append({"kind": type(network).__name__, "settings": settings})
        about = {key: getattr(self, key) for key in ("dataset", "recipe", "seed", "scale")}
        about |= {"held_out_rmse": self.held_out_rmse}
        about["networks"] = networks
        if self.lists is not None:
            found, about["choice"] = _take_apart(self.lists.choice)
            tensors |= {f"choice.{name}": value for name, value in found.items()}
        found, about["taste"] = _take_apart(self.taste, "network")
        tensors |= {f"taste.{name}": value for name, value in found.items()}
        tensors["user_ids"] = self.user_ids.astype(np.int64)
        for column in ("movie_id", "n_ratings"):
            tensors[f"films.{column}"] = films[column].to_numpy(np.int64)
        tensors["films.year"] = films["year"].fillna(0).to_numpy(np.int64)  # 0: unknown
        tensors["films.spread"] = films["spread"].to_numpy(np.float32)
        about |= {key: films[key].tolist() for key in ("title", "genres")}
        about |= {"occupations": self.occupations, "histories": [asdict(h) for h in self.histories]}
        write_tensors(path, tensors, {"format": FORMAT, "about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> TrainedModel:
        """Read what `save` wrote. Raises CheckpointError for any other file."""
        tensors, metadata = read_tensors(path, FORMAT)
        try:
            about = json.loads(metadata["about"])
            scale = tuple(about["scale"])
            networks = [
                _network(found["kind"], _under(f"network{number}.", tensors), found["settings"])
                for number, found in enumerate(about["networks"])
            ]
            rating, lists = RatingModel(networks), None
            if "choice" in about:
                choice = _put_together(Ease, _under("choice.", tensors), about["choice"])
                lists = ListModel(choice, rating, scale)
            settings = about["taste"] | {"network": code_layer(rating)}
            taste = _put_together(TasteMap, _under("taste.", tensors), settings)
            of_film = ("movie_id", "title", "year", "genres", "n_ratings", "spread")
            films = {k: about[k] if k in about else tensors[f"films.{k}"] for k in of_film}
            films = pd.DataFrame(films).astype({"title": str, "year": "Int64", "genres": str})
            films["year"] = films["year"].mask(films["year"] == 0)
            trained = cls(
                rating,
                lists,
                taste,
                about["dataset"],
                about["recipe"],
                about["seed"],
                scale,
                films,
                tensors["user_ids"],
                about["occupations"],
                [History(**history) for history in about["histories"]],
                about["held_out_rmse"],
            )
            trained._try_out()
            return trained
        except Exception as error:  # whatever does not fit
            raise CheckpointError(
                f"{path} does not fit this version of saelib ({error!r}). Train it again with "
                "`python -m saelib train`."
            ) from error

    def _try_out(self) -> None:
        """Use every part once. Raises whatever it may where they do not fit one another."""
        low, high, step = self.scale
        texts = [self.dataset, *self.occupations, *self.taste.names]
        texts += [*self.films["title"], *self.films["genres"]]
        if not (0 < low < high and step > 0 and all(type(text) is str for text in texts)):
            raise ValueError("no scale of stars, or no text where one belongs")
        row = csr_array(([high], ([0], [0])), shape=(1, len(self.films)), dtype=np.float32)
        person = np.ones((1, N_DEMOGRAPHICS), dtype=np.float32)
        for model in [self.rating.predict] + ([self.lists.scores] if self.lists else []):
            found = model(row, person)
            if found.shape != row.shape or not np.isfinite(found).all():
                raise ValueError("no score for each film")
        self.taste.near(self.taste.place(row, person), len(self.taste.places))

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training early."""
        return any(history.interrupted for history in self.histories)


def _network(kind: str, arrays: Arrays, settings: dict) -> FoldIn | StackedAutoencoder:
    if kind == "FoldIn":
        return _put_together(FoldIn, arrays, settings)
    from saelib.model import StackedAutoencoder  # with torch, which no `FoldIn` waits for

    return StackedAutoencoder.from_arrays(arrays, settings)


def _take_apart(thing: FoldIn | Ease | TasteMap, *without: str) -> tuple[Arrays, dict]:
    """The arrays of a dataclass, and all else that it holds; `without` some fields."""
    names = [field.name for field in fields(thing) if field.name not in without]
    values = {name: getattr(thing, name) for name in names}
    arrays = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
    return arrays, {k: v for k, v in values.items() if k not in arrays}


def _put_together(kind: type, arrays: Arrays, settings: dict):
    if "scale" in settings:
        settings = settings | {"scale": tuple(settings["scale"])}
    return kind(**arrays, **settings)


def _under(prefix: str, tensors: Arrays) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
