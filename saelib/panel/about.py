"""Who somebody is, if they like to say so; folded."""

from __future__ import annotations

import ipywidgets as ipw

from saelib.data.features import AGE_BRACKETS, AGE_LABELS, age_bracket
from saelib.panel.controls import Controls
from saelib.panel.parts import dropdown, fold
from saelib.recommend.session import Session

GENDER_NAMES = {"F": "female", "M": "male"}
UNTOLD = ("prefer not to say", "")  # None would mean to ipywidgets that nothing is chosen


class AboutYou(ipw.VBox):
    """Gender, age and occupation, where they make a difference to the model."""

    def __init__(self, session: Session, controls: Controls):
        self.session, self._controls = session, controls
        offered = session.recommender.offered
        genders, occupations = (offered.genders, offered.occupations) if offered else ((), ())
        self.gender = dropdown("Gender", [UNTOLD, *((GENDER_NAMES.get(g, g), g) for g in genders)])
        self.age = dropdown("Age", [UNTOLD, *zip(AGE_LABELS, AGE_BRACKETS)])
        self.occupation = dropdown("Occupation", [UNTOLD, *((o, o) for o in occupations)])
        every = [self.gender, self.age, self.occupation]
        for control in every:
            controls.on(control, self._tell)
        super().__init__([fold("About you", every)])
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
        known = profile.occupation in [value for _, value in self.occupation.options]
        put(self.occupation, profile.occupation if known else "")
