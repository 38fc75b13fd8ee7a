"""Checks of ``flask cimd doctor`` from outside: documents as clients read them, the proxy's headers, the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask

from .. import CIMD
from ..core.http_date import parse_http_date
from ..core.strict_json import StrictJSONError, read_object
from ..provider.documents import announced
from ..provider.probe import PATH, new_probe
from ..provider.site import Site
from .findings import Finding

#: Seconds for one answer, and its bytes.
_TIMEOUT, _MOST_BYTES = 10, 1024 * 1024
#: Seconds by which our clock may differ from the one in the answer's ``Date``, which counts whole seconds.
MOST_SKEW = 30
#: Statuses of a proxy whose server is not there at the moment.
_AWAY = (502, 503, 504)
#: RFC 5737, RFC 6761: an address and a name that belong to nobody.
_FORGED_ADDRESS, _FORGED_HOST = "192.0.2.77", "forged.invalid"


class UnreachableError(Exception):
    """Nothing answers; ``args[0]`` says so in a clause."""


class UntrustedError(Exception):
    """The certificate is not trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_at: datetime
    received_at: datetime


class Outside:
    """Asks one origin as a client elsewhere does: no redirects, nothing from the environment of the process.

    Args:
        cimd: its settings name the trusted certificates and the proxy; its clock is compared.
        origin: scheme, host and port.
    """

    def __init__(self, cimd: CIMD, origin: str) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = cimd.settings.ca_bundle or True
        if cimd.settings.proxy:
            self._session.proxies = {"https": cimd.settings.proxy, "http": cimd.settings.proxy}
        self._clock = cimd.clock
        self.origin = origin

    def ask(self, path: str, probe: str | None = None, headers: Mapping[str, str] | None = None) -> _Answer:
        """GET a path, or POST a probe to it.

        Raises:
            UnreachableError: there is no whole answer within 10 s and 1 MiB.
            UntrustedError: the certificate is not trusted.
        """
        method, data = ("GET", None) if probe is None else ("POST", {"probe": probe})
        sent_at = self._clock()
        try:
            with self._session.request(
                method,
                self.origin + path,
                data=data,
                headers=dict(headers or {}),
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as answer:
                received_at = self._clock()
                body = _whole(answer)
        except requests.exceptions.SSLError as exc:
            raise UntrustedError from exc
        except requests.RequestException as exc:
            raise UnreachableError(f"no answer from {self.origin} ({type(exc).__name__})") from exc
        if answer.status_code in _AWAY:
            raise UnreachableError(f"status {answer.status_code} from {self.origin}{path}")
        return _Answer(
            status=answer.status_code, headers=answer.headers, body=body, sent_at=sent_at, received_at=received_at
        )


def _whole(answer: requests.Response) -> bytes:
    body, ends_at = b"", time.monotonic() + _TIMEOUT
    for chunk in answer.iter_content(16384):
        body += chunk
        if len(body) > _MOST_BYTES or time.monotonic() > ends_at:
            raise requests.exceptions.ContentDecodingError
    return body


def look_from_outside(app: Flask, site: Site, origin: str) -> Iterator[Finding]:
    """Yield the findings at an origin; needs an app context."""
    outside = Outside(app.extensions["cimd"], origin)
    try:
        answer = yield from _documents(app, site, outside)
        yield _clock(answer)
        yield from _proxy(app, site, outside)
    except UnreachableError as error:
        cure = "check DNS, the firewall, the proxy and the server, or give the address that clients use"
        yield Finding(check="reachable", outcome="unknown", text=str(error), cure=cure)
    except UntrustedError:
        text = f"the certificate of {origin} is not trusted, or not for this name"
        cure = "mend it; for a private authority set CIMD_CA_BUNDLE"
        yield Finding(check="reachable", outcome="failed", text=text, cure=cure)


# -- documents ----------------------------------------------------------------------------------------------------


def _documents(app: Flask, site: Site, outside: Outside) -> Any:
    with app.test_request_context(base_url=site.origin):  # hooks may build URLs
        expected = announced(site)
    for path, document in expected.items():
        answer = outside.ask(path)
        yield _judged(f"{outside.origin}{path}", answer, document)
    return answer


def _judged(url: str, answer: _Answer, expected: Mapping[str, Any]) -> Finding:
    def failed(text: str, cure: str) -> Finding:
        return Finding(check="metadata", outcome="failed", text=f"{url} {text}", cure=cure)

    to_app = f"let the proxy pass {urlsplit(url).path} to this app, unchanged"
    if 300 <= answer.status < 400:
        return failed(f"redirects (status {answer.status}); clients do not follow", "serve it without a redirect")
    if answer.status != 200:
        return failed(f"answers with status {answer.status}", to_app)
    try:
        found = read_object(answer.body)
    except StrictJSONError:
        return failed("is not a JSON object", to_app)
    if found.get("issuer", found.get("resource")) != expected.get("issuer", expected.get("resource")):
        return failed("is of another issuer or resource than this app has", "mend issuer=, or the route of the proxy")
    if differing := [name for name in {*expected, *found} if expected.get(name) != found.get(name)]:
        known = sorted(name for name in differing if name in expected) or ["unknown members"]
        text = f"differs from what this app announces in {', '.join(known)}"
        return failed(text, "restart the server with this configuration, and empty caches in front of it")
    if answer.headers.get("Access-Control-Allow-Origin") != "*":
        text, cure = f"{url} cannot be read by clients in browsers", "let the proxy keep Access-Control-Allow-Origin"
        return Finding(check="metadata", outcome="warning", text=text, cure=cure)
    return Finding(check="metadata", outcome="ok", text=f"{url} is what this app announces")


# -- clock --------------------------------------------------------------------------------------------------------


def _clock(answer: _Answer) -> Finding:
    theirs = parse_http_date(answer.headers.get("Date", ""), answer.received_at)
    if theirs is None:
        return Finding(check="clock", outcome="warning", text="the answer has no Date to compare with")
    early, late = (theirs - answer.received_at).total_seconds(), (theirs - answer.sent_at).total_seconds()
    skew = early if early > 0 else min(late, 0.0)
    if abs(skew) > MOST_SKEW:
        text = f"our clock differs by {abs(skew):.0f} s from the Date of the answer; {MOST_SKEW} s are allowed"
        return Finding(check="clock", outcome="failed", text=text, cure="synchronise both clocks (NTP)")
    return Finding(check="clock", outcome="ok", text=f"within {MOST_SKEW} s of the Date of the answer")


# -- proxy --------------------------------------------------------------------------------------------------------


def _proxy(app: Flask, site: Site, outside: Outside) -> Iterator[Finding]:
    seen = _asked(app, site, outside, {})
    if seen is None:
        text = "the server does not answer this app's probe"
        cure = "run the command with the SECRET_KEY, issuer and database of the server, and let the proxy pass POST"
        yield Finding(check="proxy", outcome="failed", text=text, cure=cure)
        return
    parts = urlsplit(outside.origin)
    yield _scheme(seen, parts.scheme)
    yield _host(seen, parts.netloc)
    yield _address(seen, parts.scheme)
    scheme = "http" if seen["scheme"] == "https" else "https"
    forged = _asked(app, site, outside, _forged_headers(scheme))
    if forged is None:
        text = "the server answers otherwise when a visitor sends forwarding headers, so it seems to believe them"
        cure = "let the proxy set these headers anew, and give ProxyFix the number of your proxies"
        yield Finding(check="forged-headers", outcome="warning", text=text, cure=cure)
    else:
        yield _trust(forged, scheme)


def _forged_headers(scheme: str) -> dict[str, str]:
    return {
        "X-Forwarded-For": _FORGED_ADDRESS,
        "X-Forwarded-Host": _FORGED_HOST,
        "X-Forwarded-Proto": scheme,
        "Forwarded": f"for={_FORGED_ADDRESS};host={_FORGED_HOST};proto={scheme}",
    }


def _asked(app: Flask, site: Site, outside: Outside, headers: Mapping[str, str]) -> dict[str, Any] | None:
    answer = outside.ask(site.prefix + PATH, new_probe(app, site), headers)
    try:
        return read_object(answer.body) if answer.status == 200 else None
    except StrictJSONError:
        return None


def _scheme(seen: Mapping[str, Any], expected: str) -> Finding:
    if seen["scheme"] == expected:
        return Finding(check="forwarded-proto", outcome="ok", text=f"the app sees {expected}")
    sent = seen["forwarded"].get("X-Forwarded-Proto")
    if sent == expected:
        cure = "use it: app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1)"
        text = f"the app sees {seen['scheme']}, although X-Forwarded-Proto says {expected}"
    else:
        cure = "let the proxy send X-Forwarded-Proto with the scheme of the visitor, and use ProxyFix(x_proto=1)"
        text = f"the app sees {seen['scheme']}, and X-Forwarded-Proto is {sent or 'not sent'}"
    return Finding(check="forwarded-proto", outcome="failed", text=text, cure=cure)


def _host(seen: Mapping[str, Any], expected: str) -> Finding:
    if seen["host"] == expected:
        return Finding(check="forwarded-host", outcome="ok", text=f"the app sees {expected}")
    sent = seen["forwarded"].get("X-Forwarded-Host")
    cure = "let the proxy pass Host on (nginx: proxy_set_header Host $host)"
    if sent == expected:
        cure = "use it: ProxyFix(x_host=1); or let the proxy pass Host on"
    text = f"the app sees {seen['host']}, and X-Forwarded-Host is {sent or 'not sent'}"
    return Finding(check="forwarded-host", outcome="failed", text=text, cure=cure)


def _address(seen: Mapping[str, Any], scheme: str) -> Finding:
    sent = seen["forwarded"].get("X-Forwarded-For")
    if sent is None:
        if seen["peer_scheme"] == scheme and not seen["forwarded"]:
            return Finding(check="forwarded-for", outcome="ok", text="no proxy stands before the server")
        text = "X-Forwarded-For is not sent: all visitors have the proxy's address, and limits count them as one"
        cure = "let the proxy send it, and use ProxyFix(x_for=1)"
        return Finding(check="forwarded-for", outcome="failed", text=text, cure=cure)
    # The command sends none itself, so the first entry is its own address.
    if seen["address"] == sent.split(",")[0].strip():
        return Finding(check="forwarded-for", outcome="ok", text="the app sees the visitor's address")
    text = "the app sees a proxy's address, although X-Forwarded-For arrives; limits count all visitors as one"
    cure = "use it: ProxyFix(x_for=1), with the number of your proxies"
    return Finding(check="forwarded-for", outcome="failed", text=text, cure=cure)


def _trust(seen: Mapping[str, Any], forged_scheme: str) -> Finding:
    believed = {
        "X-Forwarded-For": seen["address"] == _FORGED_ADDRESS,
        "X-Forwarded-Host": seen["host"] == _FORGED_HOST,
        "X-Forwarded-Proto": seen["scheme"] == forged_scheme,
    }
    if names := [name for name, is_believed in believed.items() if is_believed]:
        text = f"visitors can forge {', '.join(names)}"
        cure = "let the proxy set these headers anew, and give ProxyFix the number of your proxies"
        return Finding(check="forged-headers", outcome="failed", text=text, cure=cure)
    return Finding(check="forged-headers", outcome="ok", text="what visitors forge is not believed")
