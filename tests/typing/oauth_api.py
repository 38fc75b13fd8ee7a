"""The public names of `flask_cimd.oauth` as an app uses them: checked by mypy, never run."""

from collections.abc import Mapping
from typing import assert_type

from flask import Flask
from werkzeug.wrappers import Request

from flask_cimd.oauth import (
    Access,
    BearerScheme,
    DPoP,
    DPoPScheme,
    MemoryReplayCache,
    ResourceProtector,
    TokenRefused,
    TokenScheme,
    current_access,
)

app = Flask(__name__)


def find(secret: str) -> Access | None:
    return None


# Resources: the example of the README.
dpop = DPoP(replay_cache=MemoryReplayCache(), origin="https://me.example", secret_key=b"secret")
notes = ResourceProtector(find, audience="https://me.example/notes", schemes=(BearerScheme(), DPoPScheme(dpop)))
late = ResourceProtector(find, audience=lambda: "https://me.example/notes", schemes=[DPoPScheme(lambda: dpop)])
schemes: tuple[TokenScheme, ...] = (BearerScheme(), DPoPScheme(dpop))


@app.get("/notes")
@notes("read")
def read_notes() -> str:
    return assert_type(current_access.subject, str)


class Fancy:
    """A scheme of the app's own."""

    name = "Fancy"

    def attributes(self) -> Mapping[str, str]:
        return {"algs": "none"}

    def check(self, request: Request, secret: str, access: Access) -> Mapping[str, str]:
        if access.key_thumbprint is None:
            raise TokenRefused(401, "invalid_token")
        return {"Fancy-Nonce": "n"}


fancy = ResourceProtector(find, audience="https://me.example/notes", schemes=(Fancy(), BearerScheme()))
assert_type(dpop.nonce_header(), Mapping[str, str])
