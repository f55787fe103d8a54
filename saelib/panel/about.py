"""Who somebody is, if they like to say so; folded."""

from __future__ import annotations

import ipywidgets as ipw

from saelib.data.features import AGE_BRACKETS, age_bracket
from saelib.language import _
from saelib.panel.controls import Controls
from saelib.panel.parts import dropdown, fold
from saelib.recommend import words
from saelib.recommend.session import Session


class AboutYou(ipw.VBox):
    """Gender, age and occupation, where they make a difference to the model."""

    def __init__(self, session: Session, controls: Controls):
        self.session, self._controls = session, controls
        offered = session.recommender.offered
        genders, occupations = (offered.genders, offered.occupations) if offered else ((), ())
        # '': None would mean to ipywidgets that nothing is chosen.
        untold = [(_("prefer not to say"), "")]
        ages = [(words.age(bracket), years) for bracket, years in enumerate(AGE_BRACKETS)]
        names = [(words.occupation(name), name) for name in occupations]
        self.gender = dropdown(_("Gender"), [*untold, *((words.gender(g), g) for g in genders)])
        self.age = dropdown(_("Age"), [*untold, *ages])
        self.occupation = dropdown(_("Occupation"), [*untold, *names])
        every = [self.gender, self.age, self.occupation]
        for control in every:
            controls.on(control, self._tell)
        super().__init__([fold(_("About you"), every)])
        self.layout.display = None if session.knows_people else "none"

    def _tell(self) -> None:
        gender, age, occupation = (
            self._controls[control] or None for control in (self.gender, self.age, self.occupation)
        )
        told = self.session.profile.age
        if age and told and age_bracket(age) == age_bracket(told):
            age = told  # a loaded profile may tell it in years
        self.session.tell(gender, age, occupation)

    def show(self) -> None:
        """Bring the controls in line with the session."""
        profile, put = self.session.profile, self._controls.put
        put(self.gender, profile.gender or "")
        put(self.age, AGE_BRACKETS[age_bracket(profile.age)] if profile.age else "")
        known = profile.occupation in [option[1] for option in self.occupation.options]
        put(self.occupation, profile.occupation if known else "")
