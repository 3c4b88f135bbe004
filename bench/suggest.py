"""Precision and recall of the suggestions on FEBRL4, beside the published figures."""

import time

from bench.febrl import febrl, measured
from bench.harness import Report
from services.profile.suggestions.matching import matches
from services.profile.suggestions.operations import THRESHOLD

PRECISION_MIN, RECALL_MIN = 1.0, 0.99
"""Published: 1.0 and at least 0.99."""


async def run(report: Report) -> None:
    """Link the 5,000 originals with their 5,000 duplicates, with and without the number that names each person."""
    for title, with_id in (("", True), (" without social security numbers", False)):
        records = febrl("dataset4a", with_id=with_id) + febrl("dataset4b", with_id=with_id)
        started = time.monotonic()
        found = matches(records, threshold=THRESHOLD)
        seconds = time.monotonic() - started
        precision, recall = measured(records, found)
        note = f"published ≥ {RECALL_MIN:g}; {len(found):,} pairs of {len(records):,} records in {seconds:.1f} s"
        goals = (PRECISION_MIN, RECALL_MIN) if with_id else (None, None)
        report.ratio(f"precision on FEBRL4{title}", [precision], at_least=goals[0], unit="", note="published 1.0")
        report.ratio(f"recall on FEBRL4{title}", [recall], at_least=goals[1], unit="", note=note)
