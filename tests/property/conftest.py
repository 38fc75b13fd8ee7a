"""Sizes of search: a quick and a small one with fixed examples, and a long random one.

``make fuzz`` searches ten times with different seeds, 50,000 examples a property: Hypothesis keeps every example of a
search in memory and slows down with their number.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=10, deadline=None, derandomize=True, database=None)
settings.register_profile("small", max_examples=100, deadline=None, derandomize=True, database=None)
settings.register_profile(
    "long",
    max_examples=5_000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "small"))
