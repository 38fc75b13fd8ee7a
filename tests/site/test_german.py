"""A German browser gets German pages: no sentence stands on them in English, and none passes by the catalogue."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from babel.messages.pofile import read_po
from flask import Flask, render_template

from flask_cimd import CIMD, errors
from flask_cimd.clients import Explanation
from flask_cimd.core import Sentence
from tests.support.browser import Browser, Site, publish_client, soup
from tests.support.demo import ROOT, demo_in_process
from tests.support.origin import TLSOrigin
from tests.support.variants import VARIANTS, Stage, environment, served_apps
from tools import catalogue

GERMAN = {"Accept-Language": "de"}
#: Belongs to a sample app.
SAMPLES = {"editor.html"}
_JINJA = re.compile(r"\{#.*?#\}|\{%-?\s*trans\b.*?endtrans\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_SHOWN_ATTRIBUTES = re.compile(r'\b(?:alt|aria-label|title)="([^"]*)"|<input type="submit"[^>]* value="([^"]*)"')
#: Names, and words of programs, that are the same in every language.
_NAMES = re.compile(
    r"<[^>]*>|aria-\S+|&\w+;|flask-cimd-site owner recover|Authorization: Bearer|CSV|JSON|https?://\S+|link rel|href"
)
#: Explanations say in their own words what a server sent; this alone is no sentence of ours.
_REMOTE_STEPS = {"headers"}


@cache
def messages() -> dict[str, str]:
    """Return the German translation of every message, in all its forms."""
    file = catalogue.TRANSLATIONS / "de/LC_MESSAGES/messages.po"
    found: dict[str, str] = {}
    for message in read_po(BytesIO(file.read_bytes())):
        if message.id:
            ids, texts = (one if isinstance(one, tuple) else (one,) for one in (message.id, message.string))
            found |= dict(zip(ids, texts, strict=False))
    return found


@cache
def english() -> list[re.Pattern[str]]:
    """Return patterns of the messages whose translation differs: short ones as a whole text, others anywhere."""
    patterns = []
    for text, translation in messages().items():
        plain = re.sub(r"<[^>]+>", "", text)
        parts = [re.escape(part) for part in re.split(r"%\(\w+\)[sd]", plain)]
        if text != translation and max(len(part) for part in parts) > 3:
            pattern = ".+?".join(parts)
            patterns.append(re.compile(pattern if len(plain) > 14 and " " in plain else rf"^{pattern}$"))
    return patterns


def english_on(page: requests.Response | str) -> list[str]:
    """Return the texts of a page that hold an English message."""
    text = page if isinstance(page, str) else page.text
    texts = {" ".join(node.split()) for node in soup(_Page(text)).find_all(string=True)}
    return sorted(text for text in texts if text and any(pattern.search(text) for pattern in english()))


class _Page:
    def __init__(self, text: str) -> None:
        self.text = text


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA, ca_bundle: Path) -> Iterator[Stage]:
    url = f"sqlite:///{tmp_path_factory.mktemp('german')}/demo.db"
    with (
        served_apps(ca) as apps,
        demo_in_process(url, ca_bundle, DEMO_PUBLIC_CHECK="1", **environment(apps)) as site,
    ):
        yield Stage(site, apps)


def german(browser: Browser) -> Browser:
    browser.session.headers.update(GERMAN)
    return browser


def of_site(stage: Stage) -> Site:
    assert isinstance(stage.site, Site)
    return stage.site


# -- what stands in templates and programs --------------------------------------------------------------------------


def templates() -> list[Path]:
    found = [path for folder in ("flask_cimd", "flask_cimd_site") for path in (ROOT / folder).rglob("*.html")]
    return sorted(path for path in found if path.name not in SAMPLES)


def test_no_template_holds_a_word_outside_the_catalogue() -> None:
    loose = {}
    for path in templates():
        text = _JINJA.sub(" ", path.read_text(encoding="utf-8"))
        shown = " ".join(value for pair in _SHOWN_ATTRIBUTES.findall(text) for value in pair)
        words = re.findall(r"[A-Za-z]{2,}", _NAMES.sub(" ", text) + " " + _NAMES.sub(" ", shown))
        if words:
            loose[path.name] = words
    assert loose == {}


def test_the_check_of_templates_sees_a_loose_word() -> None:
    assert re.findall(r"[A-Za-z]{2,}", _NAMES.sub(" ", _JINJA.sub(" ", '<p>{{ _("Yes") }} No</p>'))) == ["No"]


@pytest.mark.parametrize("folder", ["core", "fetch", "clients"])
def test_no_message_of_the_rules_is_put_together_where_no_catalogue_sees_it(folder: str) -> None:
    found = []
    for path in sorted((ROOT / "flask_cimd" / folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                place = {"Problem": 2, "add": 2, "StrictJSONError": 1, "ImageError": 0}.get(name)
                told = [node.args[place]] if place is not None and len(node.args) > place else []
                told += [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
                found += [f"{path.name}:{one.lineno}" for one in told if isinstance(one, ast.JoinedStr)]
    headers = [place for place in found if place.startswith("explained_fetch.py")]
    assert found == headers
    assert len(headers) == (1 if folder == "clients" else 0)  # name and value of a header field


# -- explanations ---------------------------------------------------------------------------------------------------

DOCUMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"client_name": None, "redirect_uris": ["https://a.example/cb", "javascript:x", "app:/cb", "http://a.example/"]},
    {"client_secret": "x", "token_endpoint_auth_method": "client_secret_basic", "redirect_uris": "x", "scope": '"'},
    {"jwks": {"keys": 1}, "token_endpoint_auth_method": "private_key_jwt"},
    {"jwks": {"keys": [{"kty": "oct", "k": "x"}]}, "jwks_uri": "http://x", "application_type": 5},
    {"logo_uri": "https://localhost:1/logo.png", "client_uri": "x", "tos_uri": 5, "unknown": 1, "policy_uri": None},
    {"scope": "atproto", "grant_types": ["implicit", "refresh_token"], "response_types": ["token"]},
    {"client_id": "https://other.example/", "dpop_bound_access_tokens": "yes", "grant_types": "x"},
    {"token_endpoint_auth_methods_supported": ["tls_client_auth"]},
    {"jwks_uri": "https://localhost:1/jwks.json", "token_endpoint_auth_method": "private_key_jwt"},
)
IDENTIFIERS = (
    "http://app.example/", "https://app.example", "https://app.example/#x", "https://app.example/../x", "https:///x",
    "https://u@app.example/", "https://127.0.0.1/x", "https://app/x", "https://app.example:0/", "https://app.example/%",
    "https://app.example/[", "https://[x/", "http://localhost?x=1", "http://localhost:3000/", "https://app.example/ü",
    "https://app.example/" + "x" * 3000, "https://name.invalid/x", "https://denied.example/x",
)  # fmt: skip
RESPONSES = (
    (200, "text/plain", b"{}"), (302, "text/html", b""), (403, "text/html", b""), (500, "text/html", b""),
    (200, "application/json", b"{"), (200, "application/json", b"[]"), (200, "application/json", b"\xff"),
    (200, "application/json", b'{"a":1,"a":2}'), (200, "application/json", b"[" * 100),
    (200, "application/json", b" " * 6000), (200, "application/json", b"NaN"), (200, "text/html", b"<title>x</title>"),
)  # fmt: skip


def explanations(cimd: CIMD, origin: TLSOrigin) -> Iterator[Explanation]:
    told = [cimd.explain(one) for one in IDENTIFIERS]
    for members in DOCUMENTS:
        client_id = publish_client(origin, **members)
        told += [cimd.explain(client_id), cimd.explain(client_id, stranger="")]
    for status, media_type, body in RESPONSES:
        url = origin.serve("/x", body, status=status, headers={"Content-Type": media_type, "cf-mitigated": "challenge"})
        told.append(cimd.explain(url))
    yield from told


def sentences_of(text: str) -> Iterator[Sentence | str]:
    yield text
    if isinstance(text, Sentence):
        for value in text.values.values():
            if isinstance(value, Sentence):
                yield from sentences_of(value)


def test_every_sentence_of_an_explanation_is_in_the_catalogue(stage: Stage, origin: TLSOrigin) -> None:
    loose: set[str] = set()
    with of_site(stage).app.test_request_context():
        found = list(explanations(of_site(stage).app.extensions["cimd"], origin))
    for one in found:
        texts = [text for step in one.steps if step.name not in _REMOTE_STEPS for text in (step.text, step.help)]
        texts += [text for family in one.families for text in (*family.obstacles, *family.remarks)]
        for text in texts:
            for part in sentences_of(text):
                template = part.template if isinstance(part, Sentence) else part
                if template and template not in messages():
                    loose.add(template)
    assert loose == set()
    assert {one.verdict for one in found} == {"usable", "refused", "unreachable"}


def test_the_page_of_a_check_is_german(stage: Stage, origin: TLSOrigin) -> None:
    owner, stranger = german(of_site(stage).owner()), german(of_site(stage).browser())
    found = {}
    broken = publish_client(origin, **DOCUMENTS[2])
    for client_id in (publish_client(origin, "/fine.json"), broken, "https://app.example/#x", origin.url("/none")):
        found[client_id] = english_on(owner.press(owner.get("/explain"), "Prüfen", client_id=client_id))
        answer = stranger.press(stranger.get("/check"), "Prüfen", client_id=client_id)
        found["stranger " + client_id] = english_on(stranger.get(answer.headers["Location"]))
    assert not any(found.values()), found


# -- all other pages ------------------------------------------------------------------------------------------------


def test_no_page_of_the_site_is_partly_english(stage: Stage) -> None:
    owner, stranger = german(of_site(stage).owner()), german(of_site(stage).browser())
    found: dict[str, list[str]] = {}
    for rule in of_site(stage).app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.arguments:
            continue
        for browser in (owner, stranger):
            page = browser.get(rule.rule)
            if page.headers["Content-Type"].startswith("text/html") and page.status_code != 303:
                found[rule.rule] = found.get(rule.rule, []) + english_on(page)
    found["404"] = english_on(stranger.get("/nothing"))
    found["400"] = english_on(stranger.post("/login", {}))
    assert len(found) > 20
    assert not any(found.values()), {path: texts for path, texts in found.items() if texts}


def test_no_consent_page_is_partly_english(stage: Stage) -> None:
    owner = german(of_site(stage).owner())
    found = {name: english_on(variant.open(stage, owner)) for name, variant in VARIANTS.items()}
    found["apps"] = english_on(owner.get("/apps"))
    assert not any(found.values()), found


def every_error() -> list[errors.CIMDError]:
    kinds, found = [errors.CIMDError], list[errors.CIMDError]()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        for slug in kind.slugs:
            if kind is errors.DocumentError:
                found.append(
                    errors.DocumentError("https://app.example/c", (errors.Problem("/x", "y", "must be true"),))
                )
            elif kind.__module__ == "flask_cimd.errors":
                found.append(kind(slug, "https://app.example/c"))
    return found


def test_the_page_of_every_error_is_german_for_the_owner_and_for_others(stage: Stage) -> None:
    from flask_cimd.clients.error_page import reasons

    found = {}
    app = of_site(stage).app
    for error in every_error():
        error.host = "app.example"
        for is_owner in (True, False):
            with app.test_request_context(headers=GERMAN):
                values = {"error": error, "reasons": reasons(error), "app_site": None, "request_id": "1"}
                page = render_template("flask_cimd/error.html", is_owner=lambda: is_owner, **values)  # noqa: B023
            found[f"{type(error).__name__} {error.slug} {is_owner}"] = english_on(page)
    assert not any(found.values()), {name: texts for name, texts in found.items() if texts}


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("error.html", {"error": errors.RequestError("missing-client-id"), "app_site": None, "request_id": "1"}),
        ("form_post.html", {"action": "https://app.example/", "members": (("code", "x"),)}),
        ("sign_in.html", {"action": "/", "address": "", "problem": "The server could not sign you in."}),
    ],
)
def test_the_library_s_own_pages_are_german_with_babel_and_english_without(
    template: str, values: dict[str, Any]
) -> None:
    plain = Flask("plain")
    CIMD(plain)
    with plain.test_request_context(headers=GERMAN):
        text = render_template(f"flask_cimd/{template}", **values)
    assert english_on(text)
    assert '<html lang="en">' in text
    translated = Flask("translated", root_path=str(ROOT / "flask_cimd_site"), template_folder="none")
    from flask_cimd_site import language

    language.init_app(translated)
    CIMD(translated)
    with translated.test_request_context(headers=GERMAN):
        text = render_template(f"flask_cimd/{template}", **values)
    assert english_on(text) == []
    assert '<html lang="de">' in text


def test_the_refusal_of_a_request_is_german(stage: Stage) -> None:
    owner = german(of_site(stage).owner())
    parameters = dict(VARIANTS["new"].ask(stage))
    page = owner.get("/authorize", params={**parameters, "code_challenge_method": "plain"})
    assert (page.status_code, english_on(page)) == (400, [])
