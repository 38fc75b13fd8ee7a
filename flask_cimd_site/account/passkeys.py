"""Passkeys of the owner (WebAuthn), checked by the library `webauthn`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from flask_cimd.core import safe_text
from flask_cimd_site.account import challenges
from flask_cimd_site.account.errors import AccountError
from flask_cimd_site.account.tables import PasskeyRow
from flask_cimd_site.models import db
from flask_cimd_site.services import services

_passkeys: Any = PasskeyRow.__table__
_NAME_LIMIT = 60
_MOST = 20
_LARGEST_ANSWER = 32 * 1024
#: Errors of the library's parsers about answers that are none.
_UNREADABLE = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey as the owner sees it; ``is_synced`` if several devices of the owner share it."""

    id: int
    name: str
    is_synced: bool
    created_at: datetime
    used_at: datetime | None


def are_possible() -> bool:
    """Return whether browsers take passkeys for this origin: they need a host name, and refuse an IP address."""
    try:
        ip_address(_rp_id())
    except ValueError:
        return True
    return False


def all_passkeys() -> list[Passkey]:
    """Return the passkeys, the oldest first."""
    with db.engine.connect() as connection:
        rows = connection.execute(select(_passkeys).order_by(_passkeys.c.id)).all()
    return [
        Passkey(
            id=row.id,
            name=row.name,
            is_synced=row.is_synced,
            created_at=datetime.fromtimestamp(row.created_at, UTC),
            used_at=None if row.used_at is None else datetime.fromtimestamp(row.used_at, UTC),
        )
        for row in rows
    ]


# -- a new passkey ------------------------------------------------------------------------------------------------


def creation_options(user_handle: bytes) -> str:
    """Return what the page passes to ``navigator.credentials.create``, as JSON."""
    here = services()
    with db.engine.connect() as connection:
        known = connection.execute(select(_passkeys.c.credential_id)).scalars().all()
    return options_to_json(
        generate_registration_options(
            rp_id=_rp_id(),
            rp_name=urlsplit(here.configuration.base_url).netloc,
            user_id=user_handle,
            user_name=urlsplit(here.configuration.base_url).netloc,
            user_display_name=here.identity.owner().name,
            challenge=challenges.issue(),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=credential_id) for credential_id in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
    )


def check_new(answer: str) -> tuple[VerifiedRegistration, list[str]]:
    """Check a new passkey, and return it with the ways to reach it.

    Raises:
        AccountError: with the slug of the rule that it breaks.
    """
    with _answering(answer) as (challenge, text):
        credential = parse_registration_credential_json(text)
        _check_client_data(credential.response.client_data_json, challenge)
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_rp_id(),
            expected_origin=services().configuration.base_url,
            require_user_verification=True,
        )
    return made, [str(transport.value) for transport in credential.response.transports or ()]


def add(made: VerifiedRegistration, transports: list[str], name: str) -> None:
    """Keep a new passkey.

    Raises:
        AccountError: ``passkey-known`` or ``too-many-passkeys``.
    """
    if len(all_passkeys()) >= _MOST:
        raise AccountError("too-many-passkeys", gettext("You have 20 passkeys. Remove one first."))
    values = {
        "credential_id": made.credential_id,
        "public_key": made.credential_public_key,
        "sign_count": made.sign_count,
        "name": _name(name),
        "transports": json.dumps(transports),
        "is_synced": made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        "created_at": services().clock().timestamp(),
    }
    try:
        with db.engine.begin() as connection:
            connection.execute(insert(_passkeys).values(**values))
    except IntegrityError as exc:
        raise AccountError("passkey-known", gettext("This passkey is already in the list.")) from exc


def rename(passkey_id: int, name: str) -> bool:
    """Give a passkey another name; ``False`` if there is none with this id."""
    with db.engine.begin() as connection:
        changed = update(_passkeys).where(_passkeys.c.id == passkey_id).values(name=_name(name))
        return bool(connection.execute(changed).rowcount)


def remove(passkey_id: int) -> str | None:
    """Remove a passkey and return its name; ``None`` if there is none with this id."""
    with db.engine.begin() as connection:
        name: str | None = connection.execute(select(_passkeys.c.name).where(_passkeys.c.id == passkey_id)).scalar()
        connection.execute(delete(_passkeys).where(_passkeys.c.id == passkey_id))
    return name


# -- a proof ------------------------------------------------------------------------------------------------------


def request_options() -> str:
    """Return what the page passes to ``navigator.credentials.get``, as JSON; it names no passkey to strangers."""
    options = generate_authentication_options(
        rp_id=_rp_id(), challenge=challenges.issue(), user_verification=UserVerificationRequirement.REQUIRED
    )
    return options_to_json(options)


def check(answer: str) -> str:
    """Check the answer of a passkey, and return its name.

    Raises:
        AccountError: with the slug of the rule that it breaks.
    """
    with _answering(answer) as (challenge, text):
        credential = parse_authentication_credential_json(text)
        _check_client_data(credential.response.client_data_json, challenge)
        known = _find(credential.raw_id)
        proof = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_rp_id(),
            expected_origin=services().configuration.base_url,
            credential_public_key=known.public_key,
            credential_current_sign_count=0,  # _note_use compares it, in the statement that changes it
            require_user_verification=True,
        )
    _note_use(known.id, proof)
    return str(known.name)


@contextmanager
def _answering(answer: str) -> Iterator[tuple[bytes, str]]:
    """Give the challenge and the answer to a check, and spend the challenge after it; what it cannot read is refused.

    Raises:
        AccountError: there is no challenge, the answer is too large, or it is none.
    """
    challenge = challenges.current()
    if len(answer) > _LARGEST_ANSWER:
        raise _refused()
    try:
        yield challenge, answer
    except _UNREADABLE as exc:
        raise _refused() from exc
    challenges.spend(challenge)


def _find(credential_id: bytes) -> Any:
    with db.engine.connect() as connection:
        row = connection.execute(select(_passkeys).where(_passkeys.c.credential_id == credential_id)).first()
    if row is None:
        raise AccountError("passkey-unknown", gettext("This passkey does not belong to this site any more."))
    return row


def _note_use(passkey_id: int, proof: VerifiedAuthentication) -> None:
    """Keep the counter of signatures; one that does not grow means that there are two copies of the key."""
    count = proof.new_sign_count
    # Authenticators that do not count always say 0.
    grows = _passkeys.c.sign_count < count if count else _passkeys.c.sign_count == 0
    changed = (
        update(_passkeys)
        .where(_passkeys.c.id == passkey_id, grows)
        .values(sign_count=count, used_at=services().clock().timestamp())
    )
    with db.engine.begin() as connection:
        if not connection.execute(changed).rowcount:
            raise AccountError(
                "passkey-cloned",
                gettext("This passkey seems to have been copied. Log in another way and remove it."),
            )


def _check_client_data(client_data: bytes, challenge: bytes) -> None:
    """Name the two commonest faults; the library checks them again with all others."""
    found = parse_client_data_json(client_data)
    if found.challenge != challenge:
        raise AccountError("passkey-challenge", gettext("The passkey answered another question. Try again."))
    if found.origin != services().configuration.base_url:
        raise AccountError("passkey-origin", gettext("The passkey was used on another site."))


def _refused() -> AccountError:
    return AccountError("passkey-invalid", gettext("The passkey was not accepted. Try again, or log in another way."))


def _name(name: str) -> str:
    return safe_text(name, _NAME_LIMIT) or gettext("Passkey")


def _rp_id() -> str:
    return urlsplit(services().configuration.base_url).hostname or ""
