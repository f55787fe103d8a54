"""For fun, folded: what if I had loved it, film night, a taste card, a surprise."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from saelib.language import _
from saelib.panel.controls import Controls
from saelib.panel.game import Game, named_stars
from saelib.panel.markup import Line, line, lists, picture_with_words
from saelib.panel.night import FilmNight
from saelib.panel.parts import Place, classed, fold, look
from saelib.panel.search import FilmSearch
from saelib.recommend.play import taste_card
from saelib.recommend.session import Session


class WhatIf(Game):
    """The list beside the one that it would be."""

    def __init__(self, session: Session, controls: Controls, wishes: Callable[[], dict]):
        super().__init__(session, controls)
        self._wishes = wishes
        films = session.recommender.catalogue
        self.search = FilmSearch(
            films,
            controls,
            self._suppose,
            name=_("If I had loved"),
            found=_("One of these"),
            button=_("What if?"),
            turn=self.turn,
        )
        self._arrange(
            _("What if I had loved …?"),
            _(
                "Choose a film, and see the list beside the one that it would be if you had given "
                "that film the most stars."
            ),
            self.search,
        )

    def _suppose(self, film: str, name: str) -> str:
        before, after, changed = self.session.what_if(film, **self._wishes())
        gone = set(before["movie_id"]) - set(after["movie_id"])
        as_it_is = [
            Line(name, stars, goes=film in gone) for film, name, stars in named_stars(before)
        ]
        supposed = [
            Line(other, stars, change)
            for (_id, other, stars), change in zip(named_stars(after), changed.films)
        ]
        loved = _("If you had loved {film}").format(film=name)
        both = [(_("The list as it is"), as_it_is), (loved, supposed)]
        self.result.value = lists(both)
        return changed.in_words()


class Card(Game):
    """The person's taste as a picture."""

    def __init__(self, session: Session, controls: Controls):
        super().__init__(session, controls)
        self.make = ipw.Button(description=_("Make my card"))
        controls.on(self.make, self._make, self.turn)
        text = _("What your stars say of your taste, to keep.")
        self._arrange(_("Taste card"), text, self.make)
        classed(self.result, "saelib-card")

    def _make(self) -> str:
        # matplotlib, which only those who want a card shall pay for.
        from saelib.panel.picture import picture

        recommender, profile = self.session.recommender, self.session.profile
        card = taste_card(recommender, profile)
        drawn = picture(card, recommender.bundle.taste, recommender.place(profile))
        file = f"taste-{recommender.dataset}.png"
        self.result.value = picture_with_words(drawn, card.text(), file)
        return _("Here is your card.")


class Surprise(Game):
    """One film after the other, off the beaten track."""

    def __init__(self, session: Session, controls: Controls, listen: Callable[[Place], None]):
        """listen: does what the slider and the buttons of a place say."""
        super().__init__(session, controls)
        self.draw = ipw.Button(description=_("Surprise me"))
        self.place = Place(session.recommender.scale, look())
        listen(self.place)
        controls.on(self.draw, self._draw, self.turn)
        text = _("A film that few know and that you should like.")
        self._arrange(_("Surprise me"), text, self.draw)
        self.children = [*self.children, self.place]

    def _draw(self) -> str:
        films = self.session.surprise()
        if films.empty:
            self.place.clear()
            return _("There is no film to surprise you with: rate one that you have seen.")
        [film], [reasons] = films.to_dict("records"), self.session.reasons(films["movie_id"], n=2)
        self.place.show(None, film, None, reasons, self.session.recommender.scale)
        again = _("{film} is a surprise. Press again for another one.")
        return again.format(film=self.place.name)

    def forget(self) -> None:
        super().forget()
        self.place.clear()

    def show(self) -> None:
        """Take the film away that is no surprise any more."""
        place, told, films = self.place, self.session.profile, self.session.recommender.catalogue
        known = {*told.ratings, *told.seen, *told.rejected}
        if place.film and films.name(films.position(place.film)) in known:
            self.said.value = line(_("{film}: taken to your answers.").format(film=place.name))
            place.clear()


class Play(ipw.VBox):
    """All four games."""

    def __init__(
        self,
        session: Session,
        controls: Controls,
        wishes: Callable[[], dict],
        listen: Callable[[Place], None],
    ):
        """wishes: as of `WatchNext.wishes`. listen: see `Surprise`."""
        self.what_if = WhatIf(session, controls, wishes)
        self.night = FilmNight(session, controls)
        self.card = Card(session, controls)
        self.surprise = Surprise(session, controls, listen)
        self.games: list[Game] = [self.what_if, self.night, self.card, self.surprise]
        super().__init__([fold(_("Play"), self.games)])
        classed(self, "saelib-play")

    def forget(self) -> None:
        """Begin anew, for the next visitor; what others have told goes, too."""
        for game in self.games:
            game.forget()

    def show(self) -> None:
        """Bring the games in line with the session."""
        for game in self.games:
            game.show()
