"""The rating panel: star sliders, and beside them what to watch next, and why.

A view only: what was told, and what follows from it, is in `Session`. Each control calls one of
its methods; then everything shown is brought in line with the session.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import ClassVar

import anywidget
import ipywidgets as ipw
from IPython import get_ipython

from saelib.features import AGE_BRACKETS, AGE_LABELS, age_bracket
from saelib.markup import card, link, map_mark, one_line, star_options
from saelib.plots import map_image
from saelib.profile import Profile, label
from saelib.recommendation import Recommender
from saelib.session import Session

N_LISTED = 10
UNTOLD = ("prefer not to say", "")  # None would mean to ipywidgets that nothing is chosen
WELL_KNOWN = {
    "adventurous": 0.0,
    "rather adventurous": 0.25,
    "balanced": 0.5,
    "rather well-known": 0.75,
    "well-known": 1.0,
}


class RatingPanel(ipw.VBox):
    """Rate films, say who you are if you like, and see ten films to watch next, and why.

    `RatingPanel(Recommender.load("models/…"))` as the last line of a cell shows it. session: what
    was told, without widgets. Jupyter keeps every widget until it is closed: `close` does it, and
    so does another run of the cell that made the panel.
    """

    _of_cell: ClassVar[dict[str, tuple[str, list[RatingPanel]]]] = {}  # cell -> (run, panels)

    def __init__(self, recommender: Recommender):
        super().__init__()
        self._replace_earlier()
        self.session = Session(recommender)
        # Frontends may deliver changes of several controls at once, in threads of their own.
        self._lock = threading.RLock()
        self._busy = False  # while the panel itself sets controls
        self._seen: dict[ipw.Widget, object] = {}  # control -> value, as far as it was dealt with
        self._made_from: tuple | None = None  # what the list shown was made from
        self._list = self.session.recommendations()

        self.gender = _dropdown("Gender", [UNTOLD, ("female", "F"), ("male", "M")])
        self.age = _dropdown("Age", [UNTOLD, *zip(AGE_LABELS, AGE_BRACKETS)])
        self.occupation = _dropdown(
            "Occupation", [UNTOLD, *((o, o) for o in recommender.occupations)]
        )
        self.ticks: list[ipw.Checkbox] = []  # one for each of session.to_tick
        self.titles = _classed(ipw.Box(), "saelib-ticks")
        self.others = ipw.Button(description="More titles")
        # One look for all sliders: a loaded profile may bring hundreds.
        self._look = {
            "layout": ipw.Layout(),
            "style": ipw.SliderStyle(),
            "continuous_update": False,
        }
        self.sliders: list[ipw.SelectionSlider] = []  # one for each of session.films
        self.rows = ipw.VBox()
        self.more = ipw.Button(description="More films")
        self.query = ipw.Text(description="Find a film", placeholder="part of its title")
        self.found = ipw.Select(description="Found", rows=5)
        self.add = ipw.Button(description="Add")
        self.results = ipw.VBox([self.found, self.add], layout={"display": "none"})
        self.genre = _dropdown("Genre", [("all genres", ""), *((g, g) for g in recommender.genres)])
        decades = [(f"{decade}s", decade) for decade in reversed(recommender.decades)]
        self.decade = _dropdown("Decade", [("all decades", 0), *decades])
        self.well_known = ipw.SelectionSlider(
            description="How known", options=list(WELL_KNOWN.items()), value=1.0, **self._look
        )
        self.places = [_Place() for _ in range(N_LISTED)]
        self.undo = ipw.Button(description="Undo")
        self.restart = ipw.Button(description="Start again")
        self.upload = ipw.FileUpload(
            description="Load profile", tooltip="Load profile", accept=".json"
        )
        self.save, self.download, self.status, self.alert = (ipw.HTML() for _ in range(4))
        self.mark = ipw.HTML()  # the person's place on the map

        self._arrange()
        for control in (self.gender, self.age, self.occupation):
            self._on(control, self._tell)
        for control in (self.genre, self.decade, self.well_known):
            self._on(control)
        for number, place in enumerate(self.places):
            self._on(place.reject, lambda number=number: self._reject(number))
        self._on(self.others, self._others)
        self._on(self.more, self._more)
        self._on(self.query, self._search)
        self._on(self.add, self._add)
        self._on(self.undo, self.session.undo)
        self._on(self.restart, self._restart)
        self._on(self.upload, self._load)
        self._do(self._begin)

    def __repr__(self) -> str:
        return f"RatingPanel of {self.session.recommender.dataset}"

    def close(self) -> None:
        """Remove the panel and every widget in it, here and in the page."""
        for part in list(_parts(self)):
            part.close()
        super().close()

    def _replace_earlier(self) -> None:
        """Close what the last run of this cell made, where the frontend tells cells apart."""
        kernel = getattr(get_ipython(), "kernel", None)
        message = {} if kernel is None else kernel.get_parent("shell")
        cell = message.get("metadata", {}).get("cellId")
        if cell is not None:
            this_run = message["header"]["msg_id"]
            run, panels = self._of_cell.get(cell, (this_run, []))
            while run != this_run and panels:
                panels.pop().close()
            self._of_cell[cell] = (this_run, [*panels, self])

    def _arrange(self) -> None:
        """What stands where; the looks are in panel.css."""
        heading = "<h3>{}</h3><p>{}</p>".format
        stays = heading("About you", "As much as you like; it stays on this machine.")
        about = ipw.VBox([ipw.HTML(stays), self.gender, self.age, self.occupation])
        about.layout.display = None if self.session.knows_people else "none"
        seen = heading(
            "Which have you seen?",
            "A tick counts even without stars. Then press More films, and you are asked for the "
            "stars that tell most.",
        )
        rate = [ipw.HTML(seen), self.titles, self.others]
        table = heading("Rate films", "Those that you have seen; the others can stay as they are.")
        rate += [ipw.HTML(table), self.rows, self.more, self.query, self.results]
        best = heading(
            "Your recommendations",
            "Best first: films that you are likely to come across, and to like. The bars show how "
            "likely each number of stars is. In brackets: how much of a film's score is due to "
            "that rating of yours, few stars included.",
        )
        known = ipw.VBox([self.well_known])
        known.layout.display = None if self.session.recommender.trained.lists else "none"
        people = self.session.recommender.trained.taste
        picture = b64encode(map_image(people)).decode()
        taste = heading(
            "Your taste among others",
            "Each dot is a person of the data set; a genre stands where it is liked most surely.",
        )
        alt = escape(f"Map of {len(people.people)} people; genres on it: {', '.join(people.names)}")
        taste += f'<img alt="{alt}" src="data:image/png;base64,{picture}">'
        map_ = _classed(ipw.VBox([ipw.HTML(taste), self.mark]), "saelib-map")
        watch = [ipw.HTML(best), self.genre, self.decade, known, *self.places, map_]
        buttons = [self.undo, self.restart, self.save, self.upload, self.download]
        self.children = [
            _InPage(),
            _classed(ipw.HBox(buttons), "saelib-buttons"),
            _classed(self.status, "saelib-status"),
            _classed(self.alert, "saelib-alert"),
            _classed(ipw.HBox([ipw.VBox([about, *rate]), ipw.VBox(watch)]), "saelib-columns"),
        ]
        _classed(self, "saelib-panel")

    def _on(self, control: ipw.Widget, act: Callable[[], str | None] = lambda: None) -> None:
        """Act whenever a button is clicked, or another control has another value."""
        if isinstance(control, ipw.Button):
            control.on_click(lambda _: self._do(act))
        else:
            control.observe(lambda _: self._do(act, control), "value")
            self._seen[control] = control.value

    def _do(self, act: Callable[[], str | None], control: ipw.Widget | None = None) -> None:
        """Act, then show how the session stands. Whatever goes wrong becomes one line.

        control: where the person has changed something.
        """
        with self._lock:
            if self._busy or self.comm is None:
                return
            self._busy, said, trouble = True, None, None
            if control is not None:
                self._seen[control] = control.value
            for step in (act, self._show):
                try:
                    told = step()
                    said = said or told
                except Exception as error:
                    trouble = trouble or error
            self.status.value = escape("" if trouble else said)
            self.alert.value = escape(one_line(trouble))
            self._busy = False

    def _put(self, control: ipw.Widget, value: object) -> None:
        """Set a control, unless it was seen to have the value: then what it has now is newer."""
        if self._seen[control] != value:
            self._seen[control] = value
            control.value = value

    # -- What the person does: it returns what is to be said, if it is not about the list -------

    def _tell(self) -> None:
        gender, age, occupation = (
            self._seen[control] or None for control in (self.gender, self.age, self.occupation)
        )
        told = self.session.profile.age
        if age and told and age_bracket(age) == age_bracket(told):
            age = told  # a loaded profile may tell it in years
        self.session.tell(gender, age, occupation)

    def _rate(self, number: int) -> None:
        self.session.rate(self.session.films[number], self._seen[self.sliders[number]] or None)

    def _tick(self, number: int) -> str | None:
        before = len(self.session.profile.ratings)
        self.session.tick(self.session.to_tick[number], self._seen[self.ticks[number]])
        if len(self.session.profile.ratings) < before:
            return "Not seen: its stars are gone, too. Undo brings them back."
        return None

    def _others(self) -> str:
        self.session.offer()
        return "Other films that you may have seen, given your answers so far."

    def _more(self) -> str:
        self.session.more()
        return "Other films to rate: those that tell most, given your answers so far."

    def _search(self) -> str:
        films = self.session.recommender.search(self._seen[self.query])
        names = map(label, films["title"], films["year"])
        self.found.options = list(zip(names, films["movie_id"]))
        self.found.index = None if films.empty else 0
        self.results.layout.display = None if self._seen[self.query] else "none"
        return f"Found: {len(films)} films."

    def _add(self) -> str:
        if self.found.value is None:
            return "Type a part of a title, then choose a film."
        self.session.add(self.found.value)
        return f"{self.found.label} is among the films to rate."

    def _reject(self, number: int) -> None:
        self.session.reject(self._list["movie_id"][number])

    def _begin(self) -> None:
        self.session.more()
        self.session.offer()

    def _restart(self) -> None:
        self.session.restart()
        self._begin()

    def _load(self) -> None:
        [file] = self._seen[self.upload]
        self.session.take(Profile.from_json(bytes(file["content"]), file["name"]))
        self._begin()

    # -- What is shown ------------------------------------------------------------------------

    def _show(self) -> str:
        """Bring every control in line with the session; return in a sentence how it stands."""
        profile, dataset = self.session.profile, self.session.recommender.dataset
        self._put(self.upload, ())  # so that the same file can be loaded again
        self._put(self.gender, profile.gender or "")
        self._put(self.age, AGE_BRACKETS[age_bracket(profile.age)] if profile.age else "")
        known = profile.occupation in self.session.recommender.occupations
        self._put(self.occupation, profile.occupation if known else "")
        self._show_ticks()
        self._show_sliders()
        self.save.value = link("Save profile", f"profile-{dataset}.json", profile.to_json())
        return self._show_list()

    def _show_ticks(self) -> None:
        recommender, films = self.session.recommender, self.session.to_tick
        for number in range(len(self.ticks), len(films)):
            tick = ipw.Checkbox(indent=False)
            self._on(tick, lambda number=number: self._tick(number))
            self.ticks.append(tick)
        for tick, film in zip(self.ticks, films):
            tick.description = recommender.labels[recommender.position(film)]
            self._put(tick, self.session.has_seen(film))
        self.titles.children = self.ticks[: len(films)]
        self._drop(self.ticks, len(films))

    def _show_sliders(self) -> None:
        recommender, films = self.session.recommender, self.session.films
        for number in range(len(self.sliders), len(films)):
            slider = ipw.SelectionSlider(options=star_options(recommender.scale), **self._look)
            self._on(slider, lambda number=number: self._rate(number))
            self.sliders.append(_classed(slider, "saelib-film"))
        for slider, film in zip(self.sliders, films):
            position = recommender.position(film)
            genres = recommender.films["genres"][position].replace("|", ", ")
            slider.description = f"{recommender.labels[position]}\n{genres}"
            options = star_options(recommender.scale, film in self.session.profile.seen)
            if slider.options != options:
                slider.options = options
                self._seen[slider] = slider.value
            self._put(slider, self.session.profile.ratings.get(film, 0))
        self.rows.children = self.sliders[: len(films)]
        self._drop(self.sliders, len(films))

    def _drop(self, controls: list, n: int) -> None:
        """Close all controls after the first n."""
        while len(controls) > n:
            control = controls.pop()
            del self._seen[control]
            control.close()

    def _show_list(self) -> str:
        """Make the list anew where something changed that it depends on."""
        session = self.session
        wishes = {
            "genres": [genre] if (genre := self._seen[self.genre]) else [],
            "decades": [decade] if (decade := self._seen[self.decade]) else [],
            "well_known": self._seen[self.well_known],
        }
        made_from = (session.profile.to_json(), session.rejected, wishes)
        before = self._list["movie_id"].tolist()
        if made_from != self._made_from:
            self._list = session.recommendations(N_LISTED, **wishes)
            reasons = session.why(self._list["movie_id"])
            films = self._list.to_dict("records")
            for number, place in enumerate(self.places):
                if number < len(films):
                    place.show(
                        number + 1,
                        films[number],
                        reasons[number],
                        session.recommender.scale,
                    )
                else:
                    place.clear()
            table = self._list[["movie_id", "title", "year", "genres", "stars"]].round({"stars": 2})
            table = "\ufeff" + table.to_csv(index=False)  # the mark tells spreadsheets: UTF-8
            place, taste = session.place(), session.recommender.trained.taste
            self.mark.value = map_mark(place, taste.near(place) if place else [])
            dataset = session.recommender.dataset
            self.download.value = link("Download list", f"films-{dataset}.csv", table)
            self._made_from = made_from
        if not session.has_told:
            return "Tick or rate a film that you have seen: ten films to watch next appear."
        if self._list.empty:
            return "No film fits both filters: choose another genre or decade."
        changed = self._list["movie_id"].tolist() != before
        first = label(self._list["title"][0], self._list["year"][0])
        rated = len(session.profile.ratings)
        seen = len({*session.profile.seen}.difference(session.profile.ratings))
        return f"{rated} rated{f', {seen} more seen' if seen else ''}. " + (
            f"A new list: {first} first." if changed else "The list is the same as before."
        )


class _Place(ipw.HBox):
    """One place of the list, for one film after the other."""

    def __init__(self):
        self.text, self.reject = ipw.HTML(), ipw.Button(description="Not interested")
        super().__init__([self.text, self.reject])
        _classed(self, "saelib-place")
        self.clear()

    def clear(self) -> None:
        """No film stands here; the place keeps its height."""
        self.layout.visibility = "hidden"
        self.text.value = self.reject.tooltip = ""

    def show(
        self,
        rank: int,
        film: dict,
        reasons: Sequence[tuple[str, float, float]],
        scale: tuple[float, float, float],
    ) -> None:
        """film: of `Session.recommendations`. reasons: of `Session.why`."""
        self.text.value = card(rank, film, reasons, scale)
        name = label(film["title"], film["year"])
        self.reject.tooltip = f"Not interested in {name}"
        self.layout.visibility = "visible"


class _InPage(anywidget.AnyWidget):
    """Names for controls that ipywidgets leaves without, and the looks of the panel around it."""

    _esm = Path(__file__).with_name("panel.js")
    _css = Path(__file__).with_name("panel.css")


def _dropdown(name: str, options: list[tuple[str, object]]) -> ipw.Dropdown:
    return ipw.Dropdown(description=name, options=options)


def _classed(widget: ipw.DOMWidget, name: str) -> ipw.DOMWidget:
    widget.add_class(name)
    return widget


def _parts(widget: ipw.Widget) -> Iterator[ipw.Widget]:
    """All widgets that a widget holds: children, layouts, styles."""
    for name in widget.keys:
        value = getattr(widget, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, ipw.Widget):
                yield part
                yield from _parts(part)
