"""A seeded ripple: people who share, click, register, buy and cheat, with the truth about them."""

from suite.simulator.scenario import Audience, CheatPlan, RingRule, Scenario, demo, textbook_funnel, textbook_ripple
from suite.simulator.simulation import Simulation, simulate
from suite.simulator.truth import Generation, Ripple, Truth
from suite.simulator.values import Action, Cheat, Click, Kind, Login, Person, Purchase, Register, Ring, Share

__all__ = [
    "Action",
    "Audience",
    "Cheat",
    "CheatPlan",
    "Click",
    "Generation",
    "Kind",
    "Login",
    "Person",
    "Purchase",
    "Register",
    "Ring",
    "RingRule",
    "Ripple",
    "Scenario",
    "Share",
    "Simulation",
    "Truth",
    "demo",
    "simulate",
    "textbook_funnel",
    "textbook_ripple",
]
