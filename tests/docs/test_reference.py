"""The reference is complete: every setting, variable, slug, public name, command, table and endpoint of the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import fields
from pathlib import Path

import pytest

from docs import generate, picture
from docs.generate import api, database, endpoints, errors, gallery, settings
from flask_cimd import Profile
from flask_cimd import errors as classes
from flask_cimd.core import identifier
from flask_cimd.core.legacy import LegacyRules
from flask_cimd.settings import SETTINGS
from flask_cimd_site.models import db
from flask_cimd_site.variables import VARIABLES
from tests.support.demo import ROOT
from tests.support.quickstart import page, rows


def cells(text: str) -> list[list[str]]:
    """Return the rows of all tables without code marks."""
    return [[cell.strip("`") for cell in row] for row in rows(text)]


# -- settings ----------------------------------------------------------------------------------------------------------


def test_every_setting_stands_under_the_title_of_its_topic() -> None:
    text = settings.settings()
    assert {setting.topic for setting in SETTINGS} == set(settings.TOPICS)
    for setting in SETTINGS:
        section = text.partition(f"## {settings.TOPICS[setting.topic]}\n")[2].partition("\n## ")[0]
        assert f"| `{setting.key}` |" in section
        assert setting.note.replace("|", "\\|") in section


def test_every_field_of_a_profile_has_its_default_and_a_description() -> None:
    found = {row[0]: (ast.literal_eval(row[1]), row[2]) for row in cells(settings.profile())}
    assert {name: default for name, (default, _) in found.items()} == {f.name: f.default for f in fields(Profile)}
    assert all(text for _, text in found.values())


def test_every_variable_that_the_site_reads_is_described_once() -> None:
    sources = [*(ROOT / "flask_cimd_site").rglob("*.py"), *(ROOT / "demo").rglob("*.py"), ROOT / "gunicorn.conf.py"]
    sources.remove(ROOT / "flask_cimd_site/variables.py")
    read = {name for path in sources for name in re.findall(r'"(DEMO_[A-Z_]+)"', path.read_text(encoding="utf-8"))}
    read -= {"DEMO_SAMPLES", "DEMO_SAMPLE_HOME"}  # addresses of the running samples, in the configuration of the app
    assert sorted(variable.name for variable in VARIABLES) == sorted(read)
    assert {row[0] for row in cells(settings.site())} == read


def test_the_table_of_older_requests_is_the_rules() -> None:
    versions = (False, "2024", "2022", "2019")
    kept = [LegacyRules.of_version(version) for version in versions]
    expected = [
        [bool(version) for version in versions],
        [rules.redeem for rules in kept],
        [rules.token_verification and rules.revoke and rules.endpoint_rels for rules in kept],
        [not rules.require_pkce for rules in kept],
        [rules.response_type for rules in kept],
        [rules.me for rules in kept],
    ]
    section = (
        page("reference/settings").partition("## Clients of IndieAuth's earlier versions")[2].partition("\n## ")[0]
    )
    assert [[cell == "yes" for cell in row[1:]] for row in rows(section)] == expected


# -- errors ------------------------------------------------------------------------------------------------------------


def listed() -> dict[str, set[str]]:
    """Return the slugs that each class of `flask_cimd.errors` lists."""
    kinds = [kind for kind in vars(classes).values() if isinstance(kind, type) and issubclass(kind, classes.CIMDError)]
    return {kind.__name__: set(kind.slugs) for kind in kinds if kind.slugs}


def raised() -> dict[str, set[str]]:
    """Return the slugs in the code by class: of the package, of the client's side, of proofs, of the personal site."""
    found: dict[str, set[str]] = defaultdict(set)
    found["DocumentError"].add("invalid-document")
    found["IdentifierError"] |= set(identifier._HOST_HINTS)
    found["ProofError"] |= {"bad-jti", "bad-nonce"}  # made of the name of the claim
    names = {"DiscoveryError", "UnsupportedServerError", "IdentityError", "ProofError", "FetchLimitError", *listed()}
    makers = {"identifier.py": ("_refuse", "IdentifierError")}
    for path in [*(ROOT / "flask_cimd").rglob("*.py"), *(ROOT / "flask_cimd_site").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=slug), *_]):
                    maker, made = makers.get(path.name, ("refuse", "DiscoveryError"))
                    name = made if name == maker else name
                    if name in names:
                        found[name].add(str(slug))
    return found


def test_every_error_lists_the_slugs_that_the_package_raises() -> None:
    found = raised()
    assert listed() == {name: found[name] for name in listed()}


def test_every_slug_of_the_code_has_a_cause_and_a_cure_and_no_other_has() -> None:
    described: dict[str, set[str]] = defaultdict(set)
    for one in errors.described():
        assert one.cause.endswith("."), one
        assert one.cure.endswith("."), one
        described[one.error].add(one.slug)
    assert dict(described) == dict(raised())


def test_the_page_shows_every_slug_with_cause_and_cure() -> None:
    text = errors.page()
    for one in errors.described():
        section = text.partition(f"## {one.error}\n")[2].partition("\n## ")[0]
        assert [one.slug, one.cause, one.cure] in cells(section.replace("`" + one.slug + "`", one.slug)) or (
            f"| `{one.slug}` | {one.cause} | {one.cure} |" in section
        )


def test_the_page_shows_the_rules_of_documents_in_the_words_of_the_code() -> None:
    found = errors.rules()
    assert ("mismatch", "client_id", "must equal the document's URL, character by character") in found
    assert ("duplicate-member", "", "a member name occurs twice in one object") in found
    assert ("insecure", "redirect_uris", "plain http is allowed on loopback only; use https") in found
    assert ("atproto-dpop", "dpop_bound_access_tokens", "must be true") in found
    assert {rule for rule, _, _ in found} & {"holds", "broken", "remark"} == set()


# -- names, tables, endpoints, pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("part", api.PACKAGES)
def test_every_package_has_a_part_that_a_page_includes(part: str) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs/reference").rglob("*.md")]
    assert sum(f"made/api-{part}.md" in text for text in pages) == 1


def test_every_public_name_is_described() -> None:
    text = {package: api.part(part)() for part, package in api.PACKAGES.items()}
    for name in api.public_names():
        package, _, short = name.rpartition(".")
        assert re.search(
            rf"^\.\. (py|auto)[a-z:]+:: ({re.escape(package)}\.)?{short}(\(\))?$", text[package], re.MULTILINE
        ), name


def test_every_part_is_included_by_a_page() -> None:
    paths = [*(ROOT / "docs/reference").rglob("*.md"), ROOT / "docs/gallery.md"]
    pages = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert [name for name in generate.PARTS if f"made/{name}" not in pages] == []


@pytest.mark.broad
def test_every_table_has_a_description_and_all_its_columns() -> None:
    text = database.provider_tables() + database.site_tables()
    for made in db.metadata.sorted_tables:
        section = text.partition(f"## `{made.name}`\n")[2].partition("\n## ")[0]
        assert section.strip()[:1].isupper(), made.name
        described = [row[0] for row in cells(section)]
        assert described == [column.name for column in made.columns]


@pytest.mark.broad
def test_every_endpoint_says_what_it_does() -> None:
    found = cells(endpoints.provider_endpoints()) + cells(endpoints.site_endpoints())
    assert {"/authorize", "/token", "/par", "/micropub", "/healthz", "/register"} <= {row[0] for row in found}
    assert [row[0] for row in found if not row[2]] == []


def test_the_picture_shows_the_imports_of_today() -> None:
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.svg(), "run python -m docs.picture"
    assert ("clients", "fetch") in picture.arrows()
    assert ("oauth", "core") not in picture.arrows()  # a longer path implies it


def test_the_gallery_shows_each_page_once_on_a_desktop_and_once_on_a_phone(tmp_path: Path) -> None:
    for page_name in ("home", "account-check"):
        for variant in ("1280-light", "1280-dark", "390-light", "390-dark"):
            (tmp_path / f"{page_name}-{variant}.webp").touch()
    (tmp_path / "README.md").touch()
    assert gallery.gallery(tmp_path).splitlines() == [
        "## Account check",
        "",
        "![Account check on a desktop](screens/account-check-1280-light.webp)",
        "",
        "![Account check on a phone, in the dark theme](screens/account-check-390-dark.webp)",
        "",
        "## Home",
        "",
        "![Home on a desktop](screens/home-1280-light.webp)",
        "",
        "![Home on a phone, in the dark theme](screens/home-390-dark.webp)",
    ]
