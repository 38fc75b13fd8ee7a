"""Every variant of the consent page: which app asks, and what has to have happened before it does.

A demo with `environment` finds the apps of all variants at one origin on this computer, under names of their own::

    with served_apps(ca) as apps, demo_in_process(url, ca_bundle, **environment(apps)) as site:
        page = VARIANTS["changed"].open(Stage(site, apps))         # the consent page of a fresh browser
        address = VARIANTS["changed"].address(Stage(site, apps))   # or its address, for Chromium

The variants do not share an app, so one demo shows all of them, and each as often as a test likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests
import trustme

from .browser import REDIRECT, Browser, SignIn, Site
from .demo import RunningDemo
from .dpop import ProofKey
from .hosts import Hosts
from .keys import make_key

NAMES = {
    "sign-in-only": "guestbook.example.com",
    "scopes": "editor.example.com",
    "new": "calendar.example.com",
    "known": "reader.example.com",
    "changed": "photos.example.com",
    "loopback": "tool.example.com",
    "legacy-page": "blog.example.com",
    "unverified-name": "social.example.com",
    "other-redirect-host": "quiz.example.com",
    "look-alike": "xn--gestbook-65a.example.com",
    "key-holding": "sync.example.com",
    "trusted": "trusted.example.com",
}
COLLECTOR = "https://collector.example.net/signed-in"
_NO_STORE = {"Cache-Control": "no-store"}
_EDITING = "profile create update delete media"


def served_apps(ca: trustme.CA) -> Hosts:
    """Return the origin of all apps; enter it as a context."""
    return Hosts(ca, *NAMES.values())


def environment(apps: Hosts) -> dict[str, str]:
    """Return the variables with which a demo in development mode finds the apps of all variants."""
    hosts = ",".join(f"{name}=127.0.0.1:{apps.port}" for name in NAMES.values())
    return {
        "CIMD_DEVELOPMENT_HOSTS": hosts,
        "CIMD_TRUSTED_HOSTS": NAMES["trusted"],
        "DEMO_DYNAMIC_REGISTRATION": "1",
    }


@dataclass(frozen=True, slots=True)
class Stage:
    """A demo and the origin of the apps that ask it."""

    site: Site | RunningDemo
    apps: Hosts

    @property
    def now(self) -> datetime:
        """The site's time."""
        return self.site.clock() if isinstance(self.site, Site) else datetime.now(UTC)

    def publish(self, variant: str, name: str | None, *, redirect: str | None = None, **members: Any) -> str:
        """Publish the document of a variant's app, and return its ``client_id``."""
        client_id = f"https://{NAMES[variant]}/client.json"
        usual = {
            "client_id": client_id,
            "client_uri": f"https://{NAMES[variant]}/",
            "redirect_uris": [redirect or self.callback(variant)],
            "grant_types": ["authorization_code", "refresh_token"],
        }
        self.apps.json(client_id, headers=_NO_STORE, **{"client_name": name, **usual, **members})
        return client_id

    @staticmethod
    def callback(variant: str) -> str:
        """Return the redirect URI at the app's own host."""
        return f"https://{NAMES[variant]}/signed-in"


#: Publishes what a variant needs, and returns the parameters of the authorization request.
Ask = Callable[[Stage], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One variant of the page.

    Attributes:
        ask: publishes the app and returns the parameters of its request.
        warnings: slugs of the warnings that the page must show, in their order.
        acquaintance: ``new``, ``met`` or ``trusted``.
        scopes: check boxes.
        texts: sentences or words that the page must have.
        absent: those that it must not have.
    """

    ask: Ask
    warnings: tuple[str, ...] = ()
    acquaintance: str = "new"
    scopes: tuple[str, ...] = ("profile",)
    texts: Iterable[str] = field(default=())
    absent: Iterable[str] = field(default=())

    def address(self, stage: Stage) -> str:
        """Return the absolute address of the page, for a browser that is logged in as the owner."""
        return f"{stage.site.base_url}/authorize?{urlencode(self.ask(stage))}"

    def open(self, stage: Stage, owner: Browser | None = None) -> requests.Response:
        """Open the page as the owner."""
        page = (owner or stage.site.owner()).get(self.address(stage))
        assert page.status_code == 200, page.text
        return page


def _begin(client_id: str, redirect_uri: str, scope: str | None = "profile") -> dict[str, str]:
    return SignIn.begin(client_id, redirect_uri, scope=scope).parameters


def _plain(variant: str, name: str, scope: str | None = "profile", **members: Any) -> Ask:
    def ask(stage: Stage) -> Mapping[str, str]:
        redirect = members.get("redirect") or stage.callback(variant)
        return _begin(stage.publish(variant, name, **members), redirect, scope)

    return ask


def _approve(stage: Stage, client_id: str, redirect_uri: str, scope: str = "profile") -> None:
    sign_in = SignIn.begin(client_id, redirect_uri, scope=scope)
    owner = stage.site.owner()
    assert "code" in owner.approve(owner.authorize(sign_in))


def _known(stage: Stage) -> Mapping[str, str]:
    client_id, callback = stage.publish("known", "Reader"), stage.callback("known")
    _approve(stage, client_id, callback)
    return _begin(client_id, callback)


def _changed(stage: Stage) -> Mapping[str, str]:
    callback = stage.callback("changed")
    client_id = stage.publish("changed", "Photos")
    _approve(stage, client_id, callback)
    stage.publish("changed", "Photos Premium", redirect_uris=[callback, COLLECTOR])
    return _begin(client_id, callback, "profile media")


def _loopback_client(stage: Stage) -> Mapping[str, str]:
    return _begin("http://localhost:8080/", "http://localhost:8080/signed-in")


def _legacy_page(stage: Stage) -> Mapping[str, str]:
    client_id = f"https://{NAMES['legacy-page']}/"
    app = '<div class="h-app"><a class="u-url p-name" href="/">Blog</a></div>'
    stage.apps.page(client_id, f"<title>Blog</title><body>{app}</body>", Cache_Control="no-store")
    return _begin(client_id, stage.callback("legacy-page"), "profile create")


def _unverified_name(stage: Stage) -> Mapping[str, str]:
    client_id = stage.publish(
        "unverified-name",
        "Bluesky",
        application_type="web",
        response_types=["code"],
        scope="atproto profile",
        token_endpoint_auth_method="none",
        dpop_bound_access_tokens=True,
    )
    form = _begin(client_id, stage.callback("unverified-name"), "atproto profile")
    return {"client_id": client_id, "request_uri": _pushed(stage, form)}


def _pushed(stage: Stage, form: Mapping[str, str]) -> str:
    """Push a request with a DPoP proof, once more with the nonce that the first answer brings."""
    browser, key, nonce = stage.site.browser(), ProofKey(), None
    for _ in range(2):
        proof = key.proof("POST", f"{stage.site.base_url}/par", stage.now, nonce=nonce)
        pushed = browser.post("/par", form, headers={"DPoP": proof})
        nonce = pushed.headers.get("DPoP-Nonce")
    assert pushed.status_code == 201, pushed.text
    return str(pushed.json()["request_uri"])


def _key_holding(stage: Stage) -> Mapping[str, str]:
    key = {**make_key("ES256").as_dict(private=False), "kid": "one"}
    client_id = stage.publish("key-holding", "Sync", token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key]})
    return _begin(client_id, stage.callback("key-holding"))


def _registered(stage: Stage) -> Mapping[str, str]:
    members = {"client_name": "Assistant", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
    registered = stage.site.browser().request("POST", "/register", json=members)
    assert registered.status_code == 201, registered.text
    return _begin(registered.json()["client_id"], REDIRECT)


VARIANTS: Mapping[str, Variant] = {
    "sign-in-only": Variant(ask=_plain("sign-in-only", "Guestbook", None), scopes=()),
    "scopes": Variant(
        ask=_plain("scopes", "Editor", _EDITING, grant_types=["authorization_code"]), scopes=tuple(_EDITING.split())
    ),
    "new": Variant(ask=_plain("new", "Calendar")),
    "known": Variant(ask=_known, acquaintance="met"),
    "changed": Variant(ask=_changed, acquaintance="met", warnings=("changed",), scopes=("profile", "media")),
    "loopback": Variant(
        ask=_plain("loopback", "Command line tool", redirect=REDIRECT), warnings=("loopback-redirect",)
    ),
    "loopback-client": Variant(ask=_loopback_client, warnings=("loopback-client",)),
    "legacy-page": Variant(ask=_legacy_page, scopes=("profile", "create")),
    "unverified-name": Variant(ask=_unverified_name, scopes=("atproto", "profile"), absent=("Bluesky",)),
    "other-redirect-host": Variant(
        ask=_plain("other-redirect-host", "Quiz", redirect=COLLECTOR), warnings=("other-redirect-host",)
    ),
    "look-alike": Variant(ask=_plain("look-alike", "Guestbook"), warnings=("international-host",)),
    "key-holding": Variant(ask=_key_holding),
    "trusted": Variant(ask=_plain("trusted", "My own app"), acquaintance="trusted"),
    "registered": Variant(ask=_registered, warnings=("registered-client", "loopback-redirect")),
}
