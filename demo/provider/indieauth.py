"""Sign-in without any token: a code in exchange for the owner's address (IndieAuth §5.3.3)."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from flask import Response, jsonify

from demo.services import services


def redeem() -> Response:
    """Answer who the owner is; the code is spent and never leads to a token."""
    here = services()
    try:
        grant = here.server.redeem_for_identity()
    except OAuth2Error as error:
        answer: Response = here.server.answer_error(error)
    else:
        answer = jsonify(here.identity.members(grant.scope.split()))
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer
