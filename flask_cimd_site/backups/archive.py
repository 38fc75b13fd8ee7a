"""The file of a backup: a gzipped tar whose first member, ``manifest.json``, names all others with their SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from flask_cimd_site.backups.errors import BackupError

FORMAT = 1
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1024 * 1024
_CHUNK = 1024 * 1024
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a backup: its bytes, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The description of a backup, kept inside it.

    Attributes:
        version: of flask-cimd that made it.
        schema: revision of the database.
        database: ``sqlite`` or ``postgresql``.
        created_at: instant of the data, ISO 8601 in UTC.
        files: the members by name.
    """

    version: str
    schema: str
    database: str
    created_at: str
    files: Mapping[str, Member]
    format: int = FORMAT


def member_of(path: Path) -> Member:
    """Return size and digest of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Member(size=file.tell(), sha256=digest.hexdigest())


def write(target: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Write an archive with mode 0600: whole or not at all, and durably.

    Raises:
        BackupError: the target exists.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write_members(file, manifest, files)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, target)  # unlike a renamed file, it replaces none
        except FileExistsError as exc:
            raise BackupError("exists", f"{target} exists; a backup replaces no file") from exc
    finally:
        part.unlink(missing_ok=True)


def _write_members(file: IO[bytes], manifest: Manifest, files: Mapping[str, Path]) -> None:
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
        content = json.dumps(asdict(manifest), indent=2).encode()
        archive.addfile(_head(_MANIFEST, len(content)), BytesIO(content))
        for name, path in files.items():
            with path.open("rb") as member:
                archive.addfile(_head(name, manifest.files[name].size), member)


def _head(name: str, size: int) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.size, head.mode = size, 0o600
    return head


def unpack(source: Path, folder: Path) -> Manifest:
    """Write the members into a folder and return the manifest.

    Raises:
        BackupError: the file is no backup, or is damaged.
    """
    try:
        with tarfile.open(source, "r:gz") as archive:
            manifest = _manifest(archive)
            for head in archive:
                if head.name != _MANIFEST:
                    _unpack_member(archive, head, manifest, folder)
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise BackupError("damaged", f"{source} is no backup, or is damaged: {exc}") from exc
    except OSError as exc:
        if exc.errno is not None:  # gzip has errors without a number
            raise
        raise BackupError("damaged", f"{source} is no backup, or is damaged: {exc}") from exc
    if missing := sorted(name for name in manifest.files if not (folder / name).is_file()):
        raise BackupError("damaged", f"{source} is damaged: it lacks {', '.join(missing)}")
    return manifest


def _manifest(archive: tarfile.TarFile) -> Manifest:
    head = archive.next()
    file = archive.extractfile(head) if head is not None and head.name == _MANIFEST else None
    if head is None or file is None or head.size > _LARGEST_MANIFEST:
        raise BackupError("not-a-backup", "this file is no backup of a site: it does not begin with a manifest")
    try:
        return _read(json.loads(file.read()))
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise BackupError("damaged", "the backup is damaged: its manifest cannot be read") from exc


def _read(members: Any) -> Manifest:
    if members["format"] != FORMAT:
        raise BackupError("newer-backup", "a newer version of flask-cimd made this backup; install it first")
    files = {name: Member(**entry) for name, entry in members["files"].items()}
    if not all(_NAME.fullmatch(name) for name in files):
        raise ValueError("names")
    return Manifest(
        version=str(members["version"]),
        schema=str(members["schema"]),
        database=str(members["database"]),
        created_at=str(members["created_at"]),
        files=files,
    )


def _unpack_member(archive: tarfile.TarFile, head: tarfile.TarInfo, manifest: Manifest, folder: Path) -> None:
    entry, file = manifest.files.get(head.name), archive.extractfile(head) if head.isreg() else None
    if entry is None or file is None or head.size != entry.size:
        raise BackupError("damaged", "the backup is damaged: its content differs from its manifest")
    path = folder / head.name
    with path.open("wb") as target:
        while chunk := file.read(_CHUNK):
            target.write(chunk)
    if member_of(path) != entry:
        raise BackupError("damaged", f"the backup is damaged: {head.name} has another digest than its manifest says")
