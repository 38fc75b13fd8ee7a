"""Mutants of the way from a URL to a client."""

from __future__ import annotations

from .mutant import Mutant, mutants

_ADMISSION = "tests/clients/test_admission.py"
_EXPLAIN = "tests/clients/test_explain.py"
_KEYS = "tests/clients/test_keys.py"
_LEGACY = "tests/clients/test_legacy_clients.py"
_LOGO = "tests/clients/test_logo.py"
_PAGE = "tests/clients/test_page.py tests/clients/test_html.py tests/clients/test_markup.py"
_PINS = "tests/clients/test_pins.py tests/clients/test_admission.py"
_RESOLVER = "tests/clients/test_resolver.py"
_STALE = "tests/clients/test_stale.py"

RESOLVER = mutants(
    "flask_cimd/clients/resolver.py",
    f"{_RESOLVER} {_STALE} tests/clients/test_readmit.py tests/clients/test_without_flask.py {_ADMISSION}",
    [
        ("            self._admission.require(identifier)\n        except", "            pass\n        except"),
        (
            "            self.check_use(metadata)\n        except CIMDError as error:\n            self._report(error, identifier",
            "            pass\n        except CIMDError as error:\n            self._report(error, identifier",
        ),
        ("            self.check_use(known)\n", "            pass\n"),
        (
            "                self._admission.require(metadata.identifier)\n            self.check_use",
            "                pass\n            self.check_use",
        ),
        ("identifier = identifier or self.identify(metadata.client_id)", "identifier = metadata.identifier"),
        ("            known = replace(metadata, identifier=identifier)", "            pass"),
        ("            if not call_hook(\"allow_client\", partial(hook, metadata), ANSWERS):\n", "            if False:\n"),
        ("if not isinstance(failure, FetchError | DocumentError) or", "if"),
        (" or isinstance(failure, GoneError):\n            return None", ":\n            return None"),
        ("        identifier = self.identify(client_id)\n        entry", "        identifier = parse_identifier(client_id, self._settings.identifier_rules)\n        entry"),
        ("self._clock() >= entry.expires_at + self._settings.stale_max:", "False:"),
        ("self._clock() >= entry.expires_at + self._settings.stale_max:", "self._clock() >= entry.expires_at:"),
        ("        self.check_use(entry.metadata)\n", ""),
        ("        self._loader.read(identifier, found)\n", ""),
        ("if entry is not None and entry.is_fresh(self._clock()):", "if entry is not None:"),
        ("if not all(call_hook(", "if False and all(call_hook("),
        ("if not all(call_hook(", "if not any(call_hook("),
        (
            "        metadata = coalescing.run(identifier.raw, lead)\n",
            "        metadata = lead()\n",
            "tests/clients/test_behaviours.py tests/fetch tests/test_extension.py",
        ),
        (
            "        if before is not None and before.is_fresh(self._clock()):\n            return (before",
            "        if False:\n            return (before",
        ),
        ("            self._cache.delete(identifier.raw)\n            raise", "            raise"),
        ("loaded.lifetime is not None and self._keep", "self._keep", _RESOLVER),
        ("if is_live and before is not None and before.metadata", "if before is not None and before.metadata", _RESOLVER),
        ("before.metadata.fingerprint != loaded.metadata.fingerprint:", "True:"),
        ("if identifier is not None and not isinstance(error, IdentifierError):", "if identifier is not None:"),
        ("        error.client_id = client_id\n", "", _RESOLVER),
        ("safe_for_log(error.hint or error.client_id)", "error.hint or error.client_id", _RESOLVER),
    ],
)  # fmt: skip

STRANGERS = mutants(
    "flask_cimd/clients/parts.py",
    "tests/provider/test_strangers.py",
    [
        ("        cache=cache,\n        budget=budget,\n        loader=loader,\n        linked=LinkedFetcher(fetcher, budget, parts", "        loader=loader,\n        linked=LinkedFetcher(fetcher, budget, parts"),
        ("        loader=loader,\n        linked=LinkedFetcher(fetcher, budget, parts", "        linked=LinkedFetcher(fetcher, budget, parts"),
        ("cache, FOR_STRANGERS, threads=2", "cache, LookUps(99), threads=2"),
        ("cache, FOR_KNOWN_CLIENTS, threads", "cache, FOR_STRANGERS, threads"),
        (", reserve=reserve)\n", ")\n"),
        (" or not stranger.has_grant(client_id):", ":"),
        ("threads=2 * settings.max_fetches", "threads=3 * settings.max_fetches", "tests/site/test_limits.py"),
    ],
)  # fmt: skip

ADMISSION = mutants(
    "flask_cimd/clients/admission.py",
    f"{_RESOLVER} {_ADMISSION}",
    [
        ("identifier.raw in snapshot.admitted and not self._is_outdated(snapshot):", "identifier.raw in snapshot.admitted:"),
        ("        self.static.require_not_denied(identifier)\n", ""),
        ("        snapshot.policy.require(identifier)\n", "", f"{_ADMISSION} tests/core/test_policy.py"),
        ("if identifier.kind is not IdentifierKind.REGISTERED and len", "if len", "tests/clients/test_readmit.py tests/oauth/test_registered_clients.py tests/site/test_registration.py"),
        ("and len(snapshot.admitted) < _MAX_ADMITTED:", "and True:"),
        ("return self.static.is_denied(host) or self._current().policy.is_denied(host)", "return self.static.is_denied(host)", f"{_KEYS} {_LOGO}"),
        ("return self.static.is_denied(host) or self._current().policy.is_denied(host)", "return self._current().policy.is_denied(host)", _RESOLVER),
        ('json.dumps({"decision": rule.decision}))\n        self._snapshot = None', 'json.dumps({"decision": rule.decision}))'),
        ("        removed = self._records.remove(_RULE, subject)\n        self._snapshot = None\n", "        self._snapshot = None\n        removed = self._records.remove(_RULE, subject)\n"),
        ("        removed = self._records.remove(_RULE, subject)\n        self._snapshot = None\n", "        removed = self._records.remove(_RULE, subject)\n"),
        ("json.dumps(members))\n        self._snapshot = None", "json.dumps(members))"),
        ("pin.to_json())\n        self._snapshot = None", "pin.to_json())"),
        ("        removed = self._records.remove(_PIN, client_id)\n        self._snapshot = None\n", "        self._snapshot = None\n        removed = self._records.remove(_PIN, client_id)\n"),
        ("        removed = self._records.remove(_PIN, client_id)\n        self._snapshot = None\n", "        removed = self._records.remove(_PIN, client_id)\n"),
        ("            if client_id not in self._current().pinned:\n                return None\n", ""),
        ("        except (ValueError, StoreError) as exc:\n            logger.warning(\"a pinned", "        except (ValueError,) as exc:\n            logger.warning(\"a pinned"),
        ("        except (ValueError, StoreError) as exc:\n            logger.warning(\"a pinned", "        except (StoreError,) as exc:\n            logger.warning(\"a pinned"),
        ("if snapshot is None or self._is_outdated(snapshot):", "if snapshot is None:"),
        ("if snapshot is None or self._is_outdated(snapshot):", "if True:"),
        ("self._clock() - snapshot.read_at >= REREAD_AFTER", "self._clock() - snapshot.read_at > REREAD_AFTER"),
        ("            if before is None:\n", "            if False:\n"),
        ("            return replace(before, read_at=now)", "            raise"),
        ("            return replace(before, read_at=now)", "            return before"),
        ("except (ValueError, KeyError, TypeError, StoreError) as exc:", "except StoreError as exc:"),
        ("return not isinstance(self._records, MemoryRecords)", "return True", f"{_ADMISSION} tests/cli"),
    ],
)  # fmt: skip

LOADING = mutants(
    "flask_cimd/clients/loading.py",
    f"{_ADMISSION} {_LEGACY} tests/clients/test_behaviours.py {_STALE}",
    [
        ("        with self._budget.for_document(identifier):\n", "        if True:\n"),
        ("                error.host = identifier.display_host\n", "", "tests/clients/test_key_outage.py"),
        ("                self._report(error, started)\n", "", "tests/clients/test_key_outage.py"),
        ("                self._budget.note_failure(identifier, error)\n                raise", "                raise"),
        ("        self._compare_with_pin(metadata)\n", ""),
        ("lifetime=lifetime.seconds if lifetime.storable else None)", "lifetime=lifetime.seconds)", _RESOLVER),
        ("accept=_JSON_OR_PAGE if self._settings.indieauth else _JSON_ONLY,", "accept=_JSON_OR_PAGE,"),
        ("self._max_page_size if self._settings.profile.follow_page_redirects else None", "self._max_page_size"),
        ("            document_host=identifier.host,\n", "", "tests/clients/test_private_hosts.py"),
        ("        if identifier.kind is IdentifierKind.VIRTUAL:\n            return virtual_client(identifier)\n", "", _RESOLVER),
        ("        if self._is_document(response.media_type):\n            rules", "        if is_json(response.media_type):\n            rules", "tests/core/test_profile.py tests/clients/test_behaviours.py tests/test_extension.py tests/clients"),
        ("pinned = self._pinned(identifier) if stands_in(error, log.status) else None", "pinned = self._pinned(identifier)"),
        ("lifetime=self._settings.bounds.minimum.total_seconds())", "lifetime=None)"),
        ('origin="unread", lifetime=None)', 'origin="unread", lifetime=60)'),
        ("        self._budget.note_failure(identifier, error)\n        raise error", "        raise error", f"{_STALE}"),
        ("        if not self._settings.continue_without_client_info:\n            return False\n", ""),
        ("return not isinstance(error, AddressBlockedError) and not self", "return not self"),
        (" and not self._is_document(media_type.strip().lower())", ""),
        ("        except DocumentError as error:  # the rules", "        except RecursionError as error:  # the rules"),
        ("if pinned is not None and pinned.fingerprint != live.fingerprint:", "if pinned is not None:"),
        ("self._settings.profile.lenient_media_type and media_type", "media_type"),
        ("            return self._settings.max_document_size\n", "            return self._settings.max_html_size\n"),
        ("return self._max_page_size(media_type) if self._settings.indieauth else 0", "return self._max_page_size(media_type)"),
        ("return self._settings.max_html_size if media_type in _PAGE_TYPES else 0", "return self._settings.max_html_size"),
        ("        publishes_redirects=False,\n", "        publishes_redirects=True,\n", _RESOLVER),
        ('return _JSON.fullmatch(media_type) is not None', 'return _JSON.match(media_type) is not None'),
        (r'"application/(?:[a-z0-9][a-z0-9!#$&^_.+-]*\+)?json"', r'"application/(?:.*\+)?json"'),
    ],
)  # fmt: skip

PINS = mutants(
    "flask_cimd/clients/pins.py",
    _PINS,
    [
        ("    if status in (404, 410):  # even", "    if status in (404,):  # even"),
        ("    if status in (404, 410):  # even if the deadline passed before the body was read\n        return False\n", ""),
        ('if isinstance(error, DeadlineExceededError) or error.phase in ("connect", "tls"):', 'if error.phase in ("connect", "tls"):'),
        ('error.phase in ("connect", "tls"):', 'error.phase in ("tls",):'),
        ('error.phase in ("connect", "tls"):', 'error.phase in ("connect",):'),
        ('return error.slug == "name-not-found"', "return True"),
        ('return error.slug == "name-not-found"', "return False"),
        ('return error.slug in ("truncated", "bad-response") or status', "return status"),
        ("status in (401, 403, 429)", "status in (401, 403)"),
        ("(status or 0) >= 500", "(status or 0) > 500"),
        ("(status or 0) >= 500", "(status or 0) >= 300"),
        ("except (TypeError, KeyError, AttributeError) as exc:", "except (TypeError,) as exc:"),
        ("except (TypeError, KeyError, AttributeError) as exc:", "except (KeyError, AttributeError) as exc:"),
        ("validate=True", "validate=False"),
    ],
)  # fmt: skip

LINKED = mutants(
    "flask_cimd/clients/linked.py",
    f"{_KEYS} {_LOGO} tests/clients/test_private_hosts.py",
    [
        ("        if self._admission.is_denied(host):\n", "        if False:\n"),
        ("        with self._budget.for_linked(host, client_id):\n", "        if True:\n"),
        ("                document_host=urlsplit(client_id).hostname,\n", "                document_host=host,\n", "tests/clients/test_private_hosts.py"),
        ("                document_host=urlsplit(client_id).hostname,\n", "", "tests/clients/test_private_hosts.py"),
    ],
)  # fmt: skip

KEYS = mutants(
    "flask_cimd/clients/keys.py",
    f"{_KEYS} tests/clients/test_key_outage.py",
    [
        ("return kid is None or any(", "return any("),
        ('any(key.get("kid") == kid for key in self.keys)', "True"),
        ("        if metadata.jwks_uri is None:\n            return ()\n", ""),
        ("if kept is not None and now < kept.expires_at and kept.has(kid):", "if kept is not None and kept.has(kid):"),
        ("if kept is not None and now < kept.expires_at and kept.has(kid):", "if kept is not None and now < kept.expires_at:"),
        ("now < kept.tried_at + PAUSE and now", "now"),
        ("now < kept.tried_at + PAUSE and now < self._last_use(kept):", "now < kept.tried_at + PAUSE:"),
        ('lambda: self._coalescing.run(f"jwks {key}", lambda: self._renew(key, metadata, self._linked)),', "lambda: self._renew(key, metadata, self._linked),"),
        ("        except GoneError:\n", "        except RecursionError:\n"),
        ("            self._store.put(key, Fetched(None, now + PAUSE), now)\n", ""),
        ("            if before is None or now >= self._last_use(before):\n", "            if before is None:\n"),
        ("            if before is None or now >= self._last_use(before):\n", "            if True:\n"),
        ("except (FetchError, DocumentError) as error:", "except FetchError as error:"),
        ("replace(before, tried_at=now)", "before"),
        ("MAX_KEY_SET if _may_be_keys(media_type) else 0", "MAX_KEY_SET"),
        ("MAX_KEY_SET if _may_be_keys(media_type) else 0", "1 << 20 if _may_be_keys(media_type) else 0"),
        ('["jwks", metadata.client_id, metadata.jwks_uri]', '["jwks", metadata.jwks_uri]'),
        ('["jwks", metadata.client_id, metadata.jwks_uri]', '["jwks", metadata.client_id]'),
        ("    if problems:\n        raise", "    if False:\n        raise"),
        ("            self._report(error, urlsplit(metadata.jwks_uri or \"\").netloc, started)\n", ""),
        ("    except StrictJSONError as exc:\n        raise DocumentError", "    except RecursionError as exc:\n        raise DocumentError"),
    ],
)  # fmt: skip

LOGO = mutants(
    "flask_cimd/clients/logo.py",
    f"{_LOGO} tests/clients/test_logo_bounds.py",
    [
        ("        except ImportError as exc:\n            raise ConfigurationError", "        except RecursionError as exc:\n            raise ConfigurationError"),
        ("return min(TIMEOUT, settings.fetch_timeout)", "return settings.fetch_timeout"),
        ("return min(TIMEOUT, settings.fetch_timeout)", "return TIMEOUT"),
        ("if kept is None or kept.expires_at <= self._clock():", "if kept is None:"),
        ("if kept is None or kept.expires_at <= self._clock():", "if True:"),
        ("            except CIMDError:\n                return None\n        return key", "            except RecursionError:\n                return None\n        return key"),
        ("return key if kept.content is not None else None", "return key"),
        ("kept is not None and kept.expires_at > self._clock() else None", "kept is not None else None"),
        ("hmac.new(self._secret, ", 'hmac.new(b"", '),
        ('f"{client_id}\\n{logo_uri}"', "logo_uri"),
        ("0 if media_type in _NO_PICTURES else settings.max_logo_size", "settings.max_logo_size"),
        ("0 if media_type in _NO_PICTURES else settings.max_logo_size", "0 if media_type in _NO_PICTURES else 1 << 24"),
        ("except (CIMDError, NotAPicture) as error:", "except CIMDError as error:"),
        ("except (CIMDError, NotAPicture) as error:", "except NotAPicture as error:"),
        ('return hashlib.sha256(f"logo {key}".encode()).hexdigest()', "return key"),
        ("    return draw(response.body)\n", "    return response.body\n"),
        ("logos.read(key) if _KEY.fullmatch(key) else None", "logos.read(key)"),
        ("    if png is None:\n        abort(404)\n", ""),
        ('    response.headers["X-Content-Type-Options"] = "nosniff"\n', ""),
        ("    response.headers[\"Content-Security-Policy\"] = \"default-src 'none'; sandbox\"\n", ""),
        ('    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"\n', ""),
        ("else now + _FAILURE_LIFETIME)", "else ends)"),
        ("MAX_PIXELS = 2048 * 2048", "MAX_PIXELS = 4096 * 4096"),
        ("MAX_STREAMED_PIXELS = 4096 * 4096", "MAX_STREAMED_PIXELS = 8192 * 4096"),
    ],
)  # fmt: skip

IMAGES = mutants(
    "flask_cimd/clients/images.py",
    f"{_LOGO} tests/clients/test_strips.py tests/site/test_media.py",
    [
        ("if width * height > limit or", "if"),
        ("if width * height > limit or", "if width * height >= limit or"),
        (" or max(width, height) > _LONGEST_EDGE:", ":"),
        ("limit = max_streamed if is_png or _can_skip(picture) else max_pixels", "limit = max_streamed"),
        (' and not picture.info.get("progressive")', ""),
        ("            _check_icons(file.read())\n", "            pass\n"),
        ("except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:", "except Image.DecompressionBombError as exc:"),
        ("except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:", "except Image.DecompressionBombWarning as exc:"),
        ("    except _TROUBLE as exc:", "    except RecursionError as exc:"),
        ("formats=_READ) as picture:", "formats=None) as picture:"),
        ("    ImageOps.exif_transpose(small, in_place=True)\n", ""),
        ("share = min(1, max_edge / max(size))", "share = 1"),
        ('kind != "JPEG" and picture.has_transparency_data', "False"),
    ],
)  # fmt: skip

HTML = [
    *mutants(
        "flask_cimd/clients/html.py",
        _PAGE,
        [
            ('    if body.count(b"<") > _MOST_TAGS:\n', "    if False:\n"),
            ("    except _PARSER_ERRORS as exc:\n", "    except RecursionError as exc:\n"),
            ("base, links = page.base(final_url), ", "base, links = final_url, "),
        ],
    ),
    *mutants(
        "flask_cimd/clients/markup.py",
        _PAGE,
        [
            ("if not self.is_inert(one)), None)", "), None)"),
            ('return base if base.startswith(("https://", "http://")) else url', "return base"),
            ('(element.get("rel") or "").lower().split()', '(element.get("rel") or "").split()'),
            ('relation in (element.get("rel") or "").lower().split()', 'relation in (element.get("rel") or "").lower()'),
            ("has_relation and href.strip() and not self.is_inert(element):", "has_relation and not self.is_inert(element):"),
            ("has_relation and href.strip() and not self.is_inert(element):", "has_relation and href.strip():"),
            ('if wanted & set(element.get("class").split()):', "if True:"),
            ("            if parent.tag in _INERT:\n                break\n", ""),
            ('"(//link[@href])', '"(//*[@href])'),
            ('{"template", "textarea", ', '{"textarea", '),
            ('"svg", "math"})', '"svg"})'),
            ("        except _PARSER_ERRORS:  # the", "        except RecursionError:  # the"),
            ("        self._inert.update(dict.fromkeys(climbed, verdict))\n", ""),
        ],
    ),
    *mutants(
        "flask_cimd/clients/microformats.py",
        _PAGE,
        [
            ("islice(page.with_class(sorted(APP_TYPES)), MOST_APPS)", "page.with_class(sorted(APP_TYPES))"),
            ("for parent in element.iterancestors()) or page.is_inert(element):", "for parent in element.iterancestors()):"),
            ("        if size <= budget:\n", "        if True:\n"),
            ("            budget -= size\n", ""),
            ("    return sorted(outer, key=_is_nested)", "    return outer"),
            ("        if count > budget or (is_element and depth > _MOST_DEPTH):\n", "        if count > budget:\n"),
            ("        if count > budget or (is_element and depth > _MOST_DEPTH):\n", "        if is_element and depth > _MOST_DEPTH:\n"),
            ("inner = times * _readings(node) if is_element else 0", "inner = times if is_element else 0"),
            ('[name for name in _classes(element) if _MICROFORMAT_CLASS.match(name)]', "_classes(element)"),
            ('    attributes.pop("rel", None)\n', ""),
            ('    copy.append(Tag(name="base", attrs={"href": base}))\n', ""),
        ],
    ),
]  # fmt: skip

EXPLAIN = mutants(
    "flask_cimd/clients/explain.py",
    _EXPLAIN,
    [
        ("                self._resolver.check_use(metadata)\n", "                pass\n"),
        ("            self._resolver.identify(client_id)\n", ""),
        ("            with self._budget.for_document(identifier, after_failure=True):\n", "            if True:\n"),
        ("for_document(identifier, after_failure=True)", "for_document(identifier)", f"{_EXPLAIN} tests/cli"),
        ("        except FetchError:\n            found.verdict = \"unreachable\"", "        except FetchError:\n            found.verdict = \"refused\""),
        ('            found.verdict = "refused"\n            _problems', '            _problems'),
        ("            if not any(step.rule == error.slug for step in found.steps):\n", "            if True:\n"),
        ('            found.verdict = "refused"\n            if not any', "            if not any"),
        ("            found.verdict = \"unreachable\"\n            rule, said, advice", "            rule, said, advice"),
        ("            found.verdict = \"refused\"\n            for problem in error.problems:", "            for problem in error.problems:"),
        ("            response = self._fetch(found, identifier) if not identifier.is_built_in else None\n", "            response = self._fetch(found, identifier)\n"),
        ("                self._members(found, identifier, response).left_out()\n", "                pass\n"),
        ("metadata.jwks_uri is not None and not KEY_METHODS.isdisjoint(metadata.accepted_auth_methods)", "metadata.jwks_uri is not None"),
        ("        if not self._settings.logos:\n", "        if False:\n"),
        ("        except NotAPicture as reason:\n", "        except RecursionError as reason:\n"),
        ("safe_for_log(str(key.get('kid', key['kty'])))", "str(key.get('kid', key['kty']))"),
    ],
)  # fmt: skip

EXPLAINED = [
    *mutants(
        "flask_cimd/clients/explained_fetch.py",
        f"{_EXPLAIN} tests/clients/test_explain_to_strangers.py",
        [
            ("safe_for_log(log.headers[name])", "log.headers[name]"),
            ("    if not lifetime.storable:\n", "    if False:\n"),
            ("    if is_public and error.slug in _LOOK_UPS", "    if error.slug in _LOOK_UPS and False"),
            ("    if is_public:\n        _checked", "    if False:\n        _checked"),
            ("    if log.addresses and is_vetted:\n", "    if log.addresses:\n"),
        ],
    ),
    *mutants(
        "flask_cimd/clients/parts.py",
        "tests/clients/test_explain_to_strangers.py",
        [
            ("    admission = Admission(Policy(), MemoryRecords())\n", "    admission = strangers.admission\n"),
            ("replace(strangers.fetcher.settings, private_hosts={})", "strangers.fetcher.settings"),
            ("        notify=send_none,\n        reserve=None,\n", "        reserve=None,\n"),
        ],
    ),
    *mutants(
        "flask_cimd/clients/explanation.py",
        f"{_EXPLAIN} tests/cli",
        [
            ('{"usable": 0, "refused": 1, "unreachable": 3}', '{"usable": 0, "refused": 0, "unreachable": 3}'),
            ("explanation.client_id if explanation.client_id.isprintable() else ascii(explanation.client_id)", "explanation.client_id"),
        ],
    ),
    *mutants(
        "flask_cimd/clients/explained_members.py",
        _EXPLAIN,
        [
            ('pointer = "/" + safe_for_log(name)', 'pointer = "/" + name'),
            ("[safe_for_log(item) for item in published", "[item for item in published"),
            ("            if pointer in self._ignored:\n", "            if False:\n"),
            ('            elif value is None:\n', "            elif False:\n"),
        ],
    ),
]  # fmt: skip

CLIENTS: list[Mutant] = [
    *RESOLVER, *STRANGERS, *ADMISSION, *LOADING, *PINS, *LINKED, *KEYS, *LOGO, *IMAGES, *HTML, *EXPLAIN, *EXPLAINED,
]  # fmt: skip
