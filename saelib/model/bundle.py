"""All that recommending needs, in one file. One whose networks read films loads without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from saelib.data.features import Demographics
from saelib.data.people import People
from saelib.data.scale import Scale
from saelib.errors import CheckpointError
from saelib.language import _
from saelib.model.liking import BY_ROWS, Liking
from saelib.model.seeing import KINDS, ListOrder
from saelib.model.taste import TasteMap
from saelib.network.history import History
from saelib.network.storage import read_tensors, write_tensors

FORMAT = "saelib model 7"
# Of each film: columns of numbers, and of texts.
NUMBERS, TEXTS = ("year", "n_ratings", "spread"), ("title", "genres")

Arrays = dict[str, np.ndarray]


@dataclass
class Bundle:
    """What `train` makes and `Recommender` uses: the models, and what their columns mean.

    liking: how will you like it? order: will you see it, and then like it? None in recipes whose
    networks predict no distribution over stars. taste: where people stand, on two axes. films: one
    row per column of the ratings, with movie_id, title, year, genres, n_ratings and spread
    (standard deviation of the ratings, stars). user_ids: who it was trained on. scale: of the
    data set's ratings. demographics: how people are coded. offered: the genders and occupations
    that the data set has; None where it says nothing of people. histories: of each network.
    held_out_rmse: stars, of the tenth of the ratings that was held out.
    """

    liking: Liking
    order: ListOrder | None
    taste: TasteMap
    dataset: str
    recipe: str
    seed: int
    scale: Scale
    demographics: Demographics
    offered: Demographics | None
    films: pd.DataFrame
    user_ids: np.ndarray
    histories: list[History]
    held_out_rmse: float

    def save(self, path: Path) -> None:
        """Write one safetensors file. Raises CheckpointError; the old file then survives."""
        about = {key: getattr(self, key) for key in ("dataset", "recipe", "seed", "held_out_rmse")}
        about |= {key: asdict(getattr(self, key)) for key in ("scale", "demographics")}
        about["offered"] = None if self.offered is None else asdict(self.offered)
        about["histories"] = [asdict(history) for history in self.histories]
        about |= {column: self.films[column].tolist() for column in TEXTS}
        films = self.films.fillna({"year": 0})  # 0: unknown
        tensors = {f"films.{c}": films[c].to_numpy(np.float64) for c in NUMBERS}
        for name, ids in (("movie_id", films["movie_id"].to_numpy()), ("user_ids", self.user_ids)):
            if ids.dtype.kind in "iu":
                tensors[name] = ids.astype(np.int64)
            else:
                about[name] = ids.tolist()

        def add(part: str, arrays: Arrays, settings: dict) -> dict:
            tensors.update({f"{part}.{name}": value for name, value in arrays.items()})
            return settings

        about["models"] = [
            {"rows": model.rows} | add(f"model{number}", *model.to_arrays())
            for number, model in enumerate(self.liking.models)
        ]
        about["taste"] = add("taste", *self.taste.to_arrays())
        about["seeing"] = None
        if self.order:
            linear = self.order.linear
            about["seeing"] = {"kind": linear.kind} | add("seeing", *linear.to_arrays())
        about["liking_weight"] = self.order.liking_weight if self.order else None
        write_tensors(path, tensors, {"format": FORMAT, "about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Read what `save` wrote. Raises CheckpointError for any other file."""
        tensors, metadata = read_tensors(path, FORMAT)
        try:
            bundle = cls._from(tensors, json.loads(metadata["about"]))
            bundle._try_out()
            return bundle
        except Exception as error:  # whatever does not fit
            raise CheckpointError(
                _(
                    "{path} does not fit this version of saelib ({error!r}). Train it again with "
                    "`python -m saelib train`."
                ).format(path=path, error=error)
            ) from error

    @classmethod
    def _from(cls, tensors: Arrays, about: dict) -> Bundle:
        def part(name: str) -> Arrays:
            prefix = f"{name}."
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        models = []
        for number, settings in enumerate(about["models"]):
            kind = BY_ROWS[settings.pop("rows")]
            models.append(kind.from_arrays(part(f"model{number}"), settings))
        liking, scale = Liking(models), Scale(**about["scale"])
        order = None
        if about["seeing"] is not None:
            of_kind = KINDS[about["seeing"].pop("kind")]
            linear = of_kind.from_arrays(part("seeing"), about["seeing"])
            order = ListOrder(linear, liking, scale.stored, about["liking_weight"])
        ids = {name: tensors.get(name, about.get(name)) for name in ("movie_id", "user_ids")}
        columns = {"movie_id": ids["movie_id"]} | {column: about[column] for column in TEXTS}
        films = pd.DataFrame(columns | part("films"))
        types = {"title": str, "year": "Int64", "genres": str, "n_ratings": "int64"}
        films = films.astype(types)[["movie_id", "title", "year", "genres", "n_ratings", "spread"]]
        films["year"] = films["year"].mask(films["year"] == 0)
        offered = about["offered"]
        return cls(
            liking=liking,
            order=order,
            taste=TasteMap.from_arrays(part("taste"), about["taste"]),
            dataset=about["dataset"],
            recipe=about["recipe"],
            seed=about["seed"],
            scale=scale,
            demographics=_demographics(about["demographics"]),
            offered=None if offered is None else _demographics(offered),
            films=films,
            user_ids=np.asarray(ids["user_ids"]),
            histories=[History(**history) for history in about["histories"]],
            held_out_rmse=about["held_out_rmse"],
        )

    def _try_out(self) -> None:
        """Use every part once. Raises whatever it may where they do not fit one another."""
        texts = [self.dataset, *self.demographics.genders, *self.demographics.occupations]
        texts += [*self.taste.names, *self.films["title"], *self.films["genres"]]
        if not all(type(text) is str for text in texts):
            raise ValueError("no text where one belongs")
        stars = csr_array(([self.scale.stored.highest], ([0], [0])), shape=(1, len(self.films)))
        told = np.ones((1, self.demographics.width), dtype=np.float32)
        person = People.who_rated(stars.astype(np.float32), told)
        for scores in [self.liking.predict] + ([self.order.scores] if self.order else []):
            found = scores(person)
            if found.shape != stars.shape or not np.isfinite(found).all():
                raise ValueError("no score for each film")
        self.taste.near(self.taste.place(self.liking, person), len(self.taste.places))

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training early."""
        return any(history.interrupted for history in self.histories)


def _demographics(lists: dict) -> Demographics:
    return Demographics(tuple(lists["genders"]), tuple(lists["occupations"]))
