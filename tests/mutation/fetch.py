"""Mutants of the guarded fetch."""

from __future__ import annotations

from .mutant import Mutant, mutants

_CONNECTION = "tests/fetch/test_connection.py"
_FETCHER = "tests/fetch/test_fetcher.py"
_STRANGERS = "tests/provider/test_strangers.py"
_SESSION = "tests/fetch/test_session.py"

GUARD = mutants(
    "flask_cimd/fetch/guard.py",
    _CONNECTION,
    [
        (
            "if self.proxy is not None and proxy_url(self.proxy) is None:",
            "if False:",
            "tests/test_extension.py tests/test_settings.py",
        ),
        (
            'if found.scheme not in ("http", "https") or not found.host:',
            "if not found.host:",
            "tests/test_extension.py tests/test_settings.py",
        ),
        ("        if not left:\n            raise self.too_late()\n", ""),
        ("if parsed is None or parsed.port == 0:", "if parsed is None:"),
        ('            if "@" in re.split', "            if False and re.split"),
        (
            "if self.settings.allowed_ports is not None and parsed.effective_port not in self.settings.allowed_ports:",
            "if self.settings.allowed_ports is not None and parsed.port and parsed.port not in self.settings.allowed_ports:",
        ),
        (
            "if self.settings.allowed_ports is not None and parsed.effective_port not in self.settings.allowed_ports:",
            "if False:",
        ),
        ('forwarded = self.settings.proxy is not None and parsed.scheme == "http"', "forwarded = False"),
        (
            "            self._deadline.watch(connected)\n            connected.settimeout(self.remaining())\n        except",
            "            connected.settimeout(self.remaining())\n        except",
            f"{_CONNECTION} {_FETCHER}",
        ),
        (
            "            self._deadline.watch(connected)\n            connected.settimeout(self.remaining())\n        return",
            "            connected.settimeout(self.remaining())\n        return",
            _SESSION,
        ),
        ("is_allowed = self.settings.development_hosts[host] == (address, port)", "is_allowed = True", _SESSION),
        (
            "if any(self._blocks(host, address) for address in addresses):",
            "if all(self._blocks(host, address) for address in addresses):",
        ),
        ("if any(self._blocks(host, address) for address in addresses):", "if self._blocks(host, addresses[0]):"),
        ("if any(self._blocks(host, address) for address in addresses):", "if False:"),
        (
            "        if host in self.settings.development_hosts:\n            return [self.settings.development_hosts[host]]\n",
            "",
        ),
        (
            "return [(address, port) for address in addresses]\n\n    def _blocks",
            "return [(host, port)]\n\n    def _blocks",
        ),
        ("return private_reason(address, self.settings.private_hosts[host]) is not None", "return False"),
        (
            "loopback = self.settings.allow_loopback and host in LOOPBACK_HOSTS",
            "loopback = self.settings.allow_loopback",
        ),
        ("loopback = self.settings.allow_loopback and host in LOOPBACK_HOSTS", "loopback = host in LOOPBACK_HOSTS"),
        ("nat64=self.settings.nat64) is not None", "nat64=False) is not None"),
        ("nat64=self.settings.nat64) is not None", "nat64=True) is not None"),
        (
            "return host == self._document_host and host in self.settings.private_hosts",
            "return host in self.settings.private_hosts",
        ),
        (
            "look_up\n        try:\n            addresses = self._look_ups.run(resolve, host, port, self.remaining())",
            "look_up\n        try:\n            addresses = resolve(host, port)",
        ),
        ("        if not addresses:\n            raise FetchError", "        if False:\n            raise FetchError"),
        ("except (OSError, UnicodeError) as exc:", "except OSError as exc:"),
    ],
)

DEADLINE = mutants(
    "flask_cimd/fetch/deadline.py",
    f"{_CONNECTION} {_FETCHER}",
    [
        (
            "            if self.has_passed:\n                _shut_down(self._socket)\n\n    def expire",
            "\n    def expire",
        ),
        ("            if self.is_over:\n                return\n", ""),
        ("        self.has_passed = False\n", "        self.has_passed = True\n"),
        (
            "is_first = not self._deadlines or deadline.ends_at < self._deadlines[0][0]",
            "is_first = not self._deadlines",
        ),
        ("            elif is_first:\n", "            elif False:\n"),
        ("            if self._socket is not None:\n                _shut_down(self._socket)\n\n\ndef", "\n\ndef"),
    ],
)

HAPPY_EYEBALLS = mutants(
    "flask_cimd/fetch/happy_eyeballs.py",
    _CONNECTION,
    [
        ("(alternate(targets)[:MOST_ATTEMPTS]", "(alternate(targets)"),
        ("(alternate(targets)[:MOST_ATTEMPTS]", "(list(targets)[:MOST_ATTEMPTS]"),
        ("until = min(until, self._next_at)", "pass"),
        (
            "== 0:\n                self._selector.unregister(key.fileobj)",
            ">= 0:\n                self._selector.unregister(key.fileobj)",
        ),
        ("        self._next_at = 0.0  #", "        pass  #"),
        ("(end, _) in self._ends.items() if end <= now]", "(end, _) in self._ends.items() if False]"),
    ],
)

LOOK_UP = mutants(
    "flask_cimd/fetch/look_up.py",
    _CONNECTION,
    [
        ("            if self._under_way >= self.most:", "            if False:"),
        ("answer.get(timeout=seconds)", "answer.get()"),
        ("                self._under_way -= 1\n", "                pass\n"),
        ("    for instance in _instances:\n        instance.reset()\n", "    pass\n"),
    ],
)

CONNECTION = mutants(
    "flask_cimd/fetch/connection.py",
    f"{_FETCHER} {_CONNECTION}",
    [
        ("context.hostname_checks_common_name = False", "pass"),
        ("cafile=ca_bundle or certifi.where()", "cafile=certifi.where()"),
        ("return self.guard.connect(self._dns_host, self.port)", "return super()._new_conn()"),
        (
            "super().putrequest(method, self.guard.target, *args, **kwargs)",
            "super().putrequest(method, url, *args, **kwargs)",
            "tests/publish/test_session.py",
        ),
        (
            'connect()  # type: ignore[misc]  # the sibling\'s\n        self.guard.phase = "response"',
            "connect()  # type: ignore[misc]  # the sibling's",
        ),
        ("if self._tunnel_host is None:", "if False:"),
        ('cert_reqs="CERT_REQUIRED"', 'cert_reqs="CERT_NONE"'),
        ('if proxy is not None and aimed.scheme == "https":', "if False:"),
        (
            "    if proxy is None or not proxy.auth:\n        return {}\n    return dict",
            "    return {}\n    return dict",
        ),
        ("        return self.guard.resume(self.sock, self._dns_host)", "        return True", _SESSION),
        (
            '        if self._tunnel_host is None:\n            self.guard.phase = "tls"\n',
            "        if self._tunnel_host is None:\n            pass\n",
        ),
        ('_tunnel()\n        self.guard.phase = "tls"\n', "_tunnel()\n"),
        (
            "            self.guard.log.tls = self.sock.version()\n",
            "",
            f"{_FETCHER} {_CONNECTION} tests/clients/test_explain.py",
        ),
        (
            "            self.guard.log.certificate_ends = str(",
            "            str(",
            f"{_FETCHER} {_CONNECTION} tests/clients/test_explain.py",
        ),
        ('"timeout": guard.remaining(), ', ""),
        ('if "https" in (aimed.scheme, proxy.scheme if proxy else "")', 'if "https" in (aimed.scheme, "")'),
        ("headers, scheme = proxy_headers(guard.settings), ", "headers, scheme = {}, "),
        ("dict(make_headers(proxy_basic_auth=unquote(proxy.auth)))", "dict(make_headers(proxy_basic_auth=proxy.auth))"),
    ],
)

FETCHER = mutants(
    "flask_cimd/fetch/fetcher.py",
    f"{_FETCHER} tests/clients/test_behaviours.py",
    [
        ("if not url.lower().startswith(self._schemes):", "if False:"),
        ("if later is None or hop == _MOST_HOPS:", "if hop == _MOST_HOPS:"),
        (
            "if later is None or hop == _MOST_HOPS:",
            "if later is None:",
            f"{_FETCHER} tests/clients/test_legacy_clients.py",
        ),
        ("later if hop and later else first", "first", f"{_FETCHER} tests/clients/test_legacy_clients.py"),
        ('"Accept-Encoding": "identity"}', '"Accept-Encoding": "gzip"}'),
        ('"Accept": accept, ', '"Accept": "*/*", '),
        ("    if not limit:\n", "    if False:\n"),
        ("_REDIRECTS = (301, 302, 303, 307, 308)", "_REDIRECTS = (301, 302, 303, 307)"),
        ("    if status != 200:\n", "    if not 200 <= status < 300:\n"),
        ("if status in (404, 410):", "if status == 404:", "tests/fetch/test_fetcher.py tests/clients"),
        ('if coding not in ("", "identity"):', "if False:"),
        ("not _SENDABLE.fullmatch(target) or not stays", "not stays"),
        ("or not stays or before.hostname != after.hostname:", "or not stays:"),
        ("or not stays or before.hostname != after.hostname:", "or before.hostname != after.hostname:"),
        ("or (upgrades and after.port is None)", ""),
        ("        if len(body) > limit:\n", "        if len(body) > limit + 1:\n"),
        ('"transfer-encoding" not in headers and announced.strip() != str(len(body)):', "False:"),
        (
            "    except CIMDError:\n        if guard.is_late:\n            raise guard.too_late() from None\n",
            "    except CIMDError:\n",
        ),
        ("        raise _translate(exc, guard) from exc\n", "        raise\n"),
        ("    if guard.is_late:\n        raise guard.too_late()\n\n\ndef _translate", "\n\ndef _translate"),
        ('if guard.phase == "tls" or isinstance', "if isinstance"),
        ('self.settings.allow_http else ("https://",)', 'True else ("https://",)'),
        ("return self.body.removeprefix(codecs.BOM_UTF8)", "return self.body", "tests/fetch tests/clients"),
        (
            "            deadline or self.settings.timeout,\n",
            "            self.settings.timeout,\n",
            f"{_FETCHER} tests/clients/test_logo_bounds.py",
        ),
        (
            "document_host.lower() if document_host else None",
            "document_host",
            "tests/fetch tests/clients/test_private_hosts.py",
        ),
        ("            if connection.proxy_is_forwarding:\n", "            if False:\n", f"{_FETCHER} {_CONNECTION}"),
        ("            if connection.proxy_is_forwarding:\n", "            if True:\n", f"{_FETCHER} {_CONNECTION}"),
        ("    except ValueError:\n        stays, target", "    except RecursionError:\n        stays, target"),
        ("    if not location or not _SENDABLE", "    if not _SENDABLE"),
        ("    _require_ok(answer.status, headers)\n", ""),
        (
            "if is_visible(media_type) and len(media_type) < 80 else",
            "if len(media_type) < 80 else",
            "tests/fetch tests/clients",
        ),
        (
            "if is_visible(media_type) and len(media_type) < 80 else",
            "if is_visible(media_type) else",
            "tests/fetch tests/clients",
        ),
        (
            "    while chunk := raw.read1(_CHUNK, decode_content=False):\n        guard.remaining()\n",
            "    while chunk := raw.read1(_CHUNK, decode_content=False):\n",
        ),
        ("        if reads > _MOST_READS:\n", "        if False:\n", "tests/fetch tests/clients/test_behaviours.py"),
        ("        guard.log.size = len(body)\n", "", f"{_FETCHER} tests/clients/test_explain.py"),
        ("    guard.log.status = answer.status\n", "", f"{_FETCHER} tests/clients/test_explain.py"),
        ('    if guard.phase in ("resolve", "connect"):\n', "    if False:\n", f"{_FETCHER} {_CONNECTION}"),
        ('    if "IncompleteRead" in repr(exc):\n', "    if False:\n"),
        ('_SENDABLE = re.compile(r"https?://[A', '_SENDABLE = re.compile(r"https?://[@A'),
    ],
)

LIMITS = mutants(
    "flask_cimd/fetch/limits.py",
    "tests/fetch/test_budget.py tests/clients/test_admission.py",
    [
        ("        if self._exempt(host):\n            return\n        wait", "        wait"),
        ("        if not self._exempt(host):\n", "        if True:\n"),
        ("while times and times[0] <= now - self._window:", "while False:"),
        ("if times and len(times) >= self._most else None", "if times and len(times) > self._most else None"),
        ("        while len(self._times) > _MAX_KEYS:", "        while False:"),
        ("            if wait is None:\n                times.append(now)\n", "            times.append(now)\n"),
        ("        if not after_failure:\n            self._failures.check(identifier)\n", ""),
        ("            self._documents.count(identifier.host, identifier.raw)\n", ""),
        ("            self._linked.count(host, client_id)\n", ""),
        ("            self._linked.count(host, client_id)\n", "            self._documents.count(host, client_id)\n"),
        ("        if not self._slots.acquire(blocking=False):", "        if not self._slots.acquire():"),
        ("        finally:\n            self._slots.release()", "        finally:\n            pass"),
        ("        self._not_found.check(stranger.network, identifier.raw)\n", "", _STRANGERS),
        ("            self._documents.refund(identifier.host)\n", "", _STRANGERS),
        ("            self._not_found.count(stranger.network)\n", "", _STRANGERS),
        (" or isinstance(error, TooManyFetchesError):", ":"),
        ("end is not None and now < end for", "end is not None for"),
        ("(identifier.raw, identifier.display_host)]", "(identifier.raw,)]"),
        ("and error.phase in _HOST_PHASES:", "and True:"),
        ('return host.removesuffix(suffix).rpartition(".")[2] + suffix', "return host"),
        ("return _parsed(PublicSuffixList).privatesuffix(host) or host", "return host"),
    ],
)

RESPONSE = mutants(
    "flask_cimd/fetch/response.py",
    f"{_FETCHER}",
    [
        ("            return bool(self.fp.peek(1))\n", "            return False\n", _SESSION),
        ("        if self._left < 0:\n", "        if False:\n"),
        ("            self._count(MOST_TRAILERS,", "            self._count(1 << 30,"),
        ("            http.client.parse_headers(self.fp)\n", "            pass\n"),
        ("if not 100 <= status < 200 or status == 101:", "if not 100 <= status < 200:"),
        ('        if self._lines.last not in (b"\\r\\n", b"\\n"):', "        if False:"),
    ],
)

COALESCING = mutants(
    "flask_cimd/fetch/coalescing.py",
    "tests/fetch/test_coalescing.py tests/fetch/test_leases.py",
    [
        ("            leads = running is None\n", "            leads = True\n"),
        ("        if not self._threads.acquire(blocking=False):", "        if not self._threads.acquire():"),
        ("        finally:\n            self._threads.release()", "        finally:\n            pass"),
        ("return running.result(timeout=self._timeout)", "return running.result(timeout=None)"),
        ("            running.set_exception(exc)\n", "            running.cancel()\n"),
        ("                del self._running[key]\n", "                pass\n"),
        ("outcome = _STORED if is_stored else _UNSTORED", "outcome = _STORED"),
        ("        except TooManyFetchesError:  #", "        except RecursionError:  #"),
        ("            self._leases.finish(key, owner, outcome)\n", "            pass\n"),
        ("elif outcome is not None and outcome != _ABANDONED:", "elif outcome is not None:"),
        ("            if outcome == _UNSTORED:  #", "            if False:  #"),
        ("while time.monotonic() < ends_at:", "while True:"),
    ],
)

SESSION = mutants(
    "flask_cimd/fetch/session.py",
    "tests/publish/test_session.py",
    [
        ("    if len(body) > MOST_BYTES:\n        answer.close()\n", "    if False:\n        answer.close()\n"),
        ("if kept is None or not is_repeatable or guard.is_late:", "if kept is None or guard.is_late:", _SESSION),
        ("if kept is None or not is_repeatable or guard.is_late:", "if True:", _SESSION),
        ("kept = None if stream else", "kept =", _SESSION),
        ("kept.connection.is_connected and kept.connection.resume()", "kept.connection.is_connected", _SESSION),
        (" and not original.is_followed:", ":", _SESSION),
        ('request.method in ("GET", "HEAD") and not request.body and "DPoP" not in request.headers', "True", _SESSION),
    ],
)

IDLE = mutants(
    "flask_cimd/fetch/idle.py",
    _SESSION,
    [
        ("MOST_IDLE if is_repeatable else MOST_IDLE_ONCE", "MOST_IDLE"),
        ("found = self._kept.pop(origin, None)", "found = self._kept.get(origin)"),
        ("kept.process == os.getpid() and ", ""),
        (" and now - kept.made_at < MOST_AGE", ""),
        (" and now - kept.idle_since < most_idle", ""),
        ("while len(self._kept) > MOST:", "while False:"),
        ("self._kept.popitem(last=False)", "self._kept.popitem(last=True)"),
        ("if not _is_usable(kept, now, MOST_IDLE)]", "if False]"),
    ],
)

FETCH: list[Mutant] = [
    *GUARD, *DEADLINE, *HAPPY_EYEBALLS, *LOOK_UP, *CONNECTION, *FETCHER, *LIMITS, *RESPONSE, *COALESCING, *SESSION, *IDLE,
]  # fmt: skip
