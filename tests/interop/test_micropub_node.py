"""A Micropub client from npm, unmodified, posts on a running demo."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.site.posting import png
from tests.support.browser import REDIRECT, publish_client
from tests.support.demo import RunningDemo
from tests.support.node import running_node
from tests.support.origin import TLSOrigin

SCOPE = "create update delete undelete media"


def test_micropub_helper_writes_changes_deletes_and_brings_back(
    running_site: RunningDemo, origin: TLSOrigin, tmp_path: Path
) -> None:
    """micropub-helper 1.6.2."""
    owner, me = running_site.owner(), running_site.base_url + "/"
    client_id = publish_client(origin, grant_types=["authorization_code"])
    token = owner.tokens(client_id, REDIRECT, scope=SCOPE)["access_token"]
    visitor = running_site.browser()
    with running_node("micropub_node", "client.mjs") as program:
        begun = program.ask(step="begin", me=me, token=token)
        assert begun["verified"] is True, begun
        assert begun["endpoints"]["micropub"] == running_site.base_url + "/micropub"
        assert begun["media"] == running_site.base_url + "/media"

        written = {"type": ["h-entry"], "properties": {"content": ["Written by npm"], "category": ["a"]}}
        urls = [program.ask(step="create", post=written, type="json")["url"]]
        form = {"h": "entry", "content": "Written by form", "category": ["a", "b"]}
        urls.append(program.ask(step="create", post=form, type="form")["url"])
        assert program.ask(step="source", url=urls[1], properties=["category"]) == {
            "properties": {"category": ["a", "b"]}
        }

        changes = {
            "replace": {"content": ["Changed by npm"]},
            "add": {"category": ["c"]},
            "delete": {"category": ["a"]},
        }
        assert "failed" not in program.ask(step="update", url=urls[0], changes=changes)
        source = program.ask(step="source", url=urls[0], properties=[])
        assert (source["properties"]["content"], source["properties"]["category"]) == (["Changed by npm"], ["c"])
        assert "Changed by npm" in visitor.get(urlsplit(urls[0]).path).text

        picture = tmp_path / "picture.png"
        picture.write_bytes(png())
        kept = program.ask(step="media", file=str(picture))["url"]
        assert visitor.get(urlsplit(kept).path).headers["Content-Type"] == "image/png"

        for url in urls:
            assert "failed" not in program.ask(step="delete", url=url)
            assert visitor.get(urlsplit(url).path).status_code == 410
        assert "failed" not in program.ask(step="undelete", url=urls[0])
        assert visitor.get(urlsplit(urls[0]).path).status_code == 200
        program.ask(step="delete", url=urls[0])  # the running demo is left as it was found
        refused = program.ask(step="update", url=urls[0], changes=changes)
        assert refused["status"] == 400
