"""What is done about people who ask to be told, or to be forgotten."""

from bowen.incentive.v1.events_pb2 import ErasureConfirmed, PersonalDataProvided

from people.privacy import Keeper
from services.incentive.privacy.store import FORGET, HELD

_keeper = Keeper("incentive", held=HELD, forget=FORGET, confirmed=ErasureConfirmed, provided=PersonalDataProvided)

on_profile_erased = _keeper.on_profile_erased
on_personal_data_requested = _keeper.on_personal_data_requested
