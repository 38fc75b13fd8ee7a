"""The check of an app's address, step by step, as a sign-in would do it.

The owner sees at ``/explain`` what this site would do, its rules included. Strangers may check at ``/check`` if the
site lets them: theirs is the same check with the rules of any server, behind a limit, and nothing about this site or
its network is in it. Only such results get a link that others can open. A GET request never fetches anything.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, abort, current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response

from flask_cimd.core import network_of
from flask_cimd_site.account.login import is_logged_in, owner_only
from flask_cimd_site.check import results
from flask_cimd_site.check.chapters import chapters_of, outline
from flask_cimd_site.check.limit import CheckLimit
from flask_cimd_site.check.own import own_facts
from flask_cimd_site.counters import Counters
from flask_cimd_site.language import lazy_gettext as _
from flask_cimd_site.services import services

blueprint = Blueprint("explain", __name__)

_KEY = "site_check"
_MOST_CHARACTERS = 2048
_VERDICTS = {
    "usable": ("holds", _("This app can sign people in")),
    "refused": ("broken", _("Servers refuse this app")),
    "unreachable": ("broken", _("This app’s address could not be read")),
}
_OWN_VERDICTS = {
    **_VERDICTS,
    "usable": ("holds", _("This app can sign you in")),
    "refused": ("broken", _("This site refuses the app")),
}
_NOINDEX = {"X-Robots-Tag": "noindex, nofollow"}


def init_app(app: Flask, counters: Counters) -> None:
    """Set up the limit on the checks of strangers."""
    with app.app_context():
        configuration = services().configuration
    app.extensions[_KEY] = CheckLimit(counters, configuration.base_url, configuration.check_limit)


@blueprint.get("/explain")
@owner_only
def show() -> str:
    """Show the owner's form, filled in with the query's ``client_id``."""
    return _form()


@blueprint.post("/explain")
@owner_only
def run() -> str | Response:
    """Check an address with the owner's rules, or make a result that others may see."""
    return _run_for_owner()


@blueprint.get("/check")
def show_open() -> str:
    """Show the form to anybody whom the site lets check apps, filled in with the query's ``client_id``."""
    _require_open()
    return _form()


@blueprint.post("/check")
def run_open() -> str | Response:
    """Check an address: for strangers with the rules of any server and behind the limit."""
    _require_open()
    if is_logged_in():
        return _run_for_owner()
    client_id = _typed()
    if not client_id:
        return _form()
    limit: CheckLimit = current_app.extensions[_KEY]
    if not limit.charge():
        return _limited(client_id, limit.seconds)
    return _public_result(client_id)


@blueprint.get("/check/<name>")
def show_result(name: str) -> Response:
    """Show a stored result to whoever has its link."""
    kept = results.find(name)
    if kept is None:
        abort(404)
    is_over = kept.ends_at <= services().clock()
    if is_over:
        title = gettext("This result has ended")
        text = gettext("Results are kept for one week. Check the address again.")
        page = render_template("error.html", title=title, text=text, request_id="")
        return make_response(page, 410, _NOINDEX)
    page = _page(kept.found.client_id, found=kept.found, kept=kept, is_shared=True)
    return make_response(page, 200, _NOINDEX)


def _require_open() -> None:
    if not services().configuration.public_check and not is_logged_in():
        abort(404)


def _typed() -> str:
    return request.form.get("client_id", "").strip()[: _MOST_CHARACTERS + 1]


def _form() -> str:
    given = request.args.get("client_id", "").strip()
    return _page(given[:_MOST_CHARACTERS])


def _run_for_owner() -> str | Response:
    client_id = _typed()
    if not client_id:
        return _form()
    if "share" in request.form:
        return _public_result(client_id)
    found = services().cimd.explain(client_id)
    return _page(client_id, found=found, own=own_facts(client_id))


def _public_result(client_id: str) -> str | Response:
    """Check as for any stranger, and lead to the stored result."""
    here = services()
    found = here.cimd.explain(client_id, stranger=network_of(request.remote_addr))
    name = results.keep(found, here.clock())
    if name is None:
        return _page(client_id, found=found, is_shared=True)
    return redirect(url_for("explain.show_result", name=name), code=303)


def _limited(client_id: str, seconds: int) -> Response:
    minutes = -(-seconds // 60)
    wait = ngettext("Try again in %(num)s minute.", "Try again in %(num)s minutes.", minutes)
    refused = f"{gettext('Too many checks at once.')} {wait}"
    return make_response(_page(client_id, refused=refused), 429, {"Retry-After": str(seconds)})


def _page(client_id: str, *, found: Any = None, is_shared: bool = False, **values: Any) -> str:
    is_theirs = is_logged_in()
    verdicts = _VERDICTS if is_shared else _OWN_VERDICTS
    outcome, verdict = verdicts[found.verdict] if found else ("", "")
    if (
        found
        and found.verdict == "unreachable"
        and any(step.name == "response" and not step.rule for step in found.steps)
    ):
        verdict = gettext("This app’s keys could not be read")
    return render_template(
        "check.html",
        client_id=client_id,
        found=found,
        chapters=chapters_of(found) if found else outline(),
        outcome_of_all=outcome,
        verdict=verdict,
        is_shared=is_shared,
        can_check=is_theirs or services().configuration.public_check,
        action=url_for("explain.run" if is_theirs else "explain.run_open"),
        logged_in=is_theirs,
        **values,
    )
