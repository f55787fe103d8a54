"""What a person can change on the panel, one change after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from saelib.language import speaking

Act = Callable[[], str | None]  # does something; returns what is to be said of it, if anything


class Controls:
    """The controls' values, as far as they were dealt with, and what a change of each calls.

    turn: gets what is to be done, whenever the person has clicked or changed something. Frontends
    may deliver several changes at once, in threads of their own: each waits for its turn. What a
    turn itself changes calls nothing. spoken: the language of what a turn says.
    """

    def __init__(self, turn: Callable[[Act], None], spoken: str):
        self._turn, self._spoken = turn, spoken
        self._lock = threading.RLock()
        self._busy = False  # while the panel itself sets controls
        self._values: dict[ipw.Widget, Any] = {}

    def __getitem__(self, control: ipw.Widget) -> Any:
        return self._values[control]

    def on(
        self,
        control: ipw.Widget,
        act: Act = lambda: None,
        turn: Callable[[Act], None] | None = None,
    ) -> None:
        """Act whenever a button is clicked, or another control has another value.

        turn: in place of the usual one.
        """
        if isinstance(control, ipw.Button):
            control.on_click(lambda _: self.do(act, turn=turn))
        else:
            control.observe(lambda _: self.do(act, control, turn), "value")
            self._values[control] = control.value

    def do(
        self,
        act: Act,
        control: ipw.Widget | None = None,
        turn: Callable[[Act], None] | None = None,
    ) -> None:
        """Act, in a turn. control: where the person has changed something."""
        with self._lock:
            if self._busy:
                return
            self._busy = True
            try:
                if control is not None:
                    self._values[control] = control.value
                with speaking(self._spoken):
                    (turn or self._turn)(act)
            finally:
                self._busy = False

    def put(self, control: ipw.Widget, value: object) -> None:
        """Set a control, unless it is known to have the value: then what it has now is newer."""
        if self._values[control] != value:
            self._values[control] = value
            control.value = value

    def offer(self, control: ipw.Widget, options: tuple) -> None:
        """Give a control other options to choose from."""
        if control.options != options:
            control.options = options
            self._values[control] = control.value

    def drop(self, controls: list, n: int) -> None:
        """Close all controls after the first n."""
        while len(controls) > n:
            control = controls.pop()
            del self._values[control]
            control.close()
