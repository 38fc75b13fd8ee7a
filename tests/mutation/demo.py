"""Mutants of the worked example: the owner's pages, the site's endpoints, and what protects all of them."""

from __future__ import annotations

from .mutant import Mutant, mutants

_ACCESS = "tests/site/test_access.py"
_LOGIN = "tests/site/test_login.py"
_SESSIONS = "tests/site/account/test_sessions.py"
_COUNTERS = "tests/site/test_counters.py"
_SECURITY = "tests/site/test_security.py"
_MICROPUB = "tests/site/test_micropub.py"
_GUARDS = "tests/site/test_guards.py"
_MEDIA = "tests/site/test_media.py"
_MCP = "tests/site/test_mcp.py"
_PROFILE = "tests/site/test_profile.py"
_RULES = "tests/site/test_clients_page.py"
_FRAMING = "tests/browser/test_framing.py"

OWNER_LOGIN = [
    *mutants(
        "flask_cimd_site/account/login.py",
        _LOGIN,
        [
            ("        if is_logged_in():\n            return view", "        if True:\n            return view", _ACCESS),
            ('is_theirs and "again" not in request.args', "is_theirs", "tests/site/test_step_up.py"),
            ('is_theirs and "again" not in request.args', '"again" not in request.args'),
            ('request.full_path if request.method == "GET" else url_for("home.show")', "request.full_path", f"{_ACCESS} {_LOGIN}"),
            ('    if target.startswith("/authorize"):\n', "    if True:\n", f"{_SECURITY} {_LOGIN}"),
            ('    if target.startswith("/authorize"):\n', "    if False:\n", f"{_SECURITY} {_LOGIN}"),
            ("target.isascii() and target.isprintable() and", "target.isprintable() and"),
            ("target.isascii() and target.isprintable() and", "target.isascii() and"),
            (' and "\\\\" not in target', ""),
            (' and not target.startswith("//") else', " else"),
            ('target.startswith("/") and not', "not"),
        ],
    ),
    *mutants("flask_cimd/core/digests.py", f"{_LOGIN} {_SESSIONS}", [('hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()', "secret")]),
    *mutants(
        "flask_cimd_site/account/sessions.py",
        f"{_LOGIN} {_SESSIONS}",
        [
            ("    session.clear()  # session fixation: no member of the session before the login is kept\n", ""),
            ("    session.clear()\n    g.pop", "    g.pop"),
            ("    if found is None or not found.lives(now):\n", "    if found is None:\n"),
            ("now < self.created_at + LONGEST and ", ""),
            (" and now < self.seen_at + IDLE", ""),
            ("    if now - found.seen_at >= _NOTED_EVERY:\n", "    if True:\n"),
            ("    if now - found.seen_at >= _NOTED_EVERY:\n", "    if False:\n"),
            ("    if _MEMO not in g:\n", "    if True:\n"),
        ],
    ),
    *mutants(
        "flask_cimd_site/account/fresh.py",
        "tests/site/account/test_fresh.py",
        [
            (" if is_fresh() else ask(", " if True else ask("),
            ("services().clock() - current.proved_at < _FRESH", "True"),
            ("    @wraps(view)\n    @owner_only\n", "    @wraps(view)\n"),
        ],
    ),
]  # fmt: skip

OWNER_PAGES = [
    *mutants(
        "flask_cimd_site/owner/clients.py",
        f"{_ACCESS} {_RULES}",
        [
            ('@blueprint.get("/clients")\n@owner_only', '@blueprint.get("/clients")'),
            ('@blueprint.post("/clients/rules")\n@fresh_owner_only', '@blueprint.post("/clients/rules")'),
            ('@blueprint.post("/clients/rules/remove")\n@fresh_owner_only', '@blueprint.post("/clients/rules/remove")'),
            ('@blueprint.post("/clients/tiers/<tier>")\n@fresh_owner_only', '@blueprint.post("/clients/tiers/<tier>")'),
            ("    except ValueError:\n        return _page", "    except RecursionError:\n        return _page", _RULES),
            ("    if tier not in TIERS:\n        abort(404)\n", "", _RULES),
            ("frozenset(checked) & offered.keys()", "frozenset(checked)", _RULES),
            ("None if chosen == offered.keys() else frozenset(chosen)", "frozenset(chosen)", _RULES),
            ("subject[: _MOST_CHARACTERS + 1]", "subject[:_MOST_CHARACTERS]", _GUARDS),
            ('return {services().server.issuer: gettext("This site")} | named_resources()', "return named_resources()", _RULES),
        ],
    ),
    *mutants(
        "flask_cimd_site/check/pages.py",
        f"{_ACCESS} tests/site/test_explain_page.py tests/site/test_public_check.py",
        [
            ('@blueprint.get("/explain")\n@owner_only', '@blueprint.get("/explain")'),
            ('@blueprint.post("/explain")\n@owner_only', '@blueprint.post("/explain")'),
            ('    """Show the form to anybody whom the site lets check apps, filled in with the query\'s ``client_id``."""\n    _require_open()\n', ""),
            ("strangers with the rules of any server and behind the limit.\"\"\"\n    _require_open()\n", "strangers.\"\"\"\n"),
            ("    if not limit.charge():\n", "    if False:\n"),
            ("explain(client_id, stranger=network_of(request.remote_addr))", "explain(client_id)"),
            ("    if is_over:\n", "    if False:\n"),
            ("return make_response(page, 200, _NOINDEX)", "return make_response(page, 200)"),
            ('    if "share" in request.form:\n', "    if False:\n"),
        ],
    ),
    *mutants(
        "flask_cimd_site/check/results.py",
        "tests/site/test_public_check.py",
        [
            ("    if len(text) > LARGEST:", "    if False:"),
            (".scalar_one() > MOST:", ".scalar_one() > 10 * MOST:"),
            ("delete(_results).where(_results.c.key.in_(over))", "delete(_results)"),
            ("key=digest_of(name), made_at", "key=name, made_at"),
        ],
    ),
    *mutants(
        "flask_cimd_site/check/limit.py",
        "tests/site/test_public_check.py",
        [(' and self._limit.charge("all strangers", times=_OF_ALL)', ""), ("self._limit.charge() and ", "")],
    ),
    *mutants(
        "flask_cimd/clients/packed.py",
        "tests/site/test_public_check.py",
        [
            ("safe_text(found.client_id, _LONGEST_ADDRESS)", "found.client_id"),
            ("return safe_text(value, _LONGEST_VALUE) if is_remote", "return value if is_remote"),
            ("for step in found.steps[:_MOST_STEPS]", "for step in found.steps"),
        ],
    ),
    *mutants(
        "flask_cimd_site/owner/registered.py",
        f"{_ACCESS} tests/site/test_registered_page.py",
        [
            ('@blueprint.get("/apps/registered")\n@owner_only', '@blueprint.get("/apps/registered")'),
            ('@blueprint.post("/apps/registered/remove")\n@owner_only', '@blueprint.post("/apps/registered/remove")'),
            ("    if not here.storage.remove(client_id):\n        abort(404)\n", "    here.storage.remove(client_id)\n"),
            ("    record(Kind.UNREGISTERED, app=client_id)\n", ""),
            ("limit=PAGE_SIZE + 1)", "limit=PAGE_SIZE)"),
        ],
    ),
    *mutants(
        "flask_cimd_site/account/zones.py",
        "tests/site/account/test_zone.py",
        [
            ("    if chosen not in choices():\n", "    if not chosen:\n"),
            ("chosen if chosen in choices() else", "chosen or"),
        ],
    ),
    *mutants(
        "flask_cimd_site/provider/recording.py",
        "tests/site/test_apps.py",
        [
            ("    flash(text)\n", ""),
            ("kind, app=change.client_id or None,", "kind, app=None,"),
        ],
    ),
    *mutants(
        "flask_cimd_site/owner/setup.py",
        f"{_ACCESS} {_PROFILE}",
        [
            ('@blueprint.get("/setup")\n@owner_only', '@blueprint.get("/setup")'),
            ('@blueprint.post("/setup")\n@owner_only', '@blueprint.post("/setup")'),
            ('if not is_web_url(url) or urlsplit(url).scheme != "https":', "if not is_web_url(url):", _PROFILE),
            ("    except CIMDError as error:\n", "    except RecursionError as error:\n", _PROFILE),
            ("_LARGEST_PAGE if kind in _PAGES else 0", "_LARGEST_PAGE", _GUARDS),
            ("    if found[0] == expected:\n", "    if expected in found:\n", _PROFILE),
            ("    if not found:\n        is_extra", "    if False:\n        is_extra", _PROFILE),
            ('    if url == here.identity.me:\n', "    if True:\n", _PROFILE),
        ],
    ),
    *mutants(
        "flask_cimd_site/owner/card.py",
        f"{_ACCESS} {_PROFILE}",
        [
            ('@blueprint.get("/profile")\n@owner_only', '@blueprint.get("/profile")'),
            ('@blueprint.post("/profile")\n@owner_only', '@blueprint.post("/profile")'),
            ("    security.protect_upload(media.LARGEST_FILE + _ENVELOPE)\n", ""),
            ("    except _FieldError as error:", "    except RecursionError as error:", _PROFILE),
            ("    except ImageError as error:", "    except RecursionError as error:", _PROFILE),
            ("    if not name:\n        raise", "    if False:\n        raise", _PROFILE),
            ("    if len(urls) > _MOST_LINES:\n", "    if False:\n", _PROFILE),
            ("    if not all(is_web_url(url) for url in urls):\n", "    if False:\n", _PROFILE),
            ('safe_text(request.form.get("note", ""), _NOTE_LIMIT),\n        photo', 'request.form.get("note", ""),\n        photo', _GUARDS),
        ],
    ),
]  # fmt: skip

NOTES = mutants(
    "flask_cimd_site/site/notes.py",
    f"{_ACCESS} tests/site/test_notes.py",
    [
        ("post is None or (post.is_draft and not is_logged_in()):", "post is None:", f"{_MICROPUB} tests/site/test_notes.py"),
        ("    if post.deleted_at is not None:\n        abort(410)\n", "", f"tests/site/test_notes.py {_MICROPUB}"),
        ('@blueprint.get("/notes")\n@owner_only', '@blueprint.get("/notes")'),
        ('@blueprint.post("/notes/<slug>/publish")\n@owner_only', '@blueprint.post("/notes/<slug>/publish")'),
        ('@blueprint.post("/notes/<slug>/delete")\n@owner_only', '@blueprint.post("/notes/<slug>/delete")'),
        ("    if posts.change(slug, edit) is None:\n        abort(404)\n", "    posts.change(slug, edit)\n", _GUARDS),
        ("deleted_at=post.deleted_at or now", "deleted_at=now", "tests/site/test_notes.py"),
        ("if post.is_draft else post)", "if True else post)", "tests/site/test_notes.py"),
    ],
)  # fmt: skip

WRITING = [
    *mutants(
        "flask_cimd_site/site/numbers.py",
        "tests/site/test_notes.py",
        [
            ("text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)", "text.isdigit() and len(text) <= _MOST_DIGITS and int(text)"),
            ("text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)", "text.isascii() and text.isdigit() and int(text)"),
            ("text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)", "text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS"),
        ],
    ),
    *mutants(
        "flask_cimd_site/site/writing.py",
        "tests/site/test_writing.py",
        [
            ('@blueprint.post("/write")\n@owner_only', '@blueprint.post("/write")'),
            ('@blueprint.post("/notes/<slug>/edit")\n@owner_only', '@blueprint.post("/notes/<slug>/edit")'),
            ("newest.version != typed.version or", "False or"),
        ],
    ),
    *mutants(
        "flask_cimd_site/owner/scripts.py",
        "tests/site/test_tokens.py",
        [
            ('@blueprint.post("/tokens")\n@fresh_owner_only', '@blueprint.post("/tokens")\n@owner_only'),
            ('@blueprint.post("/tokens/end")\n@owner_only', '@blueprint.post("/tokens/end")'),
        ],
    ),
    *mutants(
        "flask_cimd_site/activity/pages.py",
        "tests/site/test_activity_page.py",
        [
            ('@blueprint.get("/activity")\n@owner_only', '@blueprint.get("/activity")'),
            ('@blueprint.get("/activity/export.<format>")\n@owner_only', '@blueprint.get("/activity/export.<format>")'),
            ("    if not feed.opens(secret):\n        abort(404)\n", ""),
        ],
    ),
]  # fmt: skip

HOME = mutants(
    "flask_cimd_site/site/home.py",
    "tests/site/test_notes.py tests/site/test_home.py",
    [
        ("    if number > 1 and not shown:\n        abort(404)\n", ""),
    ],
)  # fmt: skip

MICROPUB = mutants(
    "flask_cimd_site/site/micropub.py",
    _MICROPUB,
    [
        ("files = media.LARGEST_REQUEST if request.path == PATH else media.LARGEST_FILE", "files = media.LARGEST_REQUEST", _GUARDS),
        ("        request.max_content_length = files + _ENVELOPE\n", "", _MEDIA),
        ("    request.max_content_length = _LARGEST_TEXT\n", "    request.max_content_length = 1 << 30\n"),
        ("    if request.content_length is None and len(request.get_data()) >= _LARGEST_TEXT:\n", "    if False:\n"),
        ("@blueprint.get(PATH)\n@posting()", "@blueprint.get(PATH)"),
        ("@blueprint.post(PATH)\n@posting()", "@blueprint.post(PATH)"),
        ('@posting("media")', "@posting()", f"{_MEDIA} {_MICROPUB}"),
        ('            posting.require(current_access, "update")\n            _change', "            _change"),
        ('            posting.require(current_access, "delete")\n', ""),
        ('            posting.require(current_access, "undelete")\n', ""),
        ("if len(uploads) != 1 or len(request.files) != 1:", "if len(uploads) != 1:", _GUARDS),
        ("if len(uploads) != 1 or len(request.files) != 1:", "if not uploads:", _MEDIA),
        ("@blueprint.errorhandler(PropertyError)\n", ""),
        ("@blueprint.errorhandler(ImageError)\n", "", _MEDIA),
        ("@blueprint.errorhandler(StrictJSONError)\n", ""),
        ('    raise PropertyError("Send a form or JSON.")', '    return commands.from_form(request.form.to_dict(flat=False))', _GUARDS),
        ('    if not _may("draft"):\n        posting.require(current_access, "create")\n', ""),
        ("is_draft=command.is_draft or not may_publish,", "is_draft=command.is_draft,"),
        ("    mf2.require_substance(properties)\n    now", "    now"),
        ("    except TokenRefused:\n        return False\n    return True", "    except TokenRefused:\n        return True\n    return True"),
        ("if len(files) > media.MOST_FILES or {", "if {", _MEDIA),
        ("if len(files) > media.MOST_FILES or {", "if len(files) >= media.MOST_FILES or {", _MEDIA),
        ('or {name.removesuffix("[]") for name in request.files} - {"photo"}:', ":", _MEDIA),
        ("posts.find(slug) if url == permalink(slug) else None", "posts.find(slug)"),
        ("    if post is None:\n        raise PropertyError(\"There is", "    if False:\n        raise PropertyError(\"There is"),
        ("    if post.deleted_at is not None:\n        raise PropertyError(_DELETED)\n    properties", "    properties"),
        ('        posting.require(current_access, "create")\n    kept', "        pass\n    kept"),
        ("    mf2.require_substance(kept)\n", ""),
        ('    if not reads_drafts and not _may("draft"):\n        posting.require(current_access, "update")\n', ""),
        ("posts.editable() if reads_drafts else posts.published()[0]", "posts.editable()"),
        ("    if post.deleted_at is not None:\n        raise PropertyError(_DELETED)\n    if post.is_draft:", "    if post.is_draft:"),
        ('    if post.is_draft:\n        posting.require(current_access, "update")\n', ""),
        ("    raise PropertyError(\"q must be", "    return _source()\n    raise PropertyError(\"q must be"),
    ],
)  # fmt: skip

MEDIA = mutants(
    "flask_cimd_site/site/media.py",
    _MEDIA,
    [
        ("    if not _NAME.fullmatch(name):\n        abort(404)\n", "", _GUARDS),
        ("    if row is None:\n        abort(404)\n", "", _GUARDS),
        ("default-src 'none'; sandbox; frame-ancestors", "default-src 'none'; frame-ancestors"),
        ("    if file.seek(0, SEEK_END) > LARGEST_FILE:\n", "    if False:\n"),
        ("    if file.seek(0, SEEK_END) > LARGEST_FILE:\n", "    if file.seek(0, SEEK_END) >= LARGEST_FILE:\n", _GUARDS),
        ("    if held + len(stored.image.content) > _MOST_STORED:\n", "    if False:\n"),
        ("max_streamed_pixels=_MOST_STREAMED_PIXELS", "max_streamed_pixels=_MOST_STREAMED_PIXELS * 2"),
        ("max_edge=_LONGEST_EDGE", "max_edge=10 * _LONGEST_EDGE"),
        ("url.startswith(images) and _NAME", "_NAME", _GUARDS),
        ("url.startswith(images) and _NAME.fullmatch(url.removeprefix(images)) is not None", "url.startswith(images)", _GUARDS),
    ],
)  # fmt: skip

COMMANDS = mutants(
    "flask_cimd_site/site/commands.py",
    _MICROPUB,
    [
        ('        if action == "update":\n            raise', '        if False:\n            raise', _GUARDS),
        ("if not isinstance(kinds, list) or len(kinds) != 1 or not isinstance(kinds[0], str):", "if not isinstance(kinds, list) or not isinstance(kinds[0], str):", _GUARDS),
        ("if not isinstance(kinds, list) or len(kinds) != 1 or not isinstance(kinds[0], str):", "if not isinstance(kinds, list) or len(kinds) != 1:", _GUARDS),
        ("    if not isinstance(properties, dict):\n        raise", "    if False:\n        raise"),
        ('    if kind != "h-entry":\n', "    if False:\n"),
        ("    if kind is None:\n        raise", "    if False:\n        raise"),
        ("kinds.get(action) if isinstance(action, str) else None", "kinds.get(action)"),
        ("    if not isinstance(url, str) or not url:\n", "    if not isinstance(url, str):\n", _GUARDS),
        ("    if not isinstance(url, str) or not url:\n", "    if not url:\n"),
        ("    if replace is None and add is None and remove is None:\n", "    if False:\n"),
        ("    if not isinstance(members, dict):\n        raise PropertyError(f\"{what}", "    if False:\n        raise PropertyError(f\"{what}"),
        ("isinstance(remove, list) and all(isinstance(name, str) for name in remove)", "isinstance(remove, list)"),
        ("isinstance(remove, dict) and all(isinstance(values, list) for values in remove.values())", "isinstance(remove, dict)"),
        ("value[0] if len(value) == 1 else None", "value[0] if value else None"),
        ("if isinstance(alts, list) else (),", "if alts else (),"),
    ],
)  # fmt: skip

PROPERTIES = mutants(
    "flask_cimd_site/site/properties.py",
    f"{_MICROPUB} tests/site/test_notes.py {_PROFILE}",
    [
        ("    if not isinstance(values, list):\n        raise", "    if False:\n        raise"),
        ("    if len(values) > MOST_VALUES:\n", "    if False:\n"),
        ("        if kept and kept not in found:\n", "        if kept:\n"),
        ("    if not _SUBSTANCE & properties.keys():\n", "    if False:\n"),
        ("    except (ValueError, OverflowError) as exc:", "    except ValueError as exc:"),
        ("    if aware.year not in _YEARS:\n", "    if False:\n"),
        ('if len(url) > _LONGEST_URL or not', "if not"),
        ("or not url.isprintable() or", "or"),
        (' or " " in url or', " or"),
        (' or "\\\\" in url:', ":"),
        ("return WebURL.parse(url) is not None", "return True"),
        ("return WebURL.parse(url) is not None", 'return WebURL.parse(url.replace("@", "")) is not None'),
        ('not in ("Cc", "Cs") and', 'not in ("Cs",) and'),
        ('not in ("Cc", "Cs") and', 'not in ("Cc",) and'),
        (' and character not in "\\ufffe\\uffff"', ""),
        ("    if not isinstance(value, str):\n        raise PropertyError(f\"{name} must be text.\")", "    if False:\n        raise PropertyError(f\"{name} must be text.\")"),
        ("    if len(line) > _LONGEST_LINE:\n", "    if False:\n"),
        ("    if len(block) > _LONGEST_CONTENT:\n", "    if False:\n"),
        ('if is_html and block.count("<") > _MOST_TAGS:', "if False:"),
        ("    if url is None or not is_web_url(url):\n", "    if url is None:\n"),
        ('    if value not in ("published", "draft"):\n', "    if False:\n"),
        ('    if value != "public":\n', "    if False:\n"),
        ("        if len(result[name]) > MOST_VALUES:\n", "        if False:\n"),
    ],
)  # fmt: skip

POSTS = mutants(
    "flask_cimd_site/site/posts.py",
    f"{_MICROPUB} tests/site/test_notes.py",
    [
        ("                if held + len(values[\"properties\"]) + len(markdown or \"\") > _MOST_STORED:\n", "                if False:\n"),
        ("        except IntegrityError:  # another post has this slug\n", "        except RecursionError:  # another post has this slug\n"),
        ("    if not _SLUG.fullmatch(slug):\n        return None\n", "", f"{_SECURITY} {_MICROPUB}"),
        ("(_post.c.slug == slug) & (_post.c.version == post.version)", "_post.c.slug == slug"),
        ("_PUBLISHED = _pages(_LIVES & _post.c.is_draft.is_(False),", "_PUBLISHED = _pages(_LIVES,"),
        ("_PUBLISHED = _pages(_LIVES & _post.c.is_draft.is_(False),", "_PUBLISHED = _pages(_post.c.is_draft.is_(False),"),
        ("_EDITABLE = _pages(_LIVES,", "_EDITABLE = _pages(_post.c.id > 0,", f"{_MCP} {_MICROPUB}"),
        ("_DRAFTS = _pages(_LIVES & _post.c.is_draft.is_(True),", "_DRAFTS = _pages(_post.c.is_draft.is_(True),"),
        ("select(*columns).where(_post.c.is_draft.is_(False))", "select(*columns)"),
    ],
)  # fmt: skip

CONTENT = mutants(
    "flask_cimd_site/site/content.py",
    "tests/site/test_content.py tests/site/test_notes.py",
    [
        ("return value if media.is_own(value, images) else None", "return value"),
        ('value if value.lower().startswith(("http://", "https://", "mailto:")) else None', "value"),
        ("    return clean_block(kept)", "    return kept"),
        ("        kept = nh3.clean(kept, tags=set())\n", "        pass\n"),
        ("        if kept == before:\n            break\n", "        break\n"),
        ("        link_rel=_LINK_RELATION,\n", "        link_rel=None,\n"),
        ("_MOST_PASSES = 4", "_MOST_PASSES = 0"),
        ("str(escape(paragraph)) if _CLOSING_RUN.search(paragraph) else", ""),
        ("str(escape(paragraph)) if _CLOSING_RUN", "paragraph if _CLOSING_RUN"),
        ("is_own=media.is_own(url, media.prefix()), alt", "is_own=True, alt"),
        ('_ATTRIBUTES = {"a": {"href", "title"}', '_ATTRIBUTES = {"a": {"href", "title", "class"}'),
        ('    "ul",\n})', '    "ul", "iframe", "form",\n})'),
    ],
)  # fmt: skip

MCP = mutants(
    "flask_cimd_site/site/mcp.py",
    f"tests/site/test_mcp_tools.py {_MCP}",
    [
        ("    except StrictJSONError as error:\n        raise TokenRefused", "    except RecursionError as error:\n        raise TokenRefused"),
        ('    if message.get("method") != "tools/call":\n', '    if True:\n'),
        ("    return (needed,) if needed else ()", "    return ()", _GUARDS),
        ('    "delete_note": "notes:write",\n', '    "delete_note": "notes:read",\n', _GUARDS),
        ('    "write_note": "notes:write",\n', '    "write_note": "notes:read",\n', _GUARDS),
        ('    "read_note": "notes:read",\n', '    "read_note": "notes:write",\n', _GUARDS),
        ("max(1, min(limit, _MOST))", "limit"),
        ("                mf2.require_substance(properties)\n", ""),
        ("    if post is None or post.deleted_at is not None:\n", "    if post is None:\n"),
        ("            except mf2.PropertyError as error:\n", "            except RecursionError as error:\n"),
        ("    if not url or not server_id or not secret:\n", "    if not url:\n"),
        ("enable_dns_rebinding_protection=True", "enable_dns_rebinding_protection=False"),
        ("ResourceProtector(tokens.find, audience=url, ", "ResourceProtector(tokens.find, audience=None, "),
        ('if scope["type"] == "http" and scope["method"] != "POST":', "if False:"),
        ("needs=scopes_needed, ", ""),
        ("entry=_ENTRY)", "entry=())"),
    ],
)  # fmt: skip

ENDPOINTS = [
    *mutants(
        "flask_cimd_site/site/profile.py",
        _GUARDS,
        [
            ('@protect("profile")', "@protect()"),
            ("audience=lambda: services().configuration.base_url + PROFILE_PATH", "audience=lambda: services().server.issuer"),
        ],
    ),
    *mutants(
        "flask_cimd_site/site/xrpc.py",
        "tests/site/test_atproto_identity.py",
        [
            ('if request.args.get("handle", "").lower() != here.handle:', "if False:"),
            ('@session("atproto")', "@session()"),
            ("schemes=(DPoPScheme(read_dpop),)", "schemes=(DPoPScheme(read_dpop), __import__('flask_cimd.oauth', fromlist=['x']).BearerScheme())"),
            ("len(method) > _MAX_NSID or not", "not", _GUARDS),
            ("or not _NSID.fullmatch(method):", ":"),
            ("    if method in _QUERIES:\n", "    if False:\n"),
        ],
    ),
    *mutants(
        "flask_cimd_site/site/did.py",
        "tests/site/test_atproto_identity.py",
        [("    if here.did != did_web(here.base_url):\n        abort(404)\n", "")],
    ),
    *mutants(
        "flask_cimd_site/provider/protection.py",
        f"{_MICROPUB} tests/site/test_micropub.py",
        [
            ('implied={"create": {"draft", "media"}, ', 'implied={"create": {"draft", "media", "update"}, '),
            ('"post": {"create", "update", "draft", "media"}}', '"post": {"create", "update", "draft", "media", "delete"}}'),
            ("    audience=lambda: services().server.issuer,\n    implied", "    audience=None,\n    implied"),
        ],
    ),
    *mutants(
        "flask_cimd_site/provider/resource_servers.py",
        "tests/site/test_resource_servers.py",
        [
            ("if not Resource.is_identifier(resource_url) or not _is_protected(resource_url):", "if not Resource.is_identifier(resource_url):"),
            ("if not Resource.is_identifier(resource_url) or not _is_protected(resource_url):", "if not _is_protected(resource_url):"),
            ("        if name is None:\n            return None\n", ""),
            ("    if not turn_away(server_id):\n", "    if turn_away(server_id) is None:\n"),
        ],
    ),
    *mutants(
        "flask_cimd_site/identity.py",
        _GUARDS,
        [
            ('        if "profile" not in scope:\n            return None\n', ""),
            ('if "email" in scope and self', "if self"),
        ],
    ),
]  # fmt: skip

SECURITY = mutants(
    "flask_cimd_site/security.py",
    _SECURITY,
    [
        ('"__Host-site" if configuration.is_https else "site_session"', '"site_session"'),
        ("return _at_own_names(application, configuration)", "return application"),
        ("asked is not None and asked.host in names", "asked is not None"),
        ("{*LOOPBACK_HOSTS, urlsplit", "{urlsplit"),
        (".hostname, configuration.handle}", ".hostname}"),
        ("SESSION_COOKIE_SECURE=configuration.is_https", "SESSION_COOKIE_SECURE=False"),
        ("SESSION_COOKIE_HTTPONLY=True", "SESSION_COOKIE_HTTPONLY=False"),
        ('SESSION_COOKIE_SAMESITE="Lax"', "SESSION_COOKIE_SAMESITE=None"),
        ("MAX_CONTENT_LENGTH=64 * 1024", "MAX_CONTENT_LENGTH=65 * 1024"),
        ("MAX_FORM_PARTS=100", "MAX_FORM_PARTS=101"),
        ("frame-ancestors 'none'; base-uri", "base-uri", f"{_FRAMING}::test_the_owners_pages_are_not_shown_in_a_frame"),
        ("frame-ancestors 'none'; base-uri", "frame-ancestors *; base-uri"),
        ("default-src 'none'; style-src", "style-src"),
        ("; base-uri 'none'\"", '"'),
        ('    CSRFProtect(app)\n', "    app.extensions['csrf'] = CSRFProtect()\n", f"{_ACCESS} {_SECURITY}"),
        ("    app.after_request(_add_headers(configuration))\n", ""),
        ("_POLICY if g.get(\"may_leave\") else f\"{_POLICY}; form-action 'self'\"", "_POLICY"),
        ("_POLICY if g.get(\"may_leave\") else f\"{_POLICY}; form-action 'self'\"", "f\"{_POLICY}; form-action 'self'\""),
        ('        headers.setdefault("X-Frame-Options", "DENY")\n', ""),
        ('"X-Frame-Options", "DENY"', '"X-Frame-Options", "ALLOWALL"', f"{_FRAMING}::test_the_owners_pages_are_not_shown_in_a_frame"),
        ('        headers.setdefault("X-Content-Type-Options", "nosniff")\n', ""),
        ('        headers.setdefault("Referrer-Policy", "same-origin")\n', ""),
        ('        headers.setdefault("Cache-Control", "no-store")\n', ""),
        ('        if configuration.is_https:\n            headers', "        if True:\n            headers"),
        ('        if configuration.is_https:\n            headers', "        if False:\n            headers"),
        ("    if not configuration.is_https:\n        return _at_own", "    if True:\n        return _at_own"),
        ('        environ["HTTP_HOST"] = host\n', ""),
        ('        environ["wsgi.url_scheme"] = "https"\n', ""),
    ],
)  # fmt: skip

LIMITS = mutants(
    "flask_cimd_site/limits.py",
    "tests/site/test_limits.py tests/site/test_counters.py",
    [
        ("    limit(_PUSH, configuration.push_limit)\n", "", "tests/site/test_limits.py tests/site/test_registration.py"),
        ("    limit(registration.VIEW, configuration.registration_limit)\n", "", "tests/site/test_registration.py"),
        ('        cimd.allow_fetch(_within(Limit(counters, f"{site}/fetch", configuration.fetch_limit)))\n', "        pass\n"),
        ("        if not limit.charge():\n", "        if False:\n"),
        ("        if not has_request_context() or is_logged_in():\n            return True\n        if not limit", "        if not limit"),
    ],
)  # fmt: skip

ATTEMPTS = [
    *mutants(
        "flask_cimd_site/account/attempts.py",
        f"{_COUNTERS} tests/site/account/test_attempts.py {_LOGIN}",
        [
            ("            if hits > most * rate.amount:\n", "            if False:\n"),
            ("            self._add(key, -1)\n", "            pass\n", _LOGIN),
            ("ipv6_prefix=48)", "ipv6_prefix=64)", _COUNTERS),
            ("_OF_48, _OF_ALL = 4, 20", "_OF_48, _OF_ALL = 5, 20", _COUNTERS),
            ("_OF_48, _OF_ALL = 4, 20", "_OF_48, _OF_ALL = 4, 21", _COUNTERS),
            ("    if known is not None:\n", "    if False:\n", "tests/site/account/test_attempts.py"),
        ],
    ),
    *mutants(
        "flask_cimd_site/account/passkeys.py",
        "tests/site/account/test_passkeys.py",
        [
            ("    if found.challenge != challenge:\n", "    if False:\n"),
            ("    if found.origin != services().configuration.base_url:\n", "    if False:\n"),
            ("    challenges.spend(challenge)\n    _note_use", "    _note_use"),
            ("_passkeys.c.sign_count < count if count", "_passkeys.c.sign_count >= 0 if count"),
            ("    if row is None:\n        raise", "    if False:\n        raise"),
        ],
    ),
    *mutants(
        "flask_cimd_site/account/secrets.py",
        "tests/site/account/test_recovery.py",
        [
            (" & (_secrets.c.kind == kind) & _lives(now)", " & _lives(now)"),
            (" & (_secrets.c.kind == kind) & _lives(now)", " & (_secrets.c.kind == kind)"),
        ],
    ),
]  # fmt: skip

COUNTERS = mutants(
    "flask_cimd_site/counters.py",
    "tests/site/test_counters.py",
    [
        ("has_ended = table.c.ends_at <= now", "has_ended = table.c.ends_at < 0"),
        ("DatabaseCounters(app, clock)", "MemoryStorage()"),
        ("storage_from_string(uri) if is_redis", "MemoryStorage() if is_redis"),
        ("        except _ERRORS as exc:\n", "        except RecursionError as exc:\n"),
    ],
)  # fmt: skip

PROXIES = mutants(
    "flask_cimd_site/proxies.py",
    "tests/site/test_proxies.py",
    [
        ("1 if trusted is None else trusted", "2 if trusted is None else trusted"),
        ("hops[-1 - number] if number", "hops[0] if number"),
        ("if not is_proxy(hop)), None)", "), None)"),
        ("reversed(hops)", "hops"),
        ("network_of(address, ipv6_prefix=128)", "address"),
        ('not warned and environ.get("PATH_INFO") not in _MONITORED:', "not warned:"),
    ],
)  # fmt: skip

CONFIGURATION = mutants(
    "flask_cimd_site/config.py",
    "tests/site/test_configuration.py "
    "tests/site/test_indieauth_provider.py::test_only_a_profile_url_can_be_the_owner_s_address",
    [
        ("value == _DEVELOPMENT_KEY or len(value)", "len(value)"),
        ("or len(value) < _SHORTEST_KEY", "or not value"),
        ("    if value and len(value) < SHORTEST_PASSWORD:", "    if False:"),
        ("        if value:\n            raise Conf", "        if False:\n            raise Conf"),
        ("(development or cost * block * parallel >= _SMALLEST_SCRYPT)", "True"),
        (" and cost * block <= _LARGEST_SCRYPT", ""),
        (" and cost & (cost - 1) == 0", ""),
        ("        if not base_url:\n            raise", "        if False:\n            raise"),
        ("        _check_origin(base_url, development=development)\n", ""),
        ('(parsed.scheme == "http" and not (development and parsed.is_loopback))', "False"),
        ('not (development and parsed.is_loopback)', "not parsed.is_loopback"),
        ('not (development and parsed.is_loopback)', "not development"),
        ('    if {"/", "?", "#"} & set(url.partition("://")[2]):\n', "    if False:\n"),
        ("if not text.isdigit() or not 1 <= int(text) <= 65535:", "if not text.isdigit() or not 0 <= int(text) <= 65535:"),
        ("if not text.isdigit() or not 1 <= int(text) <= 65535:", "if not text.isdigit() or not 1 <= int(text):"),
        ("text is None or parse(text).amount > 0", "text is None or parse(text).amount >= 0"),
        ("    except ValueError:\n        is_usable = False\n", "    except ValueError:\n        is_usable = True\n"),
        ('    if not all(WebURL.parse(link) for link in links):\n', "    if False:\n"),
        ("    except UnicodeEncodeError as exc:\n", "    except RecursionError as exc:\n"),
        ("    if development:\n        return value or _DEV", "    if True:\n        return value or _DEV"),
        ("    if development:  # also shorter", "    if True:  # also shorter"),
        ("    if not named and not development:\n", "    if False:\n"),
        ('{".", ".."} & set(segments)', "False"),
        ('.replace("%2e", ".")', ""),
        ('or "@" in parts.netloc or', "or"),
        ('not well_formed or "#" in url or', "not well_formed or"),
        ('parts.path.startswith("/") and url.isascii()', 'parts.path.startswith("/")'),
        ('and not host.replace(".", "").isdigit() and', "and"),
        ('and ":" not in parts.netloc\n', "\n"),
        ('not host.endswith(".") and', ""),
        ("local = development and parts.hostname in", "local = parts.hostname in"),
        ('not (parts.scheme == "https" or (parts.scheme == "http" and local)):', "False:"),
        ('    if development:\n        defaults |= {"CIMD_ALLOW_LOOPBACK": "1"}\n', '    defaults |= {"CIMD_ALLOW_LOOPBACK": "1"}\n'),
    ],
)  # fmt: skip

ERRORS = mutants(
    "flask_cimd_site/errors.py",
    _SECURITY,
    [
        ("    app.register_error_handler(SQLAlchemyError, _show_database_error)\n", ""),
        ('        if name in ("Allow", "Retry-After"):\n', "        if True:\n", _GUARDS),
        ("    elif request.path in _MACHINE_PATHS:\n", "    elif False:\n", f"{_SECURITY} tests/site/test_oauth_endpoints.py"),
        ('    if not _is_temporary(error, cause):\n', "    if True:\n"),
        ('    if not _is_temporary(error, cause):\n', "    if False:\n"),
    ],
)  # fmt: skip

SCHEMA = mutants(
    "flask_cimd_site/schema.py",
    "tests/site/test_schema.py",
    [
        ("            fcntl.flock(lock, fcntl.LOCK_EX)\n", ""),
        ('            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})\n', ""),
    ],
)  # fmt: skip

DEMO: list[Mutant] = [
    *OWNER_LOGIN, *OWNER_PAGES, *NOTES, *WRITING, *HOME, *MICROPUB, *MEDIA, *SECURITY, *LIMITS, *COUNTERS, *PROXIES, *ENDPOINTS, *MCP,
    *CONFIGURATION, *ERRORS, *SCHEMA, *CONTENT, *POSTS, *PROPERTIES, *COMMANDS,
]  # fmt: skip
