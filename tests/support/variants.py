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


_START = "Continue only if you just started this sign-in yourself."
_NEW, _MET = "You have not approved this app before.", "You have approved this app before. The last time was on"
_REMEMBER = "Don’t ask again when this app asks for the same"
_NOTHING_CHECKED = "With nothing checked, the app is told that you said no."
_ACCESS = (
    "If you approve, the app can:",
    "Uncheck anything you don’t want to allow.",
    "You can revoke the access at any time under Apps .",
    "Access ends after",
)
_PROGRAM = "If you approve, a program on the computer you are using gets this access."
_ELSEWHERE = "which is not the site that publishes this app’s description"
_FIRST_TIME = ("A new app asks for access", _NEW, _START, _NOTHING_CHECKED, *_ACCESS)
#: Sentences of one variant, which no other may show.
_OF_ONE = {
    "sign-in-only": ("A new app asks who you are", "It learns your address,", "nothing to revoke"),
    "changed": (
        "This app has changed since you last approved it:",
        "It called itself Photos and now calls itself Photos Premium.",
        "Upload pictures to your site New media",
    ),
    "loopback-client": ("This app runs on your own computer and publishes no information about itself.",),
    "other-redirect-host": (f"You’ll be sent to collector.example.net, {_ELSEWHERE}.",),
    "look-alike": ("Some letters of this address may look like others.",),
    "unverified-name": ("See your handle and your DID on the AT Protocol", "You are owner.test did:web:", "2 weeks"),
    "trusted": ("This app is on this site’s list of trusted apps.",),
    "registered": ("This app registered itself, and nobody has checked its name.", "Registered here as registered-"),
}  # fmt: skip


def _variant(name: str, *texts: str, absent: tuple[str, ...] = (), **members: Any) -> Variant:
    """Return a variant that shows these sentences and its own of `_OF_ONE`, and none of other variants."""
    foreign = [text for other, own in _OF_ONE.items() if other != name for text in own]
    return Variant(texts=(*texts, *_OF_ONE.get(name, ())), absent=(*absent, *foreign), **members)


VARIANTS: Mapping[str, Variant] = {
    "sign-in-only": _variant(
        "sign-in-only", _NEW, _START, _REMEMBER, "It calls itself Guestbook",
        absent=(*_ACCESS, _NOTHING_CHECKED), ask=_plain("sign-in-only", "Guestbook", None), scopes=(),
    ),
    "scopes": _variant(
        "scopes", *_FIRST_TIME, _REMEMBER, "Publish new posts on your site create", "Delete posts on your site",
        ask=_plain("scopes", "Editor", _EDITING, grant_types=["authorization_code"]), scopes=tuple(_EDITING.split()),
    ),
    "new": _variant(
        "new", *_FIRST_TIME, _REMEMBER, "It calls itself Calendar", absent=(_MET,), ask=_plain("new", "Calendar")
    ),
    "known": _variant(
        "known", "An app asks for access", _MET, _REMEMBER, _NOTHING_CHECKED, *_ACCESS,
        absent=(_NEW, _START, "New"), ask=_known, acquaintance="met",
    ),
    "changed": _variant(
        "changed", _MET, "It can now also send you to collector.example.net.", *_ACCESS, absent=(_NEW, _START),
        ask=_changed, acquaintance="met", warnings=("changed",), scopes=("profile", "media"),
    ),
    "loopback": _variant(
        "loopback", *_FIRST_TIME, _PROGRAM, "You’ll be sent to 127. 0. 0. 1:7777", absent=(_REMEMBER,),
        ask=_plain("loopback", "Command line tool", redirect=REDIRECT), warnings=("loopback-redirect",),
    ),
    "loopback-client": _variant(
        "loopback-client", *_FIRST_TIME, absent=(_REMEMBER, "It calls itself"),
        ask=_loopback_client, warnings=("loopback-client",),
    ),
    "legacy-page": _variant(
        "legacy-page", *_FIRST_TIME, _REMEMBER, "The app’s address https://blog.example.com/",
        ask=_legacy_page, scopes=("profile", "create"),
    ),
    "unverified-name": _variant(
        "unverified-name", "A new app asks for access", _NEW, _START, *_ACCESS,
        absent=("Bluesky", "It calls itself", _NOTHING_CHECKED), ask=_unverified_name, scopes=("atproto", "profile"),
    ),
    "other-redirect-host": _variant(
        "other-redirect-host", *_FIRST_TIME, "You’ll be sent to collector. example. net", absent=(_REMEMBER,),
        ask=_plain("other-redirect-host", "Quiz", redirect=COLLECTOR), warnings=("other-redirect-host",),
    ),
    "look-alike": _variant(
        "look-alike", *_FIRST_TIME, "xn--gestbook-65a. example. com It calls itself Guestbook",
        ask=_plain("look-alike", "Guestbook"), warnings=("international-host",),
    ),
    "key-holding": _variant("key-holding", *_FIRST_TIME, _REMEMBER, "It calls itself Sync", ask=_key_holding),
    "trusted": _variant(
        "trusted", "An app asks for access", _REMEMBER, *_ACCESS, absent=(_NEW, _MET, _START),
        ask=_plain("trusted", "My own app"), acquaintance="trusted",
    ),
    "registered": _variant(
        "registered", *_FIRST_TIME, _PROGRAM, "It calls itself Assistant", absent=(_REMEMBER, "The app’s address"),
        ask=_registered, warnings=("registered-client", "loopback-redirect"),
    ),
}  # fmt: skip
