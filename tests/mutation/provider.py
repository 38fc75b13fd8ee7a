"""Mutants of the provider: pages, decisions, hooks and storage."""

from __future__ import annotations

from .mutant import Mutant, mutants

_SIGN_IN = "tests/provider/test_sign_in.py"
_SET_UP = "tests/provider/test_setup.py"
_STORAGE = "tests/provider/test_storage.py tests/provider/test_models.py"
_CONSENT = "tests/provider/test_consent.py"
_GUARDS = "tests/provider/test_authorization.py tests/provider/test_sign_in.py"


def _guard(name: str) -> str:
    return f"tests/provider/test_authorization.py::test_{name}"


def _contract(name: str) -> str:
    return f"tests/provider/test_storage.py::TestSQLAlchemyStorage::test_{name}"


def _walk(name: str) -> str:
    return f"{_SIGN_IN}::test_{name}"


CONSENT = mutants(
    "flask_cimd/provider/consent.py",
    _CONSENT,
    [
        ("is_fixed=word == ATPROTO,", "is_fixed=False,"),
        ("        is_verified=shows_names(asked, tier),\n", "        is_verified=True,\n"),
        ("return not asks_for_atproto(asked.scope) or tier is Tier.TRUSTED", "return True"),
        ("return not asks_for_atproto(asked.scope) or tier is Tier.TRUSTED", "return not asks_for_atproto(asked.scope)"),
        ("    if tier is Tier.TRUSTED:\n        return \"trusted\"\n", ""),
        ('return "new" if approved is None else "met"', 'return "met"'),
        ('return "new" if approved is None else "met"', 'return "new"'),
        ("    if approved is None or approved.client is None:\n", "    if approved is None:\n"),
        ("    found = changes(approved.client, client)\n", "    found = changes(client, client)\n"),
        ('if with_name or change.slug != "changed-name")', "if True)"),
    ],
)  # fmt: skip

AUTHORIZATION = mutants(
    "flask_cimd/provider/authorization.py",
    _GUARDS,
    [
        ("        site.server.check_authorization_request()\n", "", _guard("a_client_that_is_refused_anyway_sends_nobody_to_the_log_in")),
        ("        if subject is None:\n            return self._log_in(again=False)\n", "", _walk("a_long_request_waits_on_the_server_while_its_sender_logs_in")),
        ("        if asked.max_age is not None:\n", "        if False:\n", _guard("a_log_in_of_unknown_age_is_not_fresh")),
        ("            if not is_fresh:\n", "            if True:\n", _guard("a_log_in_is_fresh_until_it_is_as_old_as_max_age")),
        ("return self._log_in(again=True)", "return self._log_in(again=False)", _guard("a_log_in_of_unknown_age_is_not_fresh")),
        ("        if query is None:\n", "        if False:\n", _walk("a_waiting_request_is_bound_to_the_browser_that_began_it")),
        ("            return False, False\n", "            return True, False\n", _guard("a_log_in_of_unknown_age_is_not_fresh")),
        ("is_fresh = age < max_age or (", "is_fresh = age <= max_age or (", _guard("a_log_in_is_fresh_until_it_is_as_old_as_max_age")),
        ("is_fresh = age < max_age or (", "is_fresh = (", _guard("a_log_in_is_fresh_until_it_is_as_old_as_max_age")),
        ("or (since is not None and logged_in_at >= since)", "or since is not None", _guard("a_log_in_before_the_request_was_parked_does_not_answer_it")),
        ("or (since is not None and logged_in_at >= since)", "", _walk("prompt_login_asks_for_a_log_in_made_for_this_request")),
        ("        if allowed is None:\n            return self._silently_denied(asked, subject, None)\n", "        allowed = allowed or asked\n", _guard("what_a_tier_may_not_ask_for_is_left_out_or_denied")),
        ("asked, identity = honoured, site.identity(subject)", "identity = site.identity(subject)", _guard("what_a_tier_may_not_ask_for_is_left_out_or_denied")),
        ("            if identity.did is None:\n", "            if False:\n", _guard("an_account_without_a_did_gets_no_at_protocol_session")),
        ("if asked.login_hint and not site.is_meant_by(asked.login_hint, subject, identity):", "if False:", _guard("a_login_hint_at_another_account_is_denied")),
        ('        if verdict == "deny":\n', "        if False:\n", _walk("hooks_deny_skip_and_learn")),
        ('        if verdict == "skip":\n', "        if False:\n", _walk("hooks_deny_skip_and_learn")),
        ("        if verdict is not None:\n            return make_response(verdict)\n", "", _walk("hooks_deny_skip_and_learn")),
        ("is_known = self._site.is_approved(subject, asked.client_id, asked.redirect_uri)", "is_known = True", _walk("hooks_deny_skip_and_learn")),
        ("is_known = self._site.is_approved(subject, asked.client_id, asked.redirect_uri)", "is_known = False", _walk("hooks_deny_skip_and_learn")),
        ("logo=site.logo_url(client) if with_name else None,", "logo=site.logo_url(client),", "tests/site/test_atproto_identity.py"),
        ("site.waiting.find(handle, site.browser.digest(), subject) if subject else None\n", 'site.waiting.find(handle, site.browser.digest(), subject or "ada")\n', _walk("only_the_browser_and_the_person_who_were_asked_decide")),
        ('or form.get("decision") not in ("approve", "deny"):', ":", _guard("a_decision_is_approve_or_deny")),
        ("        if found.answer is not None:\n            return found.answer.send()\n", "", _guard("the_second_click_asks_nobody_again")),
        ('        if form["decision"] == "deny":\n', "        if False:\n", _walk("a_person_says_no")),
        ("        if consent.is_denial(asked, scope):\n", "        if False:\n", "tests/provider/test_remembered.py::test_a_denial_is_not_remembered"),
        ("        client = site.server.client_of(asked.client_id, asked.client)\n        scope =", "        client = asked.client\n        scope =", _guard("a_client_that_was_denied_meanwhile_is_not_approved")),
        ('without_lonely_email(form.getlist("scope"), site.server.context.scopes)', 'tuple(form.getlist("scope"))', _guard("a_person_who_unticks_the_profile_gives_no_email_either")),
        ('scope = without_lonely_email(form.getlist("scope"), site.server.context.scopes)', "scope = None", _guard("a_person_who_unticks_the_profile_gives_no_email_either")),
        ("        site.note_refusal(subject, client_id, error.redirect_uri, error.error)\n", "", _walk("hooks_deny_skip_and_learn")),
        ("        if site.redirects_errors(client_id, error.redirect_uri, error.error, subject):\n", "        if True:\n", _walk("a_strangers_error_stays_here_until_the_person_goes_back")),
        ("        if site.redirects_errors(client_id, error.redirect_uri, error.error, subject):\n", "        if False:\n", _walk("an_approved_clients_error_is_redirected")),
    ],
)  # fmt: skip

REMEMBERING = mutants(
    "flask_cimd/provider/remembering.py",
    "tests/provider/test_remembered.py",
    [
        ('client.source not in ("document", "page", "registered")', 'client.source not in ("document", "page", "registered", "unread")'),
        ('if redirect_kind(asked.redirect_uri) != "web" or not', "if not"),
        ("if asked.auth_method == KEY_METHOD or client", "if client"),
        ("client.accepted_auth_methods == (KEY_METHOD,)", "KEY_METHOD in client.accepted_auth_methods"),
        ("is_same_origin(asked.redirect_uri, client.identifier) and", ""),
        ("and not self.is_for_many(client.host)", ""),
        ("or found.fingerprint != asked.fingerprint", ""),
        ("if lifetimes.chosen(found.lifetime) == found.lifetime else None", ""),
    ],
)  # fmt: skip

WAITING = mutants(
    "flask_cimd/provider/waiting.py",
    _GUARDS,
    [
        ("return kept.content if kept is not None and kept.browser == browser and not kept.subject else None", "return kept.content if kept is not None and not kept.subject else None", _walk("a_waiting_request_is_bound_to_the_browser_that_began_it")),
        ("return kept.content if kept is not None and kept.browser == browser and not kept.subject else None", "return kept.content if kept is not None and kept.browser == browser else None", _guard("a_shown_request_cannot_be_resumed_as_a_parked_one")),
        ("        self._storage.drop_waiting(key)\n", "", _walk("prompt_login_asks_for_a_log_in_made_for_this_request")),
        ("handle, now = new_secret(), self._clock()", "handle, now = _handle_of(asked.to_json(), browser), self._clock()", _guard("two_requests_of_one_kind_wait_under_different_handles")),
        ("if kept is None or kept.browser != browser or not", "if kept is None or not", _walk("only_the_browser_and_the_person_who_were_asked_decide")),
        ("        if kept.subject != subject:\n", "        if False:\n", _walk("only_the_browser_and_the_person_who_were_asked_decide")),
        ("LIFETIME = timedelta(minutes=10)", "LIFETIME = timedelta(minutes=12)", _walk("a_decision_expires")),
        ("REPEATED = timedelta(seconds=60)", "REPEATED = timedelta(seconds=90)", _walk("the_answer_is_not_repeated_after_a_minute")),
        ("MOST_PER_BROWSER = 20", "MOST_PER_BROWSER = 21", _walk("a_request_that_waits_is_bounded_for_each_browser")),
        ("            answer=_encrypted(answer.to_json(), handle),\n", "            answer=answer.to_json().encode(),\n", _walk("two_clicks_get_the_same_answer")),
        ("            pushed=pushed,\n", "            pushed=None,\n", _guard("a_decision_spends_a_pushed_request")),
        ("json.dumps([browser, query])", "json.dumps([query])", _guard("another_browsers_parked_request_makes_no_log_in_fresh")),
    ],
)  # fmt: skip

BROWSER = mutants(
    "flask_cimd/provider/browser.py",
    _GUARDS,
    [
        ('f"__Host-{name}" if is_https else name', "name", _guard("the_cookie_of_an_https_provider_is_bound_to_its_host")),
        ("secure=self._is_https, httponly=True", "secure=False, httponly=True", _guard("the_cookie_of_an_https_provider_is_bound_to_its_host")),
        ("secure=self._is_https, httponly=True", "secure=True, httponly=True", _guard("the_cookie_over_http_is_kept_from_scripts_and_other_sites")),
        ("httponly=True, samesite", "httponly=False, samesite", _guard("the_cookie_over_http_is_kept_from_scripts_and_other_sites")),
        ('samesite="Lax"', 'samesite="None"', _guard("the_cookie_over_http_is_kept_from_scripts_and_other_sites")),
        ("self._value(), purpose)).encode()", 'self._value(), "")).encode()', _walk("a_form_of_the_person_before_revokes_nothing_of_the_next")),
        ('("flask-cimd form", self._value(), purpose)', '("flask-cimd form", purpose)', _guard("a_token_of_one_browser_opens_no_other_of_the_same_person")),
        ("hmac.new(_secret(current_app), message", 'hmac.new(b"", message', _guard("a_token_depends_on_the_apps_secret_key")),
        ("if len(sent) == _LENGTH and sent.isascii():", "if sent:", _guard("a_cookie_that_this_server_did_not_make_is_replaced")),
        ("if len(sent) == _LENGTH and sent.isascii():", "if len(sent) == _LENGTH:", _guard("a_cookie_that_this_server_did_not_make_is_replaced")),
        ("return hmac.compare_digest(", "return True or hmac.compare_digest(", _guard("any_text_as_a_forms_token_is_refused")),
        ("hashlib.sha256(self._value().encode()).hexdigest()", "self._value()", _guard("the_storage_knows_a_browser_by_digest_alone")),
        ("        if value is not None:\n            response.set_cookie", "        if False:\n            response.set_cookie", _guard("the_cookie_over_http_is_kept_from_scripts_and_other_sites")),
    ],
)  # fmt: skip

CHECKS = mutants(
    "flask_cimd/provider/checks.py",
    _SET_UP,
    [
        ("        if other.issuer == issuer:\n", "        if False:\n"),
        ("        if other.prefix == prefix:\n", "        if False:\n"),
        ("    if not app.secret_key:\n", "    if app.secret_key == '':\n"),
        ("    if not isinstance(issuer, str) or not issuer:\n", "    if not isinstance(issuer, str):\n"),
        ("    if not isinstance(issuer, str) or not issuer:\n", "    if not issuer:\n"),
        ("    return check_issuer(issuer, allow_http_loopback=allow_loopback)", "    return issuer"),
        ("allow_http_loopback=allow_loopback)", "allow_http_loopback=True)"),
        ("    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):\n", "    if False:\n"),
        ("not _PREFIX.fullmatch(prefix)", "not _PREFIX.match(prefix)"),
        ("if not isinstance(word, str) or not _SCOPE.fullmatch(word):", "if not _SCOPE.fullmatch(word):"),
        ("if not isinstance(word, str) or not _SCOPE.fullmatch(word):", "if not isinstance(word, str) or not _SCOPE.match(word):"),
        ("        if not isinstance(text, str) or not text.strip():\n", "        if not text:\n"),
        ("        if not Resource.is_identifier(resource.identifier):\n", "        if False:\n"),
        ("        if resource_key(resource.identifier) in found:\n", "        if False:\n"),
        ("        if missing := [word for word in resource.scopes if word not in texts]:\n", "        if missing := []:\n"),
        ("        if path in taken:\n", "        if False:\n"),
    ],
)  # fmt: skip

APPS = mutants(
    "flask_cimd/provider/apps.py",
    _GUARDS,
    [
        ("        if subject is None:\n            return site.log_in(site.path(\"/apps\"), again=False)\n", "        subject = subject or 'ada'\n", _guard("connected_apps_are_for_who_is_logged_in")),
        ('if subject is None or not site.browser.accepts(form.get("token", ""), f"apps {subject}"):', "if subject is None:", _walk("revoking_needs_the_token_of_the_same_browser_and_person")),
        ('form.get("token", ""), f"apps {subject}"):', 'form.get("token", ""), "apps"):', _walk("a_revoked_clients_error_stays_here")),
        ('if not storage.revoke_grant_of(subject, form["grant"], now):\n                abort(404)', 'if not storage.revoke_grant_of(subject, form["grant"], now):\n                pass', _walk("revoking_needs_the_token_of_the_same_browser_and_person")),
        ('storage.revoke_client(subject, client_id, now)', 'storage.revoke_client(None, client_id, now)', _guard("all_grants_of_a_client_end_for_this_person_alone")),
        ("        if not client_id:\n            abort(400)\n", "", _guard("a_form_that_names_nothing_is_refused")),
        ("min(max(1, request.args.get(\"page\", 1, type=int)), _MOST_PAGES)", "min(request.args.get(\"page\", 1, type=int), _MOST_PAGES)", _guard("apps_come_page_by_page")),
        ("limit=PAGE_SIZE + 1, offset", "limit=PAGE_SIZE, offset", _guard("apps_come_page_by_page")),
        ("for client_id, grants in found[:PAGE_SIZE]]", "for client_id, grants in found]", _guard("apps_come_page_by_page")),
        ("name = None if asks_for_atproto(scope) else safe_text(client.client_name) or None", "name = safe_text(client.client_name) or None", "tests/site/test_atproto_identity.py::test_the_list_of_apps_shows_no_claimed_name_either"),
    ],
)  # fmt: skip

LOGIN = mutants(
    "flask_cimd/provider/login.py",
    "tests/provider/test_flask_login.py",
    [
        ("    if _manager() is None:\n        raise", "    if False:\n        raise"),
        ("if current_user.is_authenticated else None", "if True else None"),
        ("        if not view:\n", "        if False:\n"),
        ("        if again and manager is not None:\n", "        if manager is not None and False:\n"),
        ("        if again and manager is not None:\n", "        if manager is not None:\n"),
        ("        if again and manager is not None:\n", "        if again:\n"),
        ("urlencode({'next': target})", "'next=' + target"),
        ('joiner = "&" if "?" in address else "?"', 'joiner = "?"'),
        ("if isinstance(since, int | float) else None", "if since else None"),
        ("    session[AUTH_TIME] = datetime.now(UTC).timestamp()", "    pass"),
        ("    user_logged_in.connect(_note_login, app)\n", "    user_logged_in.connect(_note_login)\n"),
    ],
)  # fmt: skip

SITE = mutants(
    "flask_cimd/provider/site.py",
    _GUARDS,
    [
        ("return _as_name(login_hint) in", "return True or _as_name(login_hint) in", _guard("a_login_hint_at_another_account_is_denied")),
        ("if place and place.identifier != self.issuer)", "if place)", _guard("a_request_for_this_server_itself_names_no_place")),
        ("settle=self._settle(handle, asked) if handle else None,", "settle=None,", _walk("two_clicks_get_the_same_answer")),
        ("word for word in asked.scope.split() if word in scope)", "word for word in scope)", _guard("a_scope_that_was_not_asked_for_is_not_granted")),
        ("settle=self._settle(handle, asked))", "settle=None)", _guard("a_denial_is_final")),
        ("knows = self._is_trusted(client_id) or (", "knows = (", _guard("errors_of_a_client_that_the_operator_trusts_are_redirected")),
        ("subject is not None and self.is_approved(subject, client_id, redirect_uri)", "subject is not None", _walk("a_strangers_error_stays_here_until_the_person_goes_back")),
        ("return self.clients.admission.tier(client.metadata.identifier) is Tier.TRUSTED", "return True", _walk("a_strangers_error_stays_here_until_the_person_goes_back")),
        ("        self.upkeep.after(answer, current_app._get_current_object())  # type: ignore[attr-defined]  # typed as the app, is a LocalProxy\n", "", _guard("the_storage_is_swept_after_an_approval_and_once_in_ten_minutes")),
        ("return self.server.within_allowance(asked, self.clients.admission.allowance(tier))", "return asked", _guard("what_a_tier_may_not_ask_for_is_left_out_or_denied")),
        ('"dpop_signing_alg_values_supported": list(self.server.dpop.algorithms)} if is_own else {}', '"dpop_signing_alg_values_supported": list(self.server.dpop.algorithms)}', _guard("resources_are_described_at_their_own_address_alone")),
        ('kept.removeprefix("at://").removeprefix("@").rstrip("/.")', "kept", _guard("a_login_hint_at_another_account_is_denied")),
        ('"".join(c for c in text if c.isprintable()).strip()', "text.strip()", _guard("a_login_hint_at_another_account_is_denied")),
        ("            auth_time=self.auth_time(),\n", "            auth_time=None,\n", "tests/site/test_step_up.py"),
    ],
)  # fmt: skip

ENDPOINTS = mutants(
    "flask_cimd/provider/endpoints.py",
    _GUARDS,
    [
        ('self.userinfo = protector("profile")(self._userinfo)', "self.userinfo = protector()(self._userinfo)", _guard("userinfo_needs_a_token_with_the_scope_profile")),
        ('or "Authorization" not in request.headers:', ":", _guard("the_token_endpoint_answers_get_for_holders_of_a_token_alone")),
        ("not server.legacy.token_verification or", "False or", _guard("the_older_token_check_can_be_switched_off")),
        ("        return allow_any_origin(answer)\n", "        return answer\n", _guard("a_form_that_begins_a_sign_in_starts_over_and_one_with_a_code_is_redeemed")),
    ],
)  # fmt: skip

_FRAMED = "tests/browser/test_framing.py::test_the_consent_page_is_not_shown_in_a_frame"
_HEADERS = "pages_may_not_be_framed_scripted_stored_or_sniffed"
PAGES = mutants(
    "flask_cimd/provider/pages.py",
    _guard(_HEADERS),
    [
        ("frame-ancestors 'none'; base-uri", "base-uri"),
        ("frame-ancestors 'none'; base-uri", "frame-ancestors *; base-uri", _FRAMED),
        ("default-src 'none'; style-src", "style-src"),
        ('    headers.setdefault("X-Frame-Options", "DENY")\n', ""),
        ('    headers.setdefault("X-Content-Type-Options", "nosniff")\n', ""),
        ('    headers.setdefault("Referrer-Policy", "same-origin")\n', ""),
        ('    headers.setdefault("Cache-Control", "no-store")\n', ""),
        ("_POLICY if leaves else f\"{_POLICY}; form-action 'self'\"", "_POLICY"),
        ("_POLICY if leaves else f\"{_POLICY}; form-action 'self'\"", "f\"{_POLICY}; form-action 'self'\""),
        ("    blueprint.after_request(_add_headers)\n", ""),
        ("    blueprint.after_request(site.browser.remember)\n", "", _guard("the_cookie_over_http_is_kept_from_scripts_and_other_sites")),
        ("                protection.exempt(blueprint)\n", "                pass\n", f"{_SET_UP}::test_an_app_with_flask_wtf_protects_its_own_forms_alone"),
        ('{"code", "grant_type"} &', '{"code"} &', _guard("a_form_that_begins_a_sign_in_starts_over_and_one_with_a_code_is_redeemed")),
        ('{"code", "grant_type"} &', '{"grant_type"} &', _guard("a_form_that_begins_a_sign_in_starts_over_and_one_with_a_code_is_redeemed")),
        ("    blueprint.after_request(allow_any_origin)\n", "", _guard("scripts_may_read_nonces_and_challenges")),
    ],
)  # fmt: skip

DOCUMENTS = [
    *mutants(
        "flask_cimd/oauth/cors.py",
        _GUARDS,
        [
            ("asked if _HEADER_LIST.fullmatch(asked) else", "asked if asked else", _guard("a_preflight_names_no_odd_headers")),
            ("asked if _HEADER_LIST.fullmatch(asked) else", "asked if _HEADER_LIST.match(asked) else", _guard("a_preflight_names_no_odd_headers")),
            ('return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}', 'return {"Access-Control-Allow-Origin": "*"}', _guard("scripts_may_read_nonces_and_challenges")),
            ('(found.get("Vary"), "Access-Control-Request-Headers")', '(found.get("Vary"),)', _guard("a_preflight_names_no_odd_headers")),
            ("if origin is None or origin not in self.origins:", "if origin is None:", "tests/oauth/test_cors.py"),
            ('"Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}', '"Access-Control-Expose-Headers": EXPOSED}', "tests/oauth/test_cors.py"),
            ('        if "Access-Control-Allow-Origin" not in found:\n', "        if False:\n", "tests/oauth/test_cors.py"),
            ('and "Access-Control-Request-Method" in sent', "", "tests/oauth/test_cors.py"),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/resource/protector.py",
        "tests/oauth/test_cors.py",
        [
            ("                after_this_request(self._allow_origin)\n", ""),
            ('                if current_request.method == "OPTIONS":\n', "                if False:\n"),
            ("                answer.headers.setdefault(name, value)\n", "                answer.headers[name] = value\n"),
            ("resource_key(audience) in map(resource_key, access.audience)", "False", "tests/oauth/test_root_resources.py"),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/resource/asgi.py",
        "tests/oauth/test_cors.py",
        [
            ("present = {name for name, _ in own} - {b\"vary\"}", "present = set()"),
            ("            await _answer(send, 204, None, rule.preflight(sent))\n", "            await self._guard(scope, receive, send)\n"),
        ],
    ),
    *mutants(
        "flask_cimd/oauth/server/well_known.py",
        _guard("resources_are_described_at_their_own_address_alone"),
        [
            ("        return abort(404) if found is None else _document(found)", "        return _document(found or {})"),
            ('identifier = "{0.scheme}://{0.netloc}".format(urlsplit(issuer)) + rest', 'identifier = request.host_url.rstrip("/") + rest'),
            ("    answer = allow_any_origin(jsonify(members))\n", "    answer = jsonify(members)\n"),
            ('(f"?{query}" if query else "")', '""'),
        ],
    ),
]  # fmt: skip

PROVIDER_OBJECT = mutants(
    "flask_cimd/provider/provider.py",
    _SET_UP,
    [
        ('        if "cimd" not in app.extensions:\n', "        if False:\n"),
        ("        checks.require_secret_key(app)\n", ""),
        ("allow_loopback=development or cimd.settings.allow_loopback)", "allow_loopback=development)"),
        ("allow_loopback=development or cimd.settings.allow_loopback)", "allow_loopback=True)"),
        ("        checks.require_free_paths(app, [prefix + path for path in paths])\n", ""),
        ("if self._atproto and ATPROTO in self._scopes:", "if ATPROTO in self._scopes:", _guard("the_at_protocol_can_be_switched_off")),
        ('is_https=issuer.startswith("https://")', "is_https=False", _guard("the_cookie_of_an_https_provider_is_bound_to_its_host")),
        ("            audience=site.issuer,\n            schemes", "            audience=None,\n            schemes", _guard("userinfo_takes_no_token_for_another_resource")),
        ("        exempt_from_csrf(app, *blueprints)\n", ""),
        ("        remember_login(app)\n", "", "tests/provider/test_flask_login.py"),
        ("    if db is None:\n        raise", "    if False:\n        raise"),
        ('"require_pushed_authorization_requests": True if ATPROTO in scopes else None,', '"require_pushed_authorization_requests": None,', _guard("requests_are_pushed_for_the_at_protocol_and_need_not_be_without_it")),
    ],
)  # fmt: skip

TOKENS = mutants(
    "flask_cimd/provider/_tokens.py",
    _STORAGE,
    [
        ('mine = (codes.c.digest == b("digest")) & (grants.c.issuer == b("issuer"))', 'mine = codes.c.digest == b("digest")', "tests/provider/test_models.py::test_two_issuers_in_one_database_do_not_meet"),
        ('unspent = (codes.c.digest == b("digest")) & codes.c.spent_at.is_(None)', 'unspent = codes.c.digest == b("digest")', _contract("a_code_is_redeemed_once")),
        ('alive = update(grants).where(grants.c.id == b("grant"), grants.c.revoked_at.is_(None))', 'alive = update(grants).where(grants.c.id == b("grant"))', _contract("a_code_of_a_revoked_grant_is_not_redeemed")),
        ('ends_at = later(grants.c.ends_at, "ends_at")', 'ends_at = b("ends_at")', _contract("a_rotation_is_a_use_and_prolongs_the_grant") + " " + _contract("a_repetition_of_the_successor_is_within_its_own_grace") + " " + "tests/provider/test_storage_details.py"),
        ("            if settlement is not None:\n                self._spend", "            if False:\n                self._spend", _contract("an_approval_spends_the_waiting_request_and_keeps_its_answer")),
        ("            if grant.client is None:\n                self._note_use(connection, grant.client_id, grant.created_at)\n", "", "tests/provider/test_registrations.py"),
        ("            spent=row[codes.spent_at] is not None,\n", "            spent=False,\n", _contract("a_spent_code_is_still_found_and_says_so")),
        ("            if row is None:\n                raise Spent\n            if not tokens", "            if not tokens", _contract("a_code_is_redeemed_once")),
        ("            if not tokens and grant is None:\n                return\n", "", "tests/provider/test_storage_details.py"),
        ("self._begin if grant is None else self._begin_settled", "self._begin", _contract("an_exchange_settles_the_keys_of_its_grant")),
        ('mine = (tokens.c.digest == b("digest")) & (grants.c.issuer == b("issuer"))', 'mine = tokens.c.digest == b("digest")', "tests/provider/test_storage_details.py"),
        ("usable = and_(~other.c.revoked, ~other.c.spent, other.c.rotated_at.is_(None))", "usable = and_(~other.c.spent, other.c.rotated_at.is_(None))", _contract("a_grant_ends_with_its_last_token")),
        ("usable = and_(~other.c.revoked, ~other.c.spent, other.c.rotated_at.is_(None))", "usable = and_(~other.c.revoked, ~other.c.spent)", "tests/provider/test_storage_details.py"),
        ("usable = and_(~other.c.revoked, ~other.c.spent, other.c.rotated_at.is_(None))", "usable = and_(~other.c.revoked, other.c.rotated_at.is_(None))", "tests/provider/test_storage_details.py"),
        (".where(grants.c.id == owner, grants.c.revoked_at.is_(None))", ".where(grants.c.id == owner)", "tests/provider/test_storage_details.py"),
        ('living = (grants.c.id == b("grant")) & grants.c.revoked_at.is_(None)', 'living = grants.c.id == b("grant")', "tests/provider/test_storage_details.py"),
        ("spent=spent or rotated_at is not None,", "spent=spent,", _contract("a_refresh_token_is_rotated_once")),
        ("rotated_at=instant(rotated_at) if repeatable else None,", "rotated_at=None if rotated_at is None else instant(rotated_at),", _contract("the_first_rotation_of_a_successor_ends_the_grace_of_its_parent") + " " + _contract("the_first_rotation_of_a_sibling_spends_the_others")),
        ("            connection.execute(self._shorten, params(digest=digest, now=seconds(now)))\n", "", _contract("a_grant_ends_with_its_last_token")),
        ("            connection.execute(self._revoke, params(digest=digest))\n", "", _contract("a_revoked_token_ends_alone")),
        (".where(tokens.c.digest == parent, ~tokens.c.spent)\n            .values(spent=True)", ".where(tokens.c.digest == parent, ~tokens.c.spent)\n            .values(spent=False)", _contract("the_first_rotation_of_a_successor_ends_the_grace_of_its_parent")),
        ("tokens.c.rotations <= REPETITIONS)", "tokens.c.rotations <= REPETITIONS + 1)", _contract("a_token_is_repeated_eight_times_at_most")),
        ('repeatable = and_(tokens.c.rotated_at > b("since"), ', 'repeatable = and_(tokens.c.rotated_at >= b("since"), ', _contract("the_grace_begins_with_the_first_rotation_and_does_not_slide") + " " + "tests/provider/test_storage_details.py"),
        ('                tokens.c.kind == "refresh",\n', "", _contract("an_access_token_is_not_rotated")),
        ("                ~tokens.c.spent,\n", "", _contract("the_first_rotation_of_a_sibling_spends_the_others")),
        ("                ~tokens.c.revoked,\n", "", _contract("a_revoked_refresh_token_is_not_rotated")),
        ("or_(tokens.c.rotated_at.is_(None), repeatable),", "true(),", _contract("a_refresh_token_is_rotated_once")),
        ("rotated_at=func.coalesce(tokens.c.rotated_at, b(\"now\")),", 'rotated_at=b("now"),', _contract("the_grace_begins_with_the_first_rotation_and_does_not_slide")),
        ("            if row is None:\n                raise Spent\n            if parent", "            if parent", _contract("a_refresh_token_is_rotated_once")),
        ("if parent is not None and parent.rotations > 1:", "if False:", _contract("the_first_rotation_of_a_sibling_spends_the_others")),
        ("if parent is not None and parent.rotations > 1:", "if parent is not None and parent.rotations > 2:", "tests/provider/test_storage_details.py"),
        ('tokens.c.repetition != b("repetition")', 'tokens.c.repetition > b("repetition")', _contract("the_first_rotation_of_a_sibling_spends_the_others") + " " + "tests/provider/test_storage_details.py"),
        ('tokens.c.repetition != b("repetition")', 'tokens.c.repetition < b("repetition")', _contract("the_first_rotation_of_a_sibling_spends_the_others") + " " + "tests/provider/test_storage_details.py"),
        ('tokens.c.parent == b("parent"), tokens', "tokens", "tests/provider/test_storage_details.py"),
        ("self._renew if grant is None else self._renew_settled", "self._renew", "tests/provider/test_storage_details.py"),
        ("            if grant is not None and grant.client is None:\n                self._note_use(connection, grant.client_id, now)\n", "", "tests/provider/test_registrations.py"),
        ("        if connection.execute(statement, values).rowcount != 1:\n            raise Spent", "        if connection.execute(statement, values).rowcount != 1:\n            pass", _contract("a_revoked_refresh_token_is_not_rotated")),
        ('expires_at=b("kept_until"),\n            )', "\n            )", _contract("a_rotated_token_is_known_for_thirty_days")),
    ],
)  # fmt: skip

APPROVALS = mutants(
    "flask_cimd/provider/_approvals.py",
    _STORAGE,
    [
        ('of_client = (grants.c.subject == b("subject")) & (grants', "of_client = (grants", _contract("the_last_approval_is_the_newest_of_this_person_and_client")),
        ('(grants.c.client_id == b("client_id")) & own\n', '(grants.c.client_id == b("client_id"))\n', "tests/provider/test_models.py::test_two_issuers_in_one_database_do_not_meet"),
        ('& (grants.c.client_id == b("client_id")) & own', "& own", _contract("the_last_approval_is_the_newest_of_this_person_and_client")),
        ('of_client & (grants.c.redirect_uri == b("redirect_uri")) & grants', "of_client & grants", _contract("an_approval_holds_for_the_same_person_client_and_redirect")),
        ('(grants.c.redirect_uri == b("redirect_uri")) & grants.c.revoked_at.is_(None)', '(grants.c.redirect_uri == b("redirect_uri"))', "tests/provider/test_storage_details.py"),
        ("        newest = grants.c.created_at.desc()\n", "        newest = grants.c.created_at\n", _contract("the_last_approval_is_the_newest_of_this_person_and_client")),
        ("            own\n            & grants.c.revoked_at.is_(None)\n", "            grants.c.revoked_at.is_(None)\n", "tests/provider/test_storage_details.py"),
        ("            & grants.c.revoked_at.is_(None)\n            & grants.c.used_at", "            & grants.c.used_at", "tests/provider/test_storage_details.py"),
        ("            & grants.c.used_at.is_not(None)\n", "", _contract("living_grants_are_those_with_tokens") + " " + "tests/provider/test_storage_details.py"),
        ('            & (grants.c.ends_at > b("now"))\n', "", _contract("a_grant_ends_with_its_last_token") + " " + "tests/provider/test_storage_details.py"),
        ('            & (grants.c.subject == b("subject"))\n', "", "tests/provider/test_storage_details.py"),
        (".limit(GRANTS_PER_CLIENT)", ".limit(GRANTS_PER_CLIENT + 1)", _contract("the_grants_of_one_client_on_a_page_are_bounded")),
        ("select(grants).where(own, grants.c.revoked_at.is_(None), grants.c.ends_at", "select(grants).where(grants.c.revoked_at.is_(None), grants.c.ends_at", "tests/provider/test_storage_details.py"),
        ("select(grants).where(own, grants.c.revoked_at.is_(None), grants.c.ends_at", "select(grants).where(own, grants.c.ends_at", "tests/provider/test_storage_details.py"),
        ("grants.c.revoked_at.is_(None), grants.c.ends_at > b(\"now\"), self._goes_on)", "grants.c.revoked_at.is_(None), self._goes_on)", "tests/provider/test_storage_details.py"),
        (".where(own, grants.c.revoked_at.is_(None))\n        self._end_one", ".where(grants.c.revoked_at.is_(None))\n        self._end_one", "tests/provider/test_storage_details.py"),
        (".where(own, grants.c.revoked_at.is_(None))\n        self._end_one", ".where(own)\n        self._end_one", "tests/provider/test_storage_details.py"),
        ('end.where(grants.c.id == b("grant"), grants.c.subject == b("subject"))', 'end.where(grants.c.id == b("grant"))', _contract("a_person_ends_their_own_grants_alone")),
        ('self._end_both = self._end_client.where(grants.c.subject == b("subject"))', "self._end_both = self._end_client", _contract("all_grants_of_a_client_end")),
        ("        if not is_storable(subject, client_id):\n            return None\n", "", _contract("odd_texts_are_unknown")),
        ("        if not is_storable(subject, client_id, redirect_uri):\n            return False\n", "", _contract("odd_texts_are_unknown")),
        ("        if not is_storable(subject):\n            return []\n", "", _contract("odd_texts_are_unknown")),
        ("        if not is_storable(subject, grant_id):\n            return False\n        values = self._params(subject=subject, grant=grant_id, now=seconds(now))\n        return self._end", "        values = self._params(subject=subject, grant=grant_id, now=seconds(now))\n        return self._end", _contract("odd_texts_are_unknown")),
        ('        if not is_storable(subject or "", client_id):\n            return 0\n', "", _contract("odd_texts_are_unknown")),
        ("        if not is_storable(subject):\n            return 0\n", "", _contract("odd_texts_are_unknown")),
        ("statement.where(self._grants.c.subject == b(\"subject\")),", "statement,", "tests/provider/test_storage_details.py"),
        ('statement = statement.where(self._grants.c.client_id == b("client_id"))', "pass", "tests/provider/test_storage_details.py"),
    ],
)  # fmt: skip

REQUESTS = mutants(
    "flask_cimd/provider/_requests.py",
    _STORAGE,
    [
        ('where=self._keys.c.expires_at <= b("now"))', "where=None)", _contract("a_key_is_used_once_until_it_expires")),
        ('where=self._keys.c.expires_at <= b("now"))', 'where=self._keys.c.expires_at < b("now"))', _contract("a_key_is_used_once_until_it_expires")),
        ("values = params(key=self._own(key), ", "values = params(key=key, ", "tests/provider/test_models.py::test_two_issuers_in_one_database_do_not_meet"),
        ('alive = (table.c.digest == b("digest")) & (table.c.expires_at > b("now"))\n        self._find_pushed', 'alive = table.c.digest == b("digest")\n        self._find_pushed', _contract("a_pushed_request_expires")),
        ("        self._settle_pushed = delete(table).where(alive)\n", '        self._settle_pushed = delete(table).where(table.c.digest == b("digest"))\n', "tests/provider/test_storage_details.py"),
        ('        if next(self._pushes) % _LOOK_EVERY == 0:\n', "        if False:\n", "tests/provider/test_storage_details.py"),
        ('.where((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))\n        self._bound_pushed', '.where(ranked.c.entries > b("entries"))\n        self._bound_pushed', "tests/provider/test_storage_details.py"),
        ('.where((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))\n        self._bound_pushed', '.where(ranked.c.bytes > b("bytes"))\n        self._bound_pushed', "tests/provider/test_storage_details.py"),
        ("        if size > WAITING_BYTES:\n            return False\n", "", "tests/provider/test_storage_details.py"),
        ('.where(table.c.browser == b("browser"), table.c.issuer == b("issuer"), table.c.decided_at.is_(None))', '.where(table.c.issuer == b("issuer"), table.c.decided_at.is_(None))', _contract("a_browser_keeps_its_newest_requests")),
        ('.where(table.c.browser == b("browser"), table.c.issuer == b("issuer"), table.c.decided_at.is_(None))', '.where(table.c.browser == b("browser"), table.c.decided_at.is_(None))', "tests/provider/test_storage_details.py"),
        ('.where(table.c.issuer == b("issuer"), table.c.decided_at.is_(None))\n            .subquery()\n        )\n        of_strangers', '.where(table.c.decided_at.is_(None))\n            .subquery()\n        )\n        of_strangers', "tests/provider/test_storage_details.py"),
        ('            .where(table.c.issuer == b("issuer"))\n', "", "tests/provider/test_storage_details.py"),
        ('.where(table.c.browser == b("browser"), table.c.issuer == b("issuer"), table.c.decided_at.is_(None))', '.where(table.c.browser == b("browser"), table.c.issuer == b("issuer"))', "tests/provider/test_storage_details.py"),
        ('(ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))\n        self._bound = ', 'ranked.c.bytes > b("bytes"))\n        self._bound = ', _contract("a_browser_keeps_its_newest_requests")),
        ('(ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))\n        self._bound = ', 'ranked.c.entries > b("entries"))\n        self._bound = ', _contract("the_bytes_of_a_browsers_requests_are_bounded")),
        ('& (table.c.expires_at > b("now"))\n        joined', "\n        joined", _contract("a_waiting_request_comes_back_until_it_expires")),
        ("        undecided = alive & table.c.decided_at.is_(None)\n", "        undecided = alive\n", _contract("a_request_is_decided_once")),
        ("row is None or row[self._codes.c.spent_at] is not None else", "row is None else", _contract("the_answer_ends_with_the_code_in_it")),
        ("        if decided.rowcount != 1:\n            raise Spent\n", "", _contract("a_request_is_decided_once")),
        ("        if settlement.pushed is not None:\n            pushed", "        if False:\n            pushed", _contract("a_decision_spends_the_pushed_request_too")),
        ("            if connection.execute(self._settle_pushed, pushed).rowcount != 1:\n                raise Spent", "            if connection.execute(self._settle_pushed, pushed).rowcount != 1:\n                pass", _contract("a_request_that_was_decided_elsewhere_is_not_decided_again")),
        ("            digest=self._own(waiting.digest),\n", "            digest=waiting.digest,\n", "tests/provider/test_storage_details.py"),
        ('            "digest": self._own(digest),\n', '            "digest": digest,\n', "tests/provider/test_storage_details.py"),
    ],
)  # fmt: skip

REGISTRATIONS = mutants(
    "flask_cimd/provider/_registrations.py",
    "tests/provider/test_registrations.py",
    [
        ('self._find_server = select(servers).where(servers.c.id == b("id"), own)', 'self._find_server = select(servers).where(servers.c.id == b("id"))'),
        ("self._list_servers = select(servers).where(own)", "self._list_servers = select(servers)"),
        ('self._remove_server = delete(servers).where(servers.c.id == b("id"), own)', 'self._remove_server = delete(servers).where(servers.c.id == b("id"))'),
        ('one = (table.c.client_id == b("client_id")) & own', 'one = table.c.client_id == b("client_id")'),
        ('select(table).where(one, table.c.ends_at > b("now"))', "select(table).where(one)"),
        (".where(own, table.c.used_at.is_(None)).order_by", ".where(own).order_by"),
        ('newest.where(table.c.network == b("network"))', "newest"),
        ("            if network:\n                connection.execute(self._bound_network, params(network=network, issuer=self._issuer))\n", ""),
        ("            connection.execute(self._bound_unused, params(issuer=self._issuer))\n", ""),
        ("table.c.created_at.desc())\n        of_network", "table.c.created_at)\n        of_network"),
        ("UNUSED = timedelta(days=1)", "UNUSED = timedelta(days=2)"),
        ("IDLE = timedelta(days=90)", "IDLE = timedelta(days=91)"),
        ("        if not is_storable(client_id):\n            return None\n", ""),
        ("        if not is_storable(server_id):\n            return None\n", ""),
        ("return is_storable(client_id) and", "return"),
        ("return is_storable(server_id) and", "return"),
        ('listed = select(table).where(own, table.c.ends_at > b("now"), ', 'listed = select(table).where(table.c.ends_at > b("now"), '),
        ('listed = select(table).where(own, table.c.ends_at > b("now"), ', "listed = select(table).where(own, "),
    ],
)  # fmt: skip

SWEEP = mutants(
    "flask_cimd/provider/sweep.py",
    "tests/provider/test_sweep.py tests/provider/test_storage.py",
    [
        ("    if not turn.begin():\n", "    if not turn.begin() and False:\n"),
        ("        if not turn.is_due(every):\n", "        if False:\n"),
        ("        turn.remember()\n        return swept\n    finally:\n", "        return swept\n    finally:\n        turn.remember()\n"),
        ("        turn.remember()\n", ""),
        ("        turn.end()\n", "        pass\n"),
        ("return abs(ago) >= ", "return ago >= "),
        ("return abs(ago) >= ", "return abs(ago) > "),
        ("self._put(_LAST_KEY, seconds(self._now + _REMEMBERED), is_earlier)", "self._put(_LAST_KEY, seconds(self._now + _REMEMBERED), None)"),
        ("            if left <= 0:\n", "            if left < 0:\n"),
        ("            size = min(left, BATCH)\n", "            size = left\n"),
        ("            size = min(left, BATCH)\n", "            size = BATCH\n"),
        ("kept = timedelta() if table is tokens else CODES_KEPT", "kept = timedelta()"),
        ("long_ago = params(before=seconds(now - KEPT_AFTER_END))", "long_ago = params(before=seconds(now))"),
        ("    childless = [~exists().where(child.c.grant_id == grants.c.id) for child in (tokens, codes)]", "    childless = [~exists().where(child.c.grant_id == grants.c.id) for child in (tokens,)]"),
        ("    childless = [~exists().where(child.c.grant_id == grants.c.id) for child in (tokens, codes)]", "    childless = [~exists().where(child.c.grant_id == grants.c.id) for child in (codes,)]"),
        ('"cimd_client": timedelta(hours=24)', '"cimd_client": timedelta()'),
        ('"cimd_fetched": timedelta(), ', ""),
        (', "cimd_lease": timedelta()}', "}"),
        ("params(before=seconds(now - kept))\n    for model", "params(before=seconds(now))\n    for model"),
        ("return self._put(_LEASE_KEY, self._until, is_over) == 1", "return self._put(_LEASE_KEY, self._until, None) == 1"),
        ('mine = (self._table.c.key == b("key")) & (self._table.c.expires_at == b("mine"))', 'mine = self._table.c.key == b("key")'),
        ("    for model in (models.Registration, models.RememberedConsent):", "    for model in (models.RememberedConsent,):"),
        ("self._until = seconds(now + _LEASE)", "self._until = seconds(now)"),
    ],
)  # fmt: skip

UPKEEP = mutants(
    "flask_cimd/provider/upkeep.py",
    _guard("the_storage_is_swept_after_an_approval_and_once_in_ten_minutes"),
    [
        ("        if not self._is_due():\n            return\n", ""),
        ("                except Exception:  # the", "                except RecursionError:  # the", _guard("a_sweep_that_fails_ends_no_sign_in")),
        ("        answer.call_on_close(sweep)", "        sweep()"),
        ("            self._last = now\n", ""),
        ("limit=MOST_ROWS)", "limit=10**9)"),
        ("clock() if waits else None", "None", "tests/site/test_activity_page.py"),
    ],
)  # fmt: skip

DATABASE = mutants(
    "flask_cimd/provider/_database.py",
    "tests/provider/test_faults.py",
    [
        ("                transaction.rollback()\n                raise", "                transaction.commit()\n                raise", f"{_STORAGE}"),
        ("            except DBAPIError as exc:\n                raise _UncertainCommitError from exc", "            except RecursionError as exc:\n                raise _UncertainCommitError from exc"),
        ("                    self._db.engine.dispose()\n", "                    pass\n"),
        ("                elif not exc.connection_invalidated:\n", "                elif True:\n"),
        ("                elif not exc.connection_invalidated:\n", "                elif False:\n"),
        ("        cause.hide_parameters = True", "        pass"),
        ("    except SQLAlchemyError as exc:\n", "    except RecursionError as exc:\n"),
        ('StorageError("storage-unavailable", hint=type(original).__name__)', 'StorageError("storage-unavailable", hint=str(original))'),
        ("if sqlstate == _READ_ONLY or (", "if ("),
        ("or (isinstance(cause, DBAPIError) and _is_read_only(cause)):", ":"),
        ("if sqlstate in _MISSING or (", "if ("),
        ("or (is_sqlite and any(text in str(original) for text in _SQLITE_MISSING)):", ":"),
    ],
)  # fmt: skip

BASE = mutants(
    "flask_cimd/provider/_base.py",
    "tests/provider/test_storage_details.py tests/provider/test_models.py",
    [
        (" if self._issuer else key\n", " if self._issuer else self._issuer\n"),
        ('f"{self._issuer}\\n{key}"', 'f"{key}"'),
        ('any("\\0" in value or (', "any(("),
        ("or (not value.isascii() and _has_surrogate(value))", ""),
        ("case((column < b(name), b(name)), else_=column)", "case((column > b(name), b(name)), else_=column)"),
        ("            revoked=row[grant.revoked_at] is not None,\n", "            revoked=False,\n"),
    ],
)  # fmt: skip

HOOKS = mutants(
    "flask_cimd/provider/_hook_calls.py",
    "tests/provider/test_hook_failures.py",
    [
        ("is_usable = isinstance(found, str) and found.isprintable() and", "is_usable = isinstance(found, str) and", _walk("an_unusable_subject_is_nobody")),
        ("and 0 < len(found) <= _LONGEST_SUBJECT\n", "and 0 <= len(found) <= _LONGEST_SUBJECT\n", _walk("an_unusable_subject_is_nobody")),
        ("and 0 < len(found) <= _LONGEST_SUBJECT\n", "and 0 < len(found)\n", _walk("an_unusable_subject_is_nobody")),
        ('subject if subject.startswith(("https://", "http://")) else None', "subject", _guard("a_name_that_is_no_address_is_told_as_nobodys_address")),
        ("lambda: bool(hook(client_id, redirect_uri, error, default))", "lambda: default", _guard("the_app_decides_which_errors_are_redirected")),
        ("    except Exception:\n        logger.exception(\"the hook %s", "    except RecursionError:\n        logger.exception(\"the hook %s", _guard("a_failing_audit_ends_no_sign_in")),
        ("or found.utcoffset() is None):", "):"),
        ("            if not isinstance(found, Identity):\n", "            if False:\n"),
        ("if name is not None and not isinstance(name, str):", "if False:"),
        ('isinstance(found, AnyResponse) or found in ("deny", "skip")):', "True):"),
        ("or not all(isinstance(key, str) for key in found):", ":"),
    ],
) + mutants(
    "flask_cimd/core/app_hooks.py",
    "tests/provider/test_hook_failures.py",
    [
        ("    except Exception as exc:\n", "    except RecursionError as exc:\n"),
        (" and not isinstance(exc, KeyError):", ":"),
        ("        if isinstance(exc, answers)", "        if False"),
    ],
) + mutants(
    "flask_cimd/oauth/server/server.py",
    "tests/provider/test_hook_failures.py",
    [
        ("        answer = describe(presented.grant)\n        grant.redeem(presented, ())\n        return answer\n", "        grant.redeem(presented, ())\n        return describe(presented.grant)\n"),
    ],
)  # fmt: skip

PROVIDER: list[Mutant] = [
    *CONSENT, *AUTHORIZATION, *REMEMBERING, *WAITING, *BROWSER, *CHECKS, *APPS, *LOGIN, *HOOKS, *SITE, *ENDPOINTS, *PAGES,
    *DOCUMENTS,
    *PROVIDER_OBJECT, *TOKENS, *APPROVALS, *REQUESTS, *REGISTRATIONS, *SWEEP, *UPKEEP, *DATABASE, *BASE,
]  # fmt: skip
