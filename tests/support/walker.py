"""A person who presses through the pages of any server until it sends them back to the app."""

from __future__ import annotations

from urllib.parse import urljoin

import requests
from bs4 import BeautifulSoup, Tag

_MOST_STEPS = 20


class Walker:
    """A browser without JavaScript that fills in every form with what it was given.

    Args:
        verify: the trusted certificates.
        typed: values by the name of the field.
        presses: texts of buttons to prefer.
    """

    def __init__(self, verify: str, typed: dict[str, str], presses: tuple[str, ...] = ()) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = verify
        self._typed = typed
        self._presses = presses

    def walk(self, url: str, until: str) -> str:
        """Open a URL, and return the address below ``until`` that the person is sent to at last."""
        answer = self._get(url)
        for _ in range(_MOST_STEPS):
            if answer.is_redirect:
                target = urljoin(answer.url, answer.headers["Location"])
                if target.startswith(until):
                    return target
                answer = self._get(target)
            else:
                assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text[:2000]}"
                answer = self._submit(answer)
        raise AssertionError(f"still at {answer.url}")

    def _get(self, url: str) -> requests.Response:
        return self.session.get(url, timeout=20, allow_redirects=False)

    def _submit(self, page: requests.Response) -> requests.Response:
        form = BeautifulSoup(page.text, "lxml").find("form")
        assert isinstance(form, Tag), page.text[:2000]
        fields: dict[str, list[str]] = {}
        for field in form.find_all(["input", "textarea"]):
            name, kind = str(field.get("name", "")), str(field.get("type", "text"))
            if (
                not name
                or kind in ("submit", "button")
                or (kind in ("checkbox", "radio") and not field.has_attr("checked"))
            ):
                continue
            fields.setdefault(name, []).append(self._typed.get(name, str(field.get("value", ""))))
        buttons = form.find_all("button") + form.find_all("input", type="submit")
        shown = [(one, {one.get_text(strip=True), str(one.get("value"))}) for one in buttons]
        wanted = [one for one, texts in shown if texts & set(self._presses)]
        for pressed in (wanted or buttons)[:1]:
            if pressed.get("name"):
                fields[str(pressed["name"])] = [str(pressed.get("value", ""))]
        target = urljoin(page.url, str(form.get("action") or page.url))
        method = str(form.get("method", "get")).upper()
        data = {"data": fields} if method == "POST" else {"params": fields}
        headers = {"Referer": page.url, "Origin": "/".join(page.url.split("/")[:3])}
        return self.session.request(method, target, timeout=20, allow_redirects=False, headers=headers, **data)  # type: ignore[arg-type]  # the mapping holds values of several types
