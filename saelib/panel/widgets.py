"""The rating panel: star sliders, and beside them what to watch next, and why.

A view only: what was told, and what follows from it, is in `Session`. Each control calls one of
its methods; then everything shown is brought in line with the session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import ipywidgets as ipw
import traitlets
from IPython import get_ipython

from saelib.data.features import AGE_BRACKETS, AGE_LABELS, age_bracket
from saelib.data.scale import Scale
from saelib.errors import ProfileError
from saelib.panel.markup import (
    card,
    download,
    line,
    map_mark,
    map_picture,
    not_rated,
    one_line,
    section,
    star_options,
)
from saelib.recommend.catalogue import label
from saelib.recommend.profile import MAX_BYTES, Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

N_LISTED = 10
GENDER_NAMES = {"F": "female", "M": "male"}
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
        self.catalogue = recommender.catalogue
        # Frontends may deliver changes of several controls at once, in threads of their own.
        self._lock = threading.RLock()
        self._busy = False  # while the panel itself sets controls
        self._values: dict[ipw.Widget, Any] = {}  # control -> value, as far as it was dealt with
        self._made_from: tuple | None = None  # what the list shown was made from
        self._list = self.session.recommendations()

        offered = recommender.offered
        genders, occupations = (offered.genders, offered.occupations) if offered else ((), ())
        self.gender = _dropdown("Gender", [UNTOLD, *((GENDER_NAMES.get(g, g), g) for g in genders)])
        self.age = _dropdown("Age", [UNTOLD, *zip(AGE_LABELS, AGE_BRACKETS)])
        self.occupation = _dropdown("Occupation", [UNTOLD, *((o, o) for o in occupations)])
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
        self.genre = _dropdown(
            "Genre", [("all genres", ""), *((g, g) for g in self.catalogue.genres)]
        )
        decades = [(f"{decade}s", decade) for decade in reversed(self.catalogue.decades)]
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
            self._on(place.saw, partial(self._saw, number))
            self._on(place.reject, partial(self._reject, number))
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
        stays = section("About you", "As much as you like; it stays on this machine.")
        about = ipw.VBox([ipw.HTML(stays), self.gender, self.age, self.occupation])
        about.layout.display = None if self.session.knows_people else "none"
        seen = section(
            "Which have you seen?",
            "A tick counts even without stars. Then press More films, and you are asked for the "
            "stars that tell most.",
        )
        rate = [ipw.HTML(seen), self.titles, self.others]
        table = section("Rate films", "Those that you have seen; the others can stay as they are.")
        rate += [ipw.HTML(table), self.rows, self.more, self.query, self.results]
        best = section(
            "Your recommendations",
            "Best first: films that you are likely to come across, and to like. The bars show how "
            "likely each number of stars is. In brackets: how much of a film's score is due to "
            "that rating of yours, few stars included.",
        )
        known = ipw.VBox([self.well_known])
        known.layout.display = None if self.session.recommender.knows_seen else "none"
        taste = section(
            "Your taste among others",
            "Each dot is a person of the data set; a genre stands where it is liked most surely.",
            map_picture(self.session.recommender.bundle.taste),
        )
        map_ = _classed(ipw.VBox([ipw.HTML(taste), self.mark]), "saelib-map")
        watch = [ipw.HTML(best), self.genre, self.decade, known, *self.places, map_]
        buttons = [self.undo, self.restart, self.save, self.upload, self.download]
        in_page = _InPage(upload=self.upload)
        in_page.on_msg(lambda _, refused, buffers: self._do(lambda: self._refuse(**refused)))
        self.children = [
            in_page,
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
            self._values[control] = control.value

    def _do(self, act: Callable[[], str | None], control: ipw.Widget | None = None) -> None:
        """Act, then show how the session stands. Whatever goes wrong becomes one line.

        control: where the person has changed something.
        """
        with self._lock:
            if self._busy or self.comm is None:
                return
            self._busy, said, trouble = True, None, None
            if control is not None:
                self._values[control] = control.value
            for step in (act, self._show):
                try:
                    told = step()
                    said = said or told
                except Exception as error:
                    trouble = trouble or error
            self.status.value = line("" if trouble else said)
            self.alert.value = line(one_line(trouble))
            self._busy = False

    def _put(self, control: ipw.Widget, value: object) -> None:
        """Set a control, unless it is known to have the value: then what it has now is newer."""
        if self._values[control] != value:
            self._values[control] = value
            control.value = value

    # -- What the person does: it returns what is to be said, if it is not about the list -------

    def _tell(self) -> None:
        gender, age, occupation = (
            self._values[control] or None for control in (self.gender, self.age, self.occupation)
        )
        told = self.session.profile.age
        if age and told and age_bracket(age) == age_bracket(told):
            age = told  # a loaded profile may tell it in years
        self.session.tell(gender, age, occupation)

    def _rate(self, number: int) -> None:
        stars = self._values[self.sliders[number]]
        rated = stars != not_rated(self.session.recommender.scale)
        self.session.rate(self.session.films[number], stars if rated else None)

    def _tick(self, number: int) -> str | None:
        before = len(self.session.profile.ratings)
        self.session.tick(self.session.to_tick[number], self._values[self.ticks[number]])
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
        films = self.catalogue.search(self._values[self.query])
        names = map(label, films["title"], films["year"])
        self.found.options = list(zip(names, films["movie_id"]))
        self.found.index = None if films.empty else 0
        self.results.layout.display = None if self._values[self.query] else "none"
        return f"Found: {len(films)} films."

    def _add(self) -> str:
        if self.found.value is None:
            return "Type a part of a title, then choose a film."
        self.session.add(self.found.value)
        return f"{self.found.label} is among the films to rate."

    def _saw(self, number: int) -> str:
        film = self._list.loc[number]
        self.session.saw(film["movie_id"])
        name = label(film["title"], film["year"])
        return f"{name} is among the films to rate: give it stars, or leave it as seen."

    def _reject(self, number: int) -> None:
        self.session.reject(self._list["movie_id"][number])

    def _begin(self) -> None:
        self.session.more()
        self.session.offer()

    def _restart(self) -> None:
        self.session.restart()
        self._begin()

    def _load(self) -> None:
        [file] = self._values[self.upload]
        if file["size"] > MAX_BYTES:
            self._refuse(file["name"], file["size"])
        self.session.take(Profile.from_json(bytes(file["content"]), file["name"]))
        self._begin()

    def _refuse(self, name: str, size: int | None) -> None:
        """Say that a file cannot be loaded. size: in bytes; None where it could not be read."""
        if size is None:
            raise ProfileError(f"{name} could not be read by the browser; choose it again.")
        raise ProfileError(
            f"{name} is too large for a profile: {size / 1e6:.1f} MB; expected a file of at most "
            f"{MAX_BYTES / 1e6:.0f} MB, as Save profile makes it."
        )

    # -- What is shown ------------------------------------------------------------------------

    def _show(self) -> str:
        """Bring every control in line with the session; return in a sentence how it stands."""
        profile, dataset = self.session.profile, self.session.recommender.dataset
        self._put(self.upload, ())  # so that the same file can be loaded again
        self._put(self.gender, profile.gender or "")
        self._put(self.age, AGE_BRACKETS[age_bracket(profile.age)] if profile.age else "")
        known = profile.occupation in [value for _, value in self.occupation.options]
        self._put(self.occupation, profile.occupation if known else "")
        self._show_ticks()
        self._show_sliders()
        self.save.value = download("Save profile", f"profile-{dataset}.json", profile.to_json())
        return self._show_list()

    def _show_ticks(self) -> None:
        films = self.session.to_tick
        for number in range(len(self.ticks), len(films)):
            tick = ipw.Checkbox(indent=False)
            self._on(tick, partial(self._tick, number))
            self.ticks.append(tick)
        for tick, film in zip(self.ticks, films):
            tick.description = self.catalogue.labels[self.catalogue.position(film)]
            self._put(tick, self.session.has_seen(film))
        self.titles.children = self.ticks[: len(films)]
        self._drop(self.ticks, len(films))

    def _show_sliders(self) -> None:
        recommender, films = self.session.recommender, self.session.films
        for number in range(len(self.sliders), len(films)):
            slider = ipw.SelectionSlider(options=star_options(recommender.scale), **self._look)
            self._on(slider, partial(self._rate, number))
            self.sliders.append(_classed(slider, "saelib-film"))
        for slider, film in zip(self.sliders, films):
            position = self.catalogue.position(film)
            genres = self.catalogue.films["genres"][position].replace("|", ", ")
            slider.description = f"{self.catalogue.labels[position]}\n{genres}"
            options = star_options(recommender.scale, film in self.session.profile.seen)
            if slider.options != options:
                slider.options = options
                self._values[slider] = slider.value
            self._put(slider, self.session.profile.ratings.get(film, not_rated(recommender.scale)))
        self.rows.children = self.sliders[: len(films)]
        self._drop(self.sliders, len(films))

    def _drop(self, controls: list, n: int) -> None:
        """Close all controls after the first n."""
        while len(controls) > n:
            control = controls.pop()
            del self._values[control]
            control.close()

    def _show_list(self) -> str:
        """Make the list anew where something changed that it depends on."""
        session = self.session
        wishes = {
            "genres": [genre] if (genre := self._values[self.genre]) else [],
            "decades": [decade] if (decade := self._values[self.decade]) else [],
            "well_known": self._values[self.well_known],
        }
        made_from = (session.profile.to_json(), wishes)
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
            here, taste = session.place(), session.recommender.bundle.taste
            self.mark.value = map_mark(here, taste.near(here) if here else [])
            dataset = session.recommender.dataset
            self.download.value = download("Download list", f"films-{dataset}.csv", table)
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
        self.text = ipw.HTML()
        self.saw = ipw.Button(description="Seen it")
        self.reject = ipw.Button(description="Not interested")
        super().__init__([self.text, ipw.VBox([self.saw, self.reject])])
        _classed(self, "saelib-place")
        self.clear()

    def clear(self) -> None:
        """No film stands here; the place keeps its height."""
        self.layout.visibility = "hidden"
        self.text.value = self.saw.tooltip = self.reject.tooltip = ""

    def show(
        self,
        rank: int,
        film: dict,
        reasons: Sequence[tuple[str, float, float]],
        scale: Scale,
    ) -> None:
        """film: of `Session.recommendations`. reasons: of `Session.why`."""
        self.text.value = card(rank, film, reasons, scale)
        name = label(film["title"], film["year"])
        self.saw.tooltip, self.reject.tooltip = f"Seen it: {name}", f"Not interested in {name}"
        self.layout.visibility = "visible"


class _InPage(anywidget.AnyWidget):
    """What is done in the page: names for controls, a look at files, a word when nobody answers.

    It sends {name, size} of a file that it did not let through.
    """

    _esm = Path(__file__).with_name("panel.js")
    _css = Path(__file__).with_name("panel.css")
    upload = traitlets.Instance(ipw.FileUpload).tag(sync=True, **ipw.widget_serialization)
    max_upload = traitlets.Int(MAX_BYTES).tag(sync=True)


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
