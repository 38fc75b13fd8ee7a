"""Mutants of what an operator uses: the doctor, its probe, the commands, and the bounds of what strangers park."""

from __future__ import annotations

from .mutant import Mutant, mutants


def _doctor(name: str) -> str:
    return f"tests/cli/test_doctor.py::test_{name}"


def _command(name: str) -> str:
    return f"tests/cli/test_administration.py::test_{name}"


def _contract(name: str) -> str:
    return f"tests/provider/test_storage.py::TestSQLAlchemyStorage::test_{name}"


PROBE = mutants(
    "flask_cimd/provider/probe.py",
    "tests/cli/test_doctor.py",
    [
        ("    except BadData:\n        return None\n", "    except BadData:\n        raise\n", _doctor("the_probe_answers_no_stranger")),
        (" and age <= _FRESH.total_seconds() else None", " else None", _doctor("a_probe_is_answered_for_five_minutes")),
        ('age = abs(site.clock().timestamp() - asked["at"])', 'age = site.clock().timestamp() - asked["at"]', _doctor("a_probe_is_answered_for_five_minutes")),
        ('if asked["issuer"] == site.issuer and age', "if age", _doctor("the_probe_of_another_key_or_issuer_is_not_answered")),
        ('or not site.storage.use_once(f"probe:{nonce}", now + 2 * _FRESH, now):', ":", _doctor("the_probe_answers_its_signer_once")),
        ('URLSafeSerializer(app.secret_key or b"", salt=_SALT)', 'URLSafeSerializer(b"", salt=_SALT)', _doctor("the_probe_of_another_key_or_issuer_is_not_answered")),
    ],
)  # fmt: skip

DOCTOR = [
    *mutants(
        "flask_cimd/cli/doctor_outside.py",
        "tests/cli/test_doctor.py",
        [
            ("    if abs(skew) > MOST_SKEW:\n", "    if False:\n", _doctor("the_clock_may_differ_by_thirty_seconds")),
            ("    if 300 <= answer.status < 400:\n", "    if False:\n", _doctor("an_address_that_redirects_or_answers_something_else_fails")),
            ("        if answer.status_code in _AWAY:\n", "        if False:\n", _doctor("an_address_that_nothing_answers_cannot_be_known_now")),
            ('"X-Forwarded-For": seen["address"] == _FORGED_ADDRESS,', '"X-Forwarded-For": False,', _doctor("headers_that_visitors_can_forge_are_found")),
            ('"X-Forwarded-Host": seen["host"] == _FORGED_HOST,', '"X-Forwarded-Host": False,', _doctor("headers_that_visitors_can_forge_are_found")),
        ],
    ),
    *mutants(
        "flask_cimd/cli/doctor_inside.py",
        "tests/cli/test_doctor.py",
        [
            ("    if mode & 0o077:\n", "    if False:\n", _doctor("a_key_file_is_private_and_readable")),
            ("    if length >= _SHORTEST_KEY:\n", "    if length:\n", _doctor("what_is_for_development_fails_at_a_public_address")),
        ],
    ),
]  # fmt: skip

COMMANDS = [
    *mutants(
        "flask_cimd/cli/administration.py",
        "tests/cli/test_administration.py",
        [
            ("    if is_chosen is everything:\n", "    if False:\n", _command("a_revocation_that_names_nobody_or_everybody_and_somebody_is_refused")),
            ("    if not number:\n", "    if False:\n", _command("grants_are_revoked_by_client_person_or_all")),
            ("    if len(chosen) != 1:\n", "    if not chosen:\n", _command("one_of_several_providers_is_named")),
            ("return safe(\" \".join", "return str(\" \".join", _command("registrations_are_listed_without_what_would_steer_a_terminal")),
        ],
    ),
    *mutants(
        "flask_cimd/cli/shared.py",
        "tests/cli/test_administration.py",
        [
            ("error.temporary and error.slug not in _LASTING", "error.temporary", _command("a_read_only_database_is_a_no")),
            ("json.dumps(value, indent=2)", "json.dumps(value, indent=2, ensure_ascii=False)", _command("registrations_are_listed_without_what_would_steer_a_terminal")),
        ],
    ),
]  # fmt: skip

BOUNDS = mutants(
    "flask_cimd/provider/_requests.py",
    "tests/provider/test_flood.py",
    [
        ('of_people = ~ranked.c.is_stranger & (ranked.c.entries > b("entries_each"))', 'of_people = ranked.c.entries < 0', _contract("the_requests_of_one_person_are_bounded_in_all_browsers")),
        ('ranked.c.is_stranger & ((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))', 'ranked.c.is_stranger & (ranked.c.entries > b("entries"))', _contract("the_bytes_of_strangers_are_bounded_and_displace_nobody_who_is_logged_in")),
        ('ranked.c.is_stranger & ((ranked.c.entries > b("entries")) | (ranked.c.bytes > b("bytes")))', 'ranked.c.is_stranger & (ranked.c.bytes > b("bytes"))'),
    ],
)  # fmt: skip

SUBJECTS = mutants(
    "flask_cimd/provider/waiting.py",
    "tests/provider/test_bad_input.py",
    [("                self._storage.drop_waiting(kept.digest)\n", "                pass\n")],
)

ADMINISTRATION: list[Mutant] = [*PROBE, *DOCTOR, *COMMANDS, *BOUNDS, *SUBJECTS]
