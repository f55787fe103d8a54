"""The rating panel: star sliders, and beside them what to watch next, and why.

A view only: what was told, and what follows from it, is in `Session`. Each control calls one of
its methods; then everything shown is brought in line with the session.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import ipywidgets as ipw
from IPython import get_ipython

from saelib.data.releases import RELEASES
from saelib.language import ENGLISH, _, speaking
from saelib.panel.controls import Act, Controls
from saelib.panel.files import refuse, uploaded
from saelib.panel.markup import download, heading, licence, line, marks, one_line, report
from saelib.panel.parts import InPage, classed, parts_of, said_in_page
from saelib.panel.play import Play
from saelib.panel.rate import RateFilms
from saelib.panel.watch import WatchNext
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

N_REPORTED = 100  # films of each kind, of a file of elsewhere


class RatingPanel(ipw.VBox):
    """Rate films, say who you are if you like, and see ten films to watch next, and why.

    `RatingPanel(Recommender.load("models/…"))` as the last line of a cell shows it. session: what
    was told, without widgets. language: what the panel speaks, 'en' or 'es'. Jupyter keeps every
    widget until it is closed: `close` does it, and so does another run of the cell that made the
    panel. Raises SaelibError for another language.
    """

    _of_cell: ClassVar[dict[str, tuple[str, list[RatingPanel]]]] = {}  # cell -> (run, panels)

    def __init__(self, recommender: Recommender, *, language: str = ENGLISH):
        with speaking(language):
            super().__init__()
            self._replace_earlier()
            self._build(recommender, language)

    def _build(self, recommender: Recommender, language: str) -> None:
        """Make all the parts and connect them."""
        self.session = Session(recommender)
        self._controls = Controls(self._turn, language)
        self.rate = RateFilms(self.session, self._controls)
        self.watch = WatchNext(self.session, self._controls, self.rate.ask_on)
        self.play = Play(self.session, self._controls, lambda: self.watch.wishes, self.watch.listen)
        self.save = ipw.HTML()
        self.upload = ipw.FileUpload(
            description=_("Load profile"), tooltip=_("Load profile"), accept=".json,.csv,.zip"
        )
        self.report = ipw.HTML()  # what became of each film of a file of elsewhere
        self._unread = ""  # what was told before that file, as JSON
        self.restart = ipw.Button(description=_("Start again"))
        self.in_page = InPage(
            uploads=[self.upload, self.play.night.upload],
            stars=[place.stars for place in (*self.watch.places, self.play.surprise.place)],
            marks=marks(recommender.scale),
            store=f"saelib {recommender.dataset}",
            words=said_in_page(),
        )
        # In the order in which they stand in the page.
        self.searches = [self.rate.search, self.play.what_if.search]
        self._controls.on(self.upload, self._load)
        self._controls.on(self.restart, self._restart)
        self.in_page.on_msg(lambda _, said, buffers: self._hear(said))
        self._arrange()
        self._controls.do(self._begin)

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
        release = RELEASES.get(recommender.dataset)
        name = release.title if release else recommender.dataset
        years = recommender.catalogue.films["year"].dropna().tolist()
        n_films, n_people = len(recommender.catalogue), len(recommender.bundle.user_ids)
        buttons = [classed(self.save, "saelib-save"), self.upload]
        buttons += [self.watch.download, self.restart]
        self.children = [
            self.in_page,
            ipw.HTML(heading(name, years, n_films, n_people)),
            classed(ipw.HBox([self.rate, self.watch]), "saelib-columns"),
            self.play,
            classed(ipw.HBox(buttons), "saelib-buttons"),
            self.report,
            classed(
                ipw.HTML(licence(name, release.licence if release else None)), "saelib-licence"
            ),
        ]
        classed(self, "saelib-panel")

    def _turn(self, act: Act) -> None:
        """Act, then show how the session stands. Whatever goes wrong becomes one line."""
        if self.comm is None:  # closed
            return
        said, trouble = None, None
        for step in (act, self._show):
            try:
                told = step()
                said = said or told
            except Exception as error:
                trouble = trouble or error
        self.watch.status.value = line("" if trouble else said)
        self.watch.alert.value = line(one_line(trouble))
        try:
            self.rate.go_on()
            self.in_page.sliders = list(self.rate.sliders)
        except Exception as error:
            self.watch.alert.value = line(one_line(error))

    def _show(self) -> str:
        """Bring every control in line with the session; return in a sentence how it stands."""
        profile, dataset = self.session.profile, self.session.recommender.dataset
        self._controls.put(self.upload, ())  # so that the same file can be loaded again
        said = self.watch.show()
        self.rate.show()
        self.play.show()
        told = profile.to_json()
        if told == self._unread:  # the file was undone
            self.report.value = ""
        self.save.value = download(_("Save profile"), f"profile-{dataset}.json", told)
        self.in_page.kept = told if profile != Profile(dataset=dataset) else ""
        return said

    # -- What the person does: it returns what is to be said, if it is not about the list -------

    def _begin(self) -> None:
        self.session.more()
        self.session.offer()

    def _restart(self) -> None:
        self.session.restart()
        self.play.forget()
        self.report.value = ""
        self._begin()

    def _load(self) -> str | None:
        """A profile takes the place of what was told; ratings made elsewhere are added to it."""
        [file] = self._controls[self.upload]
        found = uploaded(file, self.session.recommender, compare=True)
        if not found.of_elsewhere:
            self._take(found.profile)
            return None
        before = self.session.profile.to_json()
        self.session.add_profile(found.profile)
        self._unread = before if before != self.session.profile.to_json() else ""
        heading = _("What became of each film of {file}").format(file=file["name"])
        self.report.value = report(heading, found.report(N_REPORTED))
        return f"{file['name']}: {found.summary()}"

    def _take(self, profile: Profile) -> None:
        self.report.value = ""
        self.session.take(profile)
        self._begin()

    def _restore(self, kept: str) -> None:
        self._take(Profile.from_json(kept, _("What was kept in the browser")))

    def _hear(self, said: dict) -> None:
        """What panel.js has sent, see `InPage`."""
        if "restore" in said:
            self._controls.do(partial(self._restore, said["restore"]))
        elif "entered" in said:
            self.searches[said["entered"]["search"]].enter(said["entered"]["text"])
        else:
            turn = self.play.night.turn if said["refused"].pop("upload", 0) else None
            self._controls.do(partial(refuse, **said["refused"]), turn=turn)
