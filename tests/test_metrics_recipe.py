"""The metrics recipe of the documentation, run as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client import REGISTRY

from flask_cimd import CIMD, CIMDError
from tests.support.origin import TLSOrigin, publish_document

PAGE = Path(__file__).parents[1] / "docs/reference/signals.md"


def test_the_recipe_counts_every_outcome(ca_bundle: Path, origin: TLSOrigin) -> None:
    (recipe,) = re.findall(r"```python\n(from flask_cimd import signals\n.*?)```", PAGE.read_text(), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(compile(recipe, str(PAGE), "exec"), namespace)  # the receivers live as long as this dict
    app = Flask("app")
    app.config.update(CIMD_ALLOW_LOOPBACK=True, CIMD_CA_BUNDLE=str(ca_bundle))
    cimd = CIMD(app)
    url = publish_document(origin)
    with app.app_context():
        cimd.resolve(url)
        cimd.resolve(url)
        with pytest.raises(CIMDError):
            cimd.resolve(origin.url("/missing"))

    def counted(outcome: str, phase: str = "") -> float | None:
        return REGISTRY.get_sample_value("cimd_outcomes_total", {"outcome": outcome, "phase": phase})

    assert (counted("fetch"), counted("store"), counted("status", "response")) == (1, 1, 1)
    assert REGISTRY.get_sample_value("cimd_seconds_count", {"origin": "store"}) == 1
