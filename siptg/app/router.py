"""Who calls through which line, and whom a line's calls are for."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from siptg.app.lines import Line
from siptg.sip.registration import RegistrationState
from siptg.telegram.people import Person

_BEST_FIRST = (
    RegistrationState.READY,
    RegistrationState.TRYING,
    RegistrationState.UNREACHABLE,
    RegistrationState.REFUSED,
    RegistrationState.CLOSED,
)


@attrs.define(eq=False)
class Router:
    """Lines and people. A person is named in the configuration by user name or id."""

    lines: Iterable[Line]
    _people: dict[str, Person] = attrs.field(factory=dict)

    def know(self, person: Person) -> None:
        """Remember how to reach somebody, newest facts first."""
        self._people[str(person.id)] = person
        if person.username:
            self._people[_key(person.username)] = person

    def find(self, person_id: int) -> Person | None:
        return self._people.get(str(person_id))

    def serves(self, person: Person) -> bool:
        return any(self._is_of(line, person) for line in self.lines)

    def line_for(self, person: Person) -> Line | None:
        """Her line that is most likely to work; None where she has none."""
        own = [line for line in self.lines if self._is_of(line, person)]
        return min(own, key=lambda line: _BEST_FIRST.index(line.state), default=None)

    def person_of(self, line: Line) -> Person | None:
        """Whom the line is for; None where the phone account has not met them yet."""
        return self._people.get(_key(line.config.person))

    def _is_of(self, line: Line, person: Person) -> bool:
        named = _key(line.config.person)
        return named in {str(person.id), _key(person.username or "")}


def _key(name: str) -> str:
    return name.strip().lstrip("@").lower()
