"""Run a scenario: the stream of actions, the people behind it, and the truth about it."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from suite.simulator.chance import Chance
from suite.simulator.cheats import Cheating
from suite.simulator.growth import Growth
from suite.simulator.population import Population
from suite.simulator.scenario import Scenario
from suite.simulator.truth import Truth, tell
from suite.simulator.values import Action, Click, Login, Person, Purchase, Register, Share

CAUSES_FIRST = {Register: 0, Login: 1, Share: 2, Click: 3, Purchase: 4}
"""Of actions in the same second: who somebody is comes before what they do, and a share before its clicks."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """`actions` are in order of time. Only people who act are in `people`, by person id."""

    scenario: Scenario
    actions: tuple[Action, ...]
    people: Mapping[str, Person]
    truth: Truth

    def between(self, start: datetime, end: datetime) -> tuple[Action, ...]:
        """The actions of `[start, end)`."""
        first = bisect_left(self.actions, start, key=_time)
        return self.actions[first : bisect_left(self.actions, end, key=_time)]


def simulate(scenario: Scenario) -> Simulation:
    """Let a scenario happen. Equal scenarios give equal simulations, down to the ids."""
    chance = Chance(scenario.seed, "growth")
    population = Population(scenario, chance)
    growth = Growth(scenario, population, chance)
    growth.run()
    cheats = Cheating(scenario, population, Chance(scenario.seed, "cheats")).actions()
    actions = tuple(sorted([*growth.actions, *cheats], key=_order))
    acting = {action.sharer if isinstance(action, Share) else action.person for action in actions}
    people = {person: actor.person for person, actor in population.actors.items() if person in acting}
    return Simulation(
        scenario,
        actions,
        MappingProxyType(people),
        tell(actions, people, scenario.households, scenario.attribution),
    )


def _time(action: Action) -> datetime:
    return action.at


def _order(action: Action) -> tuple[datetime, int, str]:
    return action.at, CAUSES_FIRST[type(action)], action.id
