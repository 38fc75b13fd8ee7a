"""Walks a sign-in against an app with a provider, as a client and a person's browser would."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask
from flask.testing import FlaskClient

from ._client_origin import DocumentClient


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """The outcome of a sign-in.

    Attributes:
        answer: parameters of the redirect to the client: ``code``, ``state`` and ``iss``, or ``error``.
        tokens: the token answer; empty if the person denied, or if no token was granted.
        browser: the person's browser, still logged in.
    """

    answer: dict[str, str]
    tokens: dict[str, Any] = field(default_factory=dict)
    browser: FlaskClient


def sign_in(
    app: Flask,
    client: DocumentClient,
    *,
    log_in: Callable[[FlaskClient], Any] | None = None,
    approve: bool = True,
    scope: str = "profile",
    prefix: str = "",
    **parameters: str,
) -> SignedIn:
    """Sign in to ``app`` with ``client``, and check every answer on the way.

    Args:
        app: an app with a `flask_cimd.provider.Provider`.
        client: made by `ClientOrigin.publish`.
        log_in: logs the browser in, for example ``lambda browser: browser.post("/login", data={...})``.
        approve: press Approve, or Deny.
        scope: scopes to request, separated by spaces.
        prefix: ``url_prefix`` of the provider.
        parameters: further parameters of the authorization request, such as ``resource``.

    Raises:
        AssertionError: an answer is not what a client needs; the message holds the page.
    """
    browser, verifier, state = app.test_client(), generate_token(64), secrets.token_urlsafe(16)
    if log_in is not None:
        log_in(browser)
    request = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state,
        "scope": scope,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
        **parameters,
    }
    page = browser.get(f"{prefix}/authorize", query_string=request)
    assert page.status_code == 200, f"no consent page: {page.status} {page.text}"
    answer = _decide(browser, page.text, f"{prefix}/consent", approve=approve)
    assert answer.get("state") == state, f"the answer belongs to another request: {answer}"
    if "code" not in answer:
        return SignedIn(answer=answer, browser=browser)
    redeemed = app.test_client().post(
        f"{prefix}/token",
        data={
            "grant_type": "authorization_code",
            "code": answer["code"],
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        },
    )
    assert redeemed.status_code == 200, f"the code is not redeemed: {redeemed.text}"
    return SignedIn(answer=answer, tokens=redeemed.get_json(), browser=browser)


def _decide(browser: FlaskClient, page: str, action: str, *, approve: bool) -> dict[str, str]:
    form = _Form(page)
    assert form.fields, f"the page holds no consent form: {page}"
    data: Mapping[str, Any] = {**form.fields, "decision": "approve" if approve else "deny"}
    decided = browser.post(form.action or action, data=data)
    assert decided.status_code == 303, f"the decision is not taken: {decided.status} {decided.text}"
    return dict(parse_qsl(urlsplit(decided.headers["Location"]).query, keep_blank_values=True))


class _Form(HTMLParser):
    """Reads the fields that a browser would send with the form of the consent page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, list[str]] = {}
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self._is_inside = "consent" in (values.get("action") or "")
            self.action = values.get("action") if self._is_inside else self.action
        elif tag == "input" and self._is_inside and values.get("name") and _is_sent(values):
            self.fields.setdefault(str(values["name"]), []).append(values.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_inside = self._is_inside and tag != "form"


def _is_sent(values: Mapping[str, str | None]) -> bool:
    return values.get("type") != "checkbox" or ("checked" in values and "disabled" not in values)
