"""All mutants, and those that change nothing that anybody could observe."""

from __future__ import annotations

from .administration import ADMINISTRATION
from .clients import CLIENTS
from .core import CORE
from .demo import DEMO
from .features import FEATURES
from .fetch import FETCH
from .incoming import INCOMING
from .mutant import Mutant
from .oauth_binding import OAUTH_BINDING
from .oauth_direct import OAUTH_DIRECT
from .oauth_endpoints import OAUTH_ENDPOINTS
from .oauth_requests import OAUTH_REQUESTS
from .oauth_resource import OAUTH_RESOURCE
from .oauth_rules import OAUTH_RULES
from .operations import OPERATIONS
from .plain import PLAIN
from .provider import PROVIDER
from .publish import PUBLISH
from .publish_discovery import PUBLISH_DISCOVERY
from .stores import STORES

MUTANTS: list[Mutant] = [
    *CLIENTS,
    *CORE,
    *DEMO,
    *FEATURES,
    *FETCH,
    *INCOMING,
    *OAUTH_BINDING,
    *OAUTH_DIRECT,
    *OAUTH_ENDPOINTS,
    *OAUTH_REQUESTS,
    *OAUTH_RESOURCE,
    *OAUTH_RULES,
    *ADMINISTRATION,
    *OPERATIONS,
    *PLAIN,
    *PROVIDER,
    *PUBLISH,
    *PUBLISH_DISCOVERY,
    *STORES,
]

#: Changes that no test can notice, each with the reason: not run, so that nobody looks for the test again.
EQUIVALENT: dict[str, str] = {
    "flask_cimd/clients/markup.py: no textarea among the inert elements": "libxml2 2.14 reads its content as text; older "
    "ones make elements of it, and lowest versions are tested with one of them.",
    "flask_cimd/core/identifier.py: no _cross_check": "No URL is known that passes all checks before and that urllib reads "
    "differently; the line refuses what another version of urllib may read so.",
    "flask_cimd_site/site/content.py: no link_rel": "nh3's default is the same words; written down so that another default changes "
    "nothing.",
    "flask_cimd/provider/authorization.py: if error.redirect_uri is None": "An authorization request fails with an OAuth "
    "error only after its redirect URI is established; the line answers in JSON should a later check come earlier.",
    "flask_cimd/provider/authorization.py: raise, after a second look for the answer": "The loser of two clicks finds no "
    "answer only if it expires between two statements; then the error is raised as it is.",
    "flask_cimd/provider/waiting.py: except InvalidTag": "A handle that leads to a row is the one that its answer is "
    "encrypted under; only a changed row fails.",
    "flask_cimd/stores/sqlalchemy_shared.py: if connection.execute(change).rowcount": "Without the early return the insert "
    "meets the row and the change runs again: one statement more, the same row.",
    "flask_cimd_site/owner/setup.py: except UnreadablePageError": "The parser recovers from any bytes; the library documents the "
    "error for parsers that do not.",
    "flask_cimd/oauth/server/assertion.py: or issued is None": "The AT Protocol's check of kid and iat comes before; the "
    "line only tells the type checker that there is an instant.",
    "flask_cimd/core/proof.py: not text or": "An empty text has no two dots.",
    "flask_cimd/core/proof.py: or len(htu) > MAX_ASSERTION": "The proof that holds it is not longer itself.",
    "flask_cimd/core/proof.py: given is None or": "The URL of a request is always one, so nothing equals None.",
}
