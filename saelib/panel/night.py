"""Film night: films for several people."""

from __future__ import annotations

from itertools import count
from pathlib import PurePath

import ipywidgets as ipw

from saelib.language import _
from saelib.panel.controls import Act, Controls
from saelib.panel.files import uploaded
from saelib.panel.game import Game, named_stars
from saelib.panel.markup import Line, lists
from saelib.panel.parts import classed
from saelib.recommend.play import NIGHTS, film_night
from saelib.recommend.profile import Profile
from saelib.recommend.session import Session


class FilmNight(Game):
    """Films for several. people: whose profiles were loaded, by name."""

    def __init__(self, session: Session, controls: Controls):
        super().__init__(session, controls)
        self.people: dict[str, Profile] = {}
        self._you = _("you")  # as a name in the list
        self.upload = ipw.FileUpload(
            description=_("Load their profiles"),
            tooltip=_("Load their profiles"),
            accept=".json,.csv,.zip",
            multiple=True,
        )
        self.choose = ipw.Button(description=_("Films for all"))
        self.without = ipw.Button(description=_("Forget them"))
        controls.on(self.upload, self._load, self.turn)
        controls.on(self.choose, self._choose, self.turn)
        controls.on(self.without, self._forget, self.turn)
        self._arrange(
            _("Film night"),
            _(
                "Load the profiles that others have saved, and see films for all of you that "
                "nobody has seen. Your own answers count, too, if there are any."
            ),
            classed(ipw.HBox([self.upload, self.choose, self.without]), "saelib-row"),
        )

    def turn(self, act: Act) -> None:
        super().turn(act)
        self._controls.put(self.upload, ())  # so that the same file can be loaded again

    def _load(self) -> str:
        recommender, read = self.session.recommender, []
        for file in self._controls[self.upload]:
            profile = uploaded(file, recommender).profile
            recommender.encode(profile)  # raises ProfileError where it is not of these films
            read.append((PurePath(file["name"]).stem, profile))
        for name, profile in read:
            self.people[self._called(name)] = profile
        if len(self.people) + self.session.has_told < 2:
            return _("Loaded. One more profile, or stars of your own, and there are films for all.")
        return self._choose()

    def _called(self, name: str) -> str:
        """A name that nobody has, nor a column of the list: 'ann', 'ann 2', …"""
        taken = {self._you, "movie_id", "title", "year", "genres", "stars", *self.people}
        names = (name if n == 1 else f"{name} {n}" for n in count(1))
        return next(other for other in names if other not in taken)

    def _choose(self) -> str:
        you = {self._you: self.session.profile} if self.session.has_told else {}
        people = you | self.people
        headings = {
            "least misery": _("Least misery: by whoever likes a film least"),
            "average": _("Average: by the mean of all"),
        }
        found = []
        for rule in NIGHTS:
            films = film_night(self.session.recommender, people, how=rule)
            each = films[list(people)].to_numpy().tolist()
            of_each = [", ".join(f"{n} {s:.1f} ★" for n, s in zip(people, own)) for own in each]
            listed = [
                Line(film[1], film[2], more=own) for film, own in zip(named_stars(films), of_each)
            ]
            found.append((headings[rule], listed))
        self.result.value = lists(found)
        return _("Films for {people}.").format(people=", ".join(people))

    def forget(self) -> None:
        super().forget()
        self.people = {}

    def _forget(self) -> str:
        self.forget()
        return _("Their profiles are forgotten.")
