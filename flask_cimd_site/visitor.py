"""The sender of a request in few words: which browser, on which system, from which network; no versions, no address."""

from __future__ import annotations

from flask import has_request_context, request

from flask_cimd.core import network_of

#: Words of ``User-Agent`` in the order in which they decide: most browsers also name the browsers they imitate.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Vivaldi/": "Vivaldi",
    "SamsungBrowser/": "Samsung Internet",
    "FxiOS/": "Firefox",
    "Firefox/": "Firefox",
    "CriOS/": "Chrome",
    "Chromium/": "Chromium",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
    "python-requests/": "Python",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def browser_name(user_agent: str) -> str:
    """Return such as ``Firefox on Linux``, at most 40 characters; nothing of the text itself is in it."""
    browser = _first(_BROWSERS, user_agent) or "Another program"
    system = _first(_SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def browser() -> str:
    """Return the browser of the current request, or an empty text outside a request."""
    return browser_name(request.headers.get("User-Agent", "")) if has_request_context() else ""


def network() -> str:
    """Return the network of the current request: an IPv4 /24 or an IPv6 /48; empty outside a request."""
    return network_of(request.remote_addr, ipv4_prefix=24, ipv6_prefix=48) if has_request_context() else ""


def _first(names: dict[str, str], user_agent: str) -> str:
    return next((name for word, name in names.items() if word in user_agent), "")
