"""Mutants of what runs and keeps a site: backups, restores, commands, health, metrics."""

from __future__ import annotations

from .mutant import mutants

_BACKUPS = "tests/site/command/test_backups.py::"
_BROKEN = f"{_BACKUPS}test_what_is_no_backup_of_this_site_changes_nothing"
_REDIS = f"{_BACKUPS}test_rules_in_redis_are_backed_up_and_restored[sqlite]"

_ARCHIVE = mutants(
    "flask_cimd_site/backups/archive.py",
    _BROKEN,
    [
        ("    if member_of(path) != entry:\n", "    if False:\n"),
        ("    if not all(_NAME.fullmatch(name) for name in files):\n", "    if False:\n"),
        ('    if members["format"] != FORMAT:\n', "    if False:\n"),
        (
            "    if missing := sorted(name for name in manifest.files if not (folder / name).is_file()):\n",
            "    if missing := []:\n",
            f"{_BACKUPS}test_a_missing_member_is_named",
        ),
        (
            "    finally:\n        part.unlink(missing_ok=True)\n",
            "    finally:\n        pass\n",
            f"{_BACKUPS}test_a_backup_is_private_named_by_its_instant_and_without_secrets[sqlite]",
        ),
    ],
)

_RESTORING = mutants(
    "flask_cimd_site/backups/restoring.py",
    _BROKEN,
    [
        ("        if not schema.is_known(manifest.schema):\n", "        if False:\n"),
        ("    if backup.manifest.database != engine.dialect.name:\n", "    if False:\n"),
        ("    sqlite.prepare(copy, backup.manifest.schema)\n", ""),
        ("    records.check(kept, backup.folder, replace=replace)\n", "", _REDIS),
        ("    records.put(kept, backup.folder)\n", "", _REDIS),
        (
            "    held = [] if replace else ",
            "    held = [] if True else ",
            f"{_BACKUPS}test_living_data_are_kept_unless_told[sqlite]",
        ),
        (
            "        if is_new:\n",
            "        if False:\n",
            f"{_BACKUPS}test_a_restore_that_fails_leaves_no_new_database_behind",
        ),
    ],
)

_DATABASES = mutants(
    "flask_cimd_site/backups/sqlite.py",
    _BROKEN,
    [
        (" or schema.revision_of(connection) != expected:", ":"),
        (
            "            schema.migrate(connection)\n",
            "",
            f"{_BACKUPS}test_a_backup_of_an_older_schema_is_brought_up_to_date[sqlite]",
        ),
    ],
) + mutants(
    "flask_cimd_site/backups/postgresql.py",
    f"{_BACKUPS}test_a_restored_site_is_the_one_that_was_backed_up[postgresql]",
    [
        (
            'isolation_level="REPEATABLE READ"',
            'isolation_level="READ COMMITTED"',
            f"{_BACKUPS}test_a_backup_while_the_site_is_written_to_holds_one_instant[postgresql]",
        ),
        ("        _continue_numbers(connection, table)\n", ""),
        (
            '(*tables_of("head"), "alembic_version") if table in present]',
            "sorted(present)]",
            f"{_BACKUPS}test_tables_of_others_in_the_same_database_are_left_alone[postgresql]",
        ),
    ],
)

_RECORDS = mutants(
    "flask_cimd_site/backups/records.py",
    _REDIS,
    [
        ("    if held and not replace:\n", "    if False:\n"),
        ("            records.remove(kind, subject)\n", "            pass\n"),
        (
            "    if records is None:\n        raise",
            "    if False:\n        raise",
            f"{_BACKUPS}test_rules_of_a_redis_need_one[sqlite]",
        ),
    ],
)

_COMMANDS = (
    mutants(
        "flask_cimd_site/cli/making.py",
        "tests/site/command/test_init.py",
        [
            ("    if present and not force:\n", "    if False:\n"),
            ("    if owner is not None and os.getuid() == 0:\n", "    if False:\n"),
        ],
    )
    + mutants(
        "flask_cimd_site/cli/folder.py",
        "tests/site/command/test_init.py tests/site/command/test_check.py::test_a_variable_of_the_process_wins",
        [
            ("        found = {**variables, **os.environ}\n", "        found = {**os.environ, **variables}\n"),
            ('name.startswith(("#", ";"))', 'name.startswith("#")'),
            ("    os.setgroups([])\n", ""),
            ("    os.setuid(owner.st_uid)\n", ""),
        ],
    )
    + mutants(
        "flask_cimd_site/schema.py",
        "tests/site/command/test_check.py::test_a_newer_schema_is_left_alone[sqlite]",
        [("    if found is not None and not is_known(found):\n", "    if False:\n")],
    )
)

_WATCHING = mutants(
    "flask_cimd_site/metrics.py",
    "tests/site/test_metrics.py::test_strangers_get_a_challenge "
    "tests/site/test_metrics.py::test_requests_count_by_route_and_status",
    [
        ('        if scheme.lower() != "bearer" or not', "        if not"),
        ("not hmac.compare_digest(given.strip().encode(), token.encode())", "False"),
        ('request.url_rule.rule if request.url_rule is not None else "none"', "request.path"),
        ('request.method if request.method in _METHODS else "other"', "request.method"),
    ],
) + mutants(
    "flask_cimd_site/site/health.py",
    "tests/site/test_readiness.py",
    [
        ('        "schema": _holds(lambda: _has_schema(engine)),', '        "schema": True,'),
        ('        "disk": _holds(lambda: not _is_full(engine)),', '        "disk": True,'),
        ('        "store": _store_answers(current_app),', '        "store": True,'),
    ],
)  # fmt: skip

OPERATIONS = [*_ARCHIVE, *_RESTORING, *_DATABASES, *_RECORDS, *_COMMANDS, *_WATCHING]
