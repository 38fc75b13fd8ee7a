"""The public names as an app uses them: checked by mypy, never run."""

from datetime import datetime
from typing import Any, assert_type

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_cimd import (
    CIMD,
    AddressBlockedError,
    Allowance,
    Change,
    CIMDError,
    ClientIdentifier,
    ClientMetadata,
    ConsentView,
    ConsentWarning,
    DeadlineExceededError,
    Decision,
    DocumentError,
    FetchError,
    HostPattern,
    IdentifierError,
    PolicyDeniedError,
    Problem,
    Profile,
    RedirectMismatchError,
    ResponseTooLargeError,
    Rule,
    Tier,
    TooManyFetchesError,
    UnexpectedResponseError,
    changes,
    consent_view,
    signals,
)
from flask_cimd.core import IdentifierKind
from flask_cimd.stores import ClientStore, Entry, MemoryStore

app = Flask(__name__)
db = SQLAlchemy()


def find_registered(client_id: str) -> object | None:
    return None


def the_clock() -> datetime:
    return datetime.now().astimezone()


both_at_once = CIMD(app, db=db, registered=find_registered)
cimd = CIMD(clock=the_clock)
cimd.init_app(app)
cimd.init_app(app, db=db, registered=find_registered)


@cimd.allow_fetch
def only_https(identifier: ClientIdentifier) -> bool:
    assert_type(identifier.port, int | None)
    return identifier.scheme == "https"


@cimd.allow_client
def only_named(client: ClientMetadata) -> bool:
    return client.client_name is not None


# A decorated hook stays the function it was.
assert_type(only_https(cimd.resolve("https://app.example/c").identifier), bool)
assert_type(only_named(cimd.resolve("https://app.example/c")), bool)

metadata = cimd.resolve("https://app.example/c")
assert_type(metadata, ClientMetadata)
assert_type(metadata.identifier, ClientIdentifier)
assert_type(metadata.identifier.kind, IdentifierKind)
assert_type(metadata.client_id, str)
assert_type(metadata.host, str)
assert_type(metadata.client_name, str | None)
assert_type(metadata.redirect_uris, tuple[str, ...])
assert_type(metadata.scope, str | None)
assert_type(metadata.fingerprint, str)
assert_type(ClientMetadata.from_json(metadata.identifier, metadata.to_json()), ClientMetadata)
assert_type(cimd.query_client("https://app.example/c"), Any)

try:
    cimd.check_identifier("https://app.example/c")
except DocumentError as invalid:
    assert_type(invalid.problems, tuple[Problem, ...])
    assert_type(invalid.problems[0].pointer, str)
except (AddressBlockedError, DeadlineExceededError, ResponseTooLargeError, UnexpectedResponseError) as failed:
    caught: FetchError = failed
except FetchError as failed:
    assert_type(failed.temporary, bool)
except (IdentifierError, PolicyDeniedError, RedirectMismatchError, TooManyFetchesError) as refused:
    base: CIMDError = refused
except CIMDError as error:
    assert_type(error.slug, str)
    assert_type(error.public_message, str)
    assert_type(error.hint, str)

view = consent_view(metadata, "https://app.example/cb", acquaintance="new")
assert_type(view, ConsentView)
assert_type(view.warnings, tuple[ConsentWarning, ...])
assert_type(changes(metadata, metadata), tuple[Change, ...])
assert_type(Rule.parse("app.example", "deny").decision, Decision)
assert_type(cimd.admission.tier(metadata.identifier), Tier)
assert_type(Allowance(scopes=frozenset({"profile"})).scopes_of(["profile"]), tuple[str, ...])
assert_type(HostPattern.parse(".example.com").matches("app.example.com"), bool)
assert_type(Profile.parse("strict, allow_query").allow_query, bool)
assert_type(signals.client_resolved.name, str)

store: ClientStore = MemoryStore(size=10)
assert_type(store.get(metadata.identifier), Entry | None)

# Values are frozen, options are named, and a hook takes the one thing it is given: each line below must be refused.
metadata.client_name = "Other"  # type: ignore[misc]
metadata.identifier.host = "other.example"  # type: ignore[misc]
CIMD(app, db)  # type: ignore[call-arg]
Profile(redirect_relation="near")  # type: ignore[arg-type]
consent_view(metadata, "https://app.example/cb", acquaintance="friend")  # type: ignore[arg-type]
cimd.init_app(app, find_registered)  # type: ignore[call-arg,arg-type]
cimd.allow_client(find_registered)  # type: ignore[type-var]
cimd.resolve(b"https://app.example/c")  # type: ignore[arg-type]
