"""Recognise bot-protection services that answer instead of a site."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.sentences import sentence

#: Header fields that a service adds to its challenges and refusals.
_FIELDS = {
    "cf-mitigated": "Cloudflare",
    "x-amzn-waf-action": "AWS WAF",
    "x-datadome": "DataDome",
    "x-sucuri-block": "Sucuri",
    "x-vercel-mitigated": "Vercel",
}
#: Prefixes of ``Server`` that identify a service in front of the site, which probably sent the refusal.
_SERVERS = {
    "akamaighost": "Akamai",
    "cloudflare": "Cloudflare",
    "ddos-guard": "DDoS-Guard",
    "imperva": "Imperva",
    "sucuri": "Sucuri",
}
_REFUSALS = frozenset({403, 405, 429, 503})


def bot_protection(status: int, headers: Mapping[str, str]) -> str | None:
    """Return a description of the bot protection that answered, without remote text, or ``None``.

    Args:
        status: HTTP status of the response.
        headers: header fields of the response, with lower-case names.
    """
    for field, service in _FIELDS.items():
        if field in headers:
            return sentence("a bot protection (%(service)s)", service=service)
    if status in _REFUSALS:
        server = headers.get("server", "").strip().lower()
        for beginning, service in _SERVERS.items():
            if server.startswith(beginning):
                return sentence("probably a bot protection (%(service)s)", service=service)
        if "x-iinfo" in headers:
            return sentence("probably a bot protection (%(service)s)", service="Imperva")
    return None
