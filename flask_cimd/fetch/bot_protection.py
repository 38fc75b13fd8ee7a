"""Recognise the services that answer in place of a site because they take this server for a bot."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.sentences import sentence

#: Header fields that a service adds to a challenge or a refusal of its own.
_FIELDS = {
    "cf-mitigated": "Cloudflare",
    "x-amzn-waf-action": "AWS WAF",
    "x-datadome": "DataDome",
    "x-sucuri-block": "Sucuri",
    "x-vercel-mitigated": "Vercel",
}
#: Beginnings of ``Server`` that mean a service in front of the site: together with a refusal, most likely its own.
_SERVERS = {
    "akamaighost": "Akamai",
    "cloudflare": "Cloudflare",
    "ddos-guard": "DDoS-Guard",
    "imperva": "Imperva",
    "sucuri": "Sucuri",
}
_REFUSALS = frozenset({403, 405, 429, 503})


def bot_protection(status: int, headers: Mapping[str, str]) -> str | None:
    """Return which bot protection answered, in words of ours, or ``None`` if the response shows none.

    Args:
        status: of the response.
        headers: with lower-case names.
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
