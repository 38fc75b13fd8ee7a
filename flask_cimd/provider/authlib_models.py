"""Mix-ins for servers on Authlib's own SQLAlchemy models: a client identifier URL fits into their ``client_id``."""

from __future__ import annotations

from authlib.integrations.sqla_oauth2 import OAuth2AuthorizationCodeMixin, OAuth2TokenMixin
from sqlalchemy import Column, Text


class URLClientCodeMixin(OAuth2AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's ``OAuth2AuthorizationCodeMixin`` with a ``client_id`` of any length; Authlib's has 48 characters."""

    client_id = Column(Text)


class URLClientTokenMixin(OAuth2TokenMixin):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's ``OAuth2TokenMixin`` with a ``client_id`` of any length; Authlib's has 48 characters."""

    client_id = Column(Text)
