"""The section of a specification that each check of an explanation rests on; those of CIMD are of draft -03."""

from __future__ import annotations

from collections.abc import Mapping

#: By slug of the rule; what is not here has the section of its step.
_OF_RULES: Mapping[str, str] = {
    "other-site": "CIMD §9.1",
    "other-origin": "CIMD §9.1",
    "keys-missing": "CIMD §9.2",
    "unsupported": "CIMD §6",
    "not-in-list": "CIMD §6",
    "shared-secret": "CIMD §4.1",
    "secret-published": "CIMD §4.1",
    "private-key": "CIMD §4.1",
    "symmetric-key": "CIMD §4.1",
    "jwks-and-jwks-uri": "RFC 7591 §2",
    "fragment": "RFC 6749 §3.1.2",
    "insecure": "RFC 8252 §7.3",
    "dotless-scheme": "RFC 8252 §8.4",
    "address-blocked": "CIMD §9.6",
    "no-public-address": "CIMD §9.6",
    "too-large": "CIMD §9.7",
    "media-type": "CIMD §4",
    "truncated": "RFC 9112 §8",
    "bad-response": "RFC 9112 §8",
    "redirect": "CIMD §5",
    "status": "CIMD §5",
    "not-an-object": "CIMD §4",
    "not-utf-8": "RFC 8259 §8.1",
    "not-json": "RFC 8259 §2",
    "duplicate-member": "RFC 8259 §4",
    "not-a-number": "RFC 8259 §6",
    "lone-surrogate": "RFC 8259 §8.2",
    "ignored": "RFC 7591 §2",
}
#: Rules of this package alone, which keep a server alive.
_OWN = frozenset(
    {"deadline", "too-many-fetches", "too-many-fetches-of-site", "too-many-look-ups", "too-many-not-found",
     "backing-off", "port-blocked", "content-coding", "logos-off", "not-a-picture"}
)  # fmt: skip
_OF_STEPS: Mapping[str, str] = {
    "identifier": "CIMD §3",
    "policy": "CIMD §9.9",
    "resolve": "CIMD §9.6",
    "connect": "CIMD §9.6",
    "tls": "RFC 9110 §4.3.4",
    "response": "CIMD §5",
    "lifetime": "CIMD §5.2",
    "page": "IndieAuth §4.2",
    "authentication": "CIMD §9.2",
    "keys": "CIMD §9.6",
    "logo": "CIMD §9.8",
    "client_id": "CIMD §4",
    "redirect_uris": "CIMD §4.2",
    "logo_uri": "CIMD §9.8",
    "token_endpoint_auth_method": "CIMD §4.1",
    "token_endpoint_auth_methods_supported": "CIMD §6",
    "jwks": "CIMD §4.1",
    "jwks_uri": "CIMD §9.2",
}
_ADDRESSES = {
    "CIMD": "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document-03#section-",
    "IndieAuth": "https://indieauth.spec.indieweb.org/",
}


def section_of(step: str, rule: str) -> str:
    """Return the section behind a check, such as ``CIMD §4.2``; empty if no specification asks for it.

    Args:
        step: name of the step; for members, a JSON pointer.
        rule: slug of the rule that is broken, or ``""``.
    """
    if rule in _OWN or step == "headers":
        return ""
    name = step.strip("/").partition("/")[0]
    if name == "identifier":  # a fragment of a redirect URI is another matter
        return _OF_STEPS[name]
    is_member = step.startswith("/")
    return _OF_RULES.get(rule) or _OF_STEPS.get(name) or ("RFC 7591 §2" if is_member and name else "CIMD §4")


def address_of(section: str) -> str:
    """Return the address of a section on the web; empty for an empty section."""
    name, _, number = section.partition(" §")
    if name.startswith("RFC "):
        return f"https://www.rfc-editor.org/rfc/rfc{name[4:]}#section-{number}"
    base = _ADDRESSES.get(name, "")
    return base + number if base.endswith("-") else base
