"""Any registration: a client that is read again as the same one, or every problem."""

import json

from hypothesis import given
from hypothesis import strategies as st

from flask_cimd.core.redirects import match_redirect
from flask_cimd.core.registration import identifiers, parse_registration, registered_members
from flask_cimd.core.rules import DocumentRules
from flask_cimd.core.strict_json import StrictJSONError, read_object
from flask_cimd.errors import DocumentError

from .strategies import bodies

CLIENT_ID = "registered-" + "0" * 32
every_rule = st.builds(
    DocumentRules,
    auth_methods=st.sampled_from([("none",), ("none", "private_key_jwt")]),
    allow_dotless_schemes=st.booleans(),
    redirect_relation=st.sampled_from(["any", "same-site", "same-origin"]),
)


@given(bodies, every_rule)
def test_any_request_is_a_client_or_problems(body: bytes, rules: DocumentRules) -> None:
    try:
        client = parse_registration(read_object(body), CLIENT_ID, rules)
    except (StrictJSONError, DocumentError):
        return
    members = registered_members(client)
    assert json.dumps(members).isascii()
    assert parse_registration(json.loads(json.dumps(members)), CLIENT_ID, rules) == client
    assert len(identifiers(client)) >= 1
    assert not {"client_secret", "jwks_uri", "logo_uri"} & members.keys()
    for uri in client.redirect_uris:
        assert match_redirect(uri, client) == uri
