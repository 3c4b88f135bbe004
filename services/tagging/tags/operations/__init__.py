"""What changes the tags and segments of people. Everything comes through `judging.judge`; start reading there."""

from services.tagging.tags.operations.judging import take_in
from services.tagging.tags.operations.manual import add_tag, remove_tag, take_back_tag
from services.tagging.tags.operations.merging import merge, reassign, unmerge
from services.tagging.tags.operations.waiting import CHUNK, backfill, judge_due

__all__ = [
    "CHUNK",
    "add_tag",
    "backfill",
    "judge_due",
    "merge",
    "reassign",
    "remove_tag",
    "take_back_tag",
    "take_in",
    "unmerge",
]
