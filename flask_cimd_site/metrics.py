"""``/metrics`` for Prometheus: off without ``DEMO_METRICS_TOKEN``, and shown to its bearer alone.

Labels are routes, methods, statuses, kinds of events and slugs, which are few. No label holds an address, a host or a
``client_id``: strangers choose them. Under gunicorn all workers count together, in ``PROMETHEUS_MULTIPROC_DIR``.
"""

from __future__ import annotations

import hmac
import os
import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, g, request

from flask_cimd import ConfigurationError, signals
from flask_cimd_site.activity.log import recorded

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
#: Upper bounds in seconds: a page, a page with a fetch, the longest fetch, the longest request.
_BUCKETS = (0.05, 0.2, 1.0, 5.0, 30.0)


def init_app(app: Flask, token: str | None) -> None:
    """Count from now on, and serve the counts to whoever has the token.

    Raises:
        ConfigurationError: the extra ``metrics`` is not installed.
    """
    if token is None:
        return
    try:
        import prometheus_client
    except ImportError as exc:
        raise ConfigurationError('DEMO_METRICS_TOKEN needs: pip install "flask-cimd[metrics]"') from exc
    registry = prometheus_client.CollectorRegistry()
    _count_requests(app, registry)
    _count_events(app, registry)
    _count_clients(app, registry)
    _serve(app, registry, token)


def _count_requests(app: Flask, registry: CollectorRegistry) -> None:
    from prometheus_client import Counter, Histogram

    requests = Counter(
        "cimd_site_requests", "Requests that were answered", ["route", "method", "status"], registry=registry
    )
    seconds = Histogram("cimd_site_request_seconds", "Time until the answer", buckets=_BUCKETS, registry=registry)

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def count(answer: Response) -> Response:
        route = request.url_rule.rule if request.url_rule is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        requests.labels(route, method, str(answer.status_code)).inc()
        if "began" in g:
            seconds.observe(time.monotonic() - g.began)
        return answer


def _count_events(app: Flask, registry: CollectorRegistry) -> None:
    from prometheus_client import Counter

    events = Counter(
        "cimd_site_events", "Log-ins, approvals and other events of the activity log", ["kind"], registry=registry
    )

    def count(_: Flask, *, kind: str, **rest: object) -> None:  # noqa: ARG001  the signal may get more
        events.labels(kind).inc()

    recorded.connect(count, app, weak=False)


def _count_clients(app: Flask, registry: CollectorRegistry) -> None:
    from prometheus_client import Counter, Histogram

    resolved = Counter("cimd_site_clients", "Clients that were found, by where", ["origin"], registry=registry)
    refused = Counter("cimd_site_refusals", "Clients that were refused, by reason", ["slug"], registry=registry)
    failed = Counter("cimd_site_failed_fetches", "Fetches that failed", ["slug", "phase"], registry=registry)
    seconds = Histogram(
        "cimd_site_fetch_seconds", "Duration of fetches", ["outcome"], buckets=_BUCKETS, registry=registry
    )

    def count_client(_: Flask, *, origin: str, duration: float, **rest: object) -> None:  # noqa: ARG001  the signal has more
        resolved.labels(origin).inc()
        if origin == "fetch":
            seconds.labels("ok").observe(duration)

    def count_refusal(_: Flask, *, slug: str, **rest: object) -> None:  # noqa: ARG001  the signal has more
        refused.labels(slug).inc()

    def count_failure(_: Flask, *, slug: str, phase: str, duration: float, **rest: object) -> None:  # noqa: ARG001  the signal has more
        failed.labels(slug, phase).inc()
        seconds.labels("failed").observe(duration)

    signals.client_resolved.connect(count_client, app, weak=False)
    signals.client_rejected.connect(count_refusal, app, weak=False)
    signals.fetch_failed.connect(count_failure, app, weak=False)


def _serve(app: Flask, own: CollectorRegistry, token: str) -> None:
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def metrics() -> Response:
        """Serve the counts to Prometheus, with `DEMO_METRICS_TOKEN` as bearer token."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            return _challenge()
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return Response(generate_latest(_counted(own)), content_type=CONTENT_TYPE_LATEST)

    app.register_blueprint(blueprint)


def _challenge() -> Response:
    return Response(
        "The metrics need the bearer token of DEMO_METRICS_TOKEN.\n",
        401,
        {"WWW-Authenticate": 'Bearer realm="metrics"'},
        content_type="text/plain",
    )


def _counted(own: CollectorRegistry) -> Any:
    """Return the counts of all workers, or of this process if it counts alone."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return own
    from prometheus_client import CollectorRegistry, multiprocess

    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the package types the rest
    return together
