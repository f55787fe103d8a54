"""The rating panel: star sliders, and beside them what to watch next, and why.

A view only: what was told, and what follows from it, is in `Session`. Each control calls one of
its methods; then everything shown is brought in line with the session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import ipywidgets as ipw
from IPython import get_ipython

from saelib.data.features import AGE_BRACKETS, AGE_LABELS, age_bracket
from saelib.data.releases import RELEASES
from saelib.errors import ProfileError
from saelib.panel.markup import (
    download,
    heading,
    licence,
    line,
    map_mark,
    map_picture,
    marks,
    not_rated,
    one_line,
    section,
    star_options,
    top,
)
from saelib.panel.parts import InPage, Place, classed, dropdown, fold, parts_of
from saelib.recommend.catalogue import label
from saelib.recommend.changes import changes
from saelib.recommend.imports import read_profile
from saelib.recommend.profile import MAX_BYTES, Profile
from saelib.recommend.reasons import caution
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

N_LISTED = 10
N_TOP = 3  # of them, always in sight
N_OPEN = 5  # films that wait for stars
N_FOUND = 20  # films of a search that are listed
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

    def __init__(self, recommender: Recommender, *, language: str = "en"):
        super().__init__()
        self.language = language
        self._replace_earlier()
        self.session = Session(recommender)
        self.catalogue = recommender.catalogue
        # Frontends may deliver changes of several controls at once, in threads of their own.
        self._lock = threading.RLock()
        self._busy = False  # while the panel itself sets controls
        self._values: dict[ipw.Widget, Any] = {}  # control -> value, as far as it was dealt with
        self._made_from: tuple | None = None  # what the list shown was made from
        self._ask_on = False  # whether another film is to be asked about, once the list stands
        self._list = self.session.recommendations()
        self._changes = changes(self._list, self._list)

        offered = recommender.offered
        genders, occupations = (offered.genders, offered.occupations) if offered else ((), ())
        self.gender = dropdown("Gender", [UNTOLD, *((GENDER_NAMES.get(g, g), g) for g in genders)])
        self.age = dropdown("Age", [UNTOLD, *zip(AGE_LABELS, AGE_BRACKETS)])
        self.occupation = dropdown("Occupation", [UNTOLD, *((o, o) for o in occupations)])
        self.ticks: list[ipw.Checkbox] = []  # one for each of session.to_tick
        self.titles = classed(ipw.Box(), "saelib-ticks")
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
        self.genre = dropdown(
            "Genre", [("all genres", ""), *((g, g) for g in self.catalogue.genres)]
        )
        decades = [(f"{decade}s", decade) for decade in reversed(self.catalogue.decades)]
        self.decade = dropdown("Decade", [("all decades", 0), *decades])
        self.well_known = ipw.SelectionSlider(
            description="How known", options=list(WELL_KNOWN.items()), value=1.0, **self._look
        )
        self.places = [Place() for _ in range(N_LISTED)]
        self.welcome = ipw.HTML()
        self.undo = ipw.Button(description="Undo")
        self.restart = ipw.Button(description="Start again")
        self.upload = ipw.FileUpload(
            description="Load profile", tooltip="Load profile", accept=".json,.csv,.zip"
        )
        self.save, self.download, self.status, self.alert = (ipw.HTML() for _ in range(4))
        self.top = ipw.HTML()  # the first films of the list once more, for narrow windows
        self.mark = ipw.HTML()  # the person's place on the map
        self.in_page = InPage(
            upload=self.upload,
            marks=marks(recommender.scale),
            store=f"saelib {recommender.dataset}",
        )

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
        for part in list(parts_of(self)):
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
        recommender = self.session.recommender
        bundle, release = recommender.bundle, RELEASES.get(recommender.dataset)
        name = release.title if release else recommender.dataset
        terms = release.licence if release else None
        years = self.catalogue.films["year"].dropna().tolist()
        title = heading(name, years, len(self.catalogue), len(bundle.user_ids))
        table = section(
            "Rate films",
            "Stars for those that you have seen; leave the others. Each one that you rate brings "
            "another. Keys: 1 to 5, 0 for not seen.",
        )
        seen = section(
            "Seen, but no stars?",
            "A tick counts, too. Press More films, and you are asked for the stars that tell most.",
        )
        about = fold("About you", [self.gender, self.age, self.occupation])
        about.layout.display = None if self.session.knows_people else "none"
        ask = [ipw.HTML(table), classed(self.rows, "saelib-rows"), self.more]
        ask += [self.query, self.results, ipw.HTML(seen), self.titles, self.others, about]
        self.well_known.layout.display = None if recommender.knows_seen else "none"
        now = [
            ipw.HTML(section("Watch next", "")),
            classed(ipw.HBox([classed(self.status, "saelib-status"), self.undo]), "saelib-said"),
            classed(self.alert, "saelib-alert"),
            self.top,
        ]
        taste = section(
            "Your taste among others",
            "Each dot is a person of the data set; a genre stands where it is liked most surely.",
            map_picture(bundle.taste),
        )
        legend = (
            "Best first: films that you are likely to come across, and to like. The bars show how "
            "likely each number of stars is. In brackets: how much would be lost without that film "
            "of yours."
        )
        watch = [
            self.welcome,
            classed(ipw.VBox(self.places), "saelib-places"),
            fold("Only some films", [self.genre, self.decade, self.well_known]),
            fold("How to read this list", [ipw.HTML(section("", legend))]),
            classed(ipw.VBox([ipw.HTML(taste), self.mark]), "saelib-map"),
        ]
        right = [classed(ipw.VBox(now), "saelib-now"), classed(ipw.VBox(watch), "saelib-watch")]
        columns = [classed(ipw.VBox(ask), "saelib-ask"), classed(ipw.VBox(right), "saelib-right")]
        buttons = [classed(self.save, "saelib-save"), self.upload, self.download, self.restart]
        self.in_page.on_msg(lambda _, said, buffers: self._do(partial(self._hear, said)))
        self.children = [
            self.in_page,
            ipw.HTML(title),
            classed(ipw.HBox(columns), "saelib-columns"),
            classed(ipw.HBox(buttons), "saelib-buttons"),
            classed(ipw.HTML(licence(name, terms)), "saelib-licence"),
        ]
        classed(self, "saelib-panel")

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
            try:
                self._go_on()
            except Exception as error:
                self.alert.value = line(one_line(error))
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
        self._ask_on = rated

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
        found = self.catalogue.find(self._values[self.query])
        films = self.catalogue.rows(found[:N_FOUND])
        names = map(label, films["title"], films["year"])
        self.found.options = list(zip(names, films["movie_id"]))
        self.found.index = None if films.empty else 0
        self.results.layout.display = None if self._values[self.query] else "none"
        if len(found) > len(films):
            return f"Found: {len(found)} films; here are the {len(films)} best."
        return f"Found: {len(films)} film{'s' * (len(films) != 1)}."

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

    def _load(self) -> str | None:
        """A profile takes the place of what was told; ratings made elsewhere are added to it."""
        [file] = self._values[self.upload]
        if file["size"] > MAX_BYTES:
            self._refuse(file["name"], file["size"])
        content, scale = bytes(file["content"]), self.session.recommender.scale
        found = read_profile(content, file["name"], self.catalogue, scale)
        if found.of_elsewhere:
            self.session.add_profile(found.profile)
            return f"{file['name']}: {found.summary()}"
        self.session.take(found.profile)
        self._begin()
        return None

    def _hear(self, said: dict) -> None:
        """What panel.js has sent, see `InPage`."""
        if "restore" in said:
            self.session.take(Profile.from_json(said["restore"], "What was kept in the browser"))
            self._begin()
        else:
            self._refuse(**said["refused"])

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
        said = self._show_list()
        self._show_ticks()
        self._show_sliders()
        told = profile.to_json()
        self.save.value = download("Save profile", f"profile-{dataset}.json", told)
        self.in_page.kept = told if profile != Profile(dataset=dataset) else ""
        return said

    def _go_on(self) -> None:
        """After a rating, and after the list that follows from it: another film to rate."""
        if self._ask_on:
            self._ask_on = False
            self.session.ask(N_OPEN)
            self._show_sliders()

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
            self.sliders.append(classed(slider, "saelib-film"))
        for slider, film in zip(self.sliders, films):
            position = self.catalogue.position(film)
            genres = self.catalogue.films["genres"][position].replace("|", ", ")
            slider.description = f"{self.catalogue.labels[position]}\n{genres}"
            options = star_options(recommender.scale, film in self.session.profile.seen)
            if slider.options != options:
                slider.options = options
                self._values[slider] = slider.value
            self._put(slider, self.session.profile.ratings.get(film, not_rated(recommender.scale)))
        self.rows.children = self.in_page.sliders = self.sliders[: len(films)]
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
        before = self._list
        if made_from != self._made_from:
            self._list = session.recommendations(N_LISTED, **wishes)
            reasons = session.reasons(self._list["movie_id"], n=2)
            films = self._list.to_dict("records")
            self._changes = changes(before, self._list)
            moved = self._changes.films if len(before) else [None] * len(films)
            self.top.value = top(films[:N_TOP], moved)
            for number, place in enumerate(self.places):
                if number < len(films):
                    why, scale = reasons[number], session.recommender.scale
                    place.show(number + 1, films[number], moved[number], why, scale)
                else:
                    place.clear()
            word = caution(self._list, session.recommender.scale)
            word = word if films else "Ten films stand here as soon as you rate one."
            self.welcome.value = section("", word) if word else ""
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
        rated = len(session.profile.ratings)
        seen = len({*session.profile.seen}.difference(session.profile.ratings))
        stands = f"{rated} rated{f', {seen} more seen' if seen else ''}. "
        if before is self._list or not self._changes:
            return f"{stands}The list is the same as before."
        first = label(self._list["title"][0], self._list["year"][0])
        changed = self._changes.in_short() if len(before) else ""
        return f"{stands}A new list: {first} first{f'; {changed}' if changed else ''}."
