"""Posts as pages and the feed show them; content that apps sent is sanitised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from jinja2.utils import urlize
from markupsafe import Markup, escape

from flask_cimd.core import safe_text, sentence
from flask_cimd_site.addresses import path_of
from flask_cimd_site.services import services
from flask_cimd_site.site import media
from flask_cimd_site.site.posts import Post
from flask_cimd_site.site.properties import Value, clean_block, first_text

_TITLE_LIMIT = 80
_EXCERPT_LIMIT = 200
_TAGS = frozenset({
    "a", "abbr", "b", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "hr", "i", "img", "ins", "kbd", "li",
    "mark", "ol", "p", "pre", "q", "s", "small", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr",
    "ul",
})  # fmt: skip
# No class, id or rel: with them, a post could add microformats, such as another h-card or a rel=me link.
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt"}, "ol": {"start"}, "td": {"colspan"}, "th": {"colspan"}}
_SCHEMES = frozenset({"http", "https", "mailto"})
_LINK_RELATION = "noopener noreferrer"
#: `urlize` needs quadratic time for long runs of these characters; no URL is followed by that many.
_CLOSING_RUN = re.compile(r"[)>.,]{33}")
#: Properties whose values are links to what a post is about, with their labels.
_CONTEXTS = {
    "in-reply-to": sentence("In reply to"),
    "like-of": sentence("Likes"),
    "repost-of": sentence("Reposts"),
    "bookmark-of": sentence("Bookmarks"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo of a post; a photo on another site is a link and never loaded."""

    url: str
    is_own: bool
    alt: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A link that the post is about."""

    label: str
    relation: str
    url: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPost:
    """A post in a list."""

    slug: str
    url: str
    title: str
    published: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostView:
    """A post as templates and the feed show it."""

    slug: str
    url: str
    name: str
    title: str
    summary: str
    content: Markup
    photos: list[Photo]
    categories: list[str]
    contexts: list[Context]
    published: datetime
    updated: datetime | None
    is_draft: bool

    @property
    def excerpt(self) -> str:
        """The beginning of the post as text, at most 200 characters, for pages that link to it."""
        return safe_text(self.summary or self.content.striptags(), _EXCERPT_LIMIT)

    @property
    def first_image(self) -> str | None:
        """The URL of the first photo on this site."""
        return next((photo.url for photo in self.photos if photo.is_own), None)


def permalink(slug: str) -> str:
    """Return the absolute URL of a post."""
    return services().configuration.base_url + path_of("notes.show", slug=slug)


def listed(post: Post) -> ListedPost:
    """Return what a list of posts shows of one."""
    return ListedPost(
        slug=post.slug, url=permalink(post.slug), title=_title(post, _content_of(post)), published=post.published_at
    )


def view(post: Post) -> PostView:
    """Return what templates and the feed show of a post."""
    content = _content_of(post)
    return PostView(
        slug=post.slug,
        url=permalink(post.slug),
        name=first_text(post.properties, "name"),
        title=_title(post, content),
        summary=first_text(post.properties, "summary"),
        content=_markup(content),
        photos=photos_of(post),
        categories=[value for value in post.properties.get("category", ()) if isinstance(value, str)],
        contexts=_contexts(post),
        published=post.published_at,
        updated=post.updated_at,
        is_draft=post.is_draft,
    )


def photos_of(post: Post) -> list[Photo]:
    """Return the photos of a post, in their order."""
    return [_photo(value) for value in post.properties.get("photo", ())]


#: Passes of the sanitiser; markup that still changes after them is reduced to text.
_MOST_PASSES = 4


@lru_cache(maxsize=64)
def sanitise(html: str, images: str) -> Markup:
    """Return untrusted HTML reduced to text, emphasis, lists, tables, links and images of this site.

    Args:
        images: prefix that the URL of an image must have.
    """
    kept = _clean(html, images)
    for _ in range(_MOST_PASSES):
        # Parsers move misplaced links out of tables, so the next parse may differ: sanitise to a fixed point.
        before, kept = kept, _clean(kept, images)
        if kept == before:
            break
    else:
        kept = nh3.clean(kept, tags=set())
    return Markup(kept)  # noqa: S704  sanitised


def _clean(html: str, images: str) -> str:
    kept = nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=lambda tag, name, value: _filter_attribute(tag, name, value, images),
        url_schemes=set(_SCHEMES),
        link_rel=_LINK_RELATION,
    )
    # Character references may stand for characters that XML does not allow.
    return clean_block(kept)


def _filter_attribute(tag: str, name: str, value: str, images: str) -> str | None:
    """Drop images of other sites, which would reveal visits, and relative links, which would point to this site."""
    if (tag, name) == ("img", "src"):
        return value if media.is_own(value, images) else None
    if (tag, name) == ("a", "href"):
        return value if value.lower().startswith(("http://", "https://", "mailto:")) else None
    return value


def _markup(content: Value) -> Markup:
    if not isinstance(content, str):
        return sanitise(content.get("html", ""), media.prefix())
    return _paragraphs(content)


@lru_cache(maxsize=64)
def _paragraphs(text: str) -> Markup:
    paragraphs = re.split(r"\n{2,}", text) if text else []
    lines = (_linked(paragraph).replace("\n", "<br>\n") for paragraph in paragraphs)
    return Markup("\n".join(f"<p>{line}</p>" for line in lines))  # noqa: S704  each line is escaped


def _linked(paragraph: str) -> str:
    """Return a paragraph of text, escaped, with its URLs as links."""
    return str(escape(paragraph)) if _CLOSING_RUN.search(paragraph) else urlize(paragraph, rel=_LINK_RELATION)


def _content_of(post: Post) -> Value:
    values = post.properties.get("content", ())
    return values[0] if values else ""


def _title(post: Post, content: Value) -> str:
    """Return the name of a post, or the beginning of its content without tags."""
    name = first_text(post.properties, "name")
    opening = content[: 8 * _TITLE_LIMIT] if isinstance(content, str) else ""
    text = safe_text(name or opening or _markup(content).striptags(), 2 * _TITLE_LIMIT)
    if len(text) <= _TITLE_LIMIT:
        return text or "Note"
    whole_words = text[:_TITLE_LIMIT].rpartition(" ")[0] or text[: _TITLE_LIMIT - 1]
    return f"{whole_words}…"


def _photo(value: Value) -> Photo:
    url, alt = (value, "") if isinstance(value, str) else (value.get("value", ""), value.get("alt", ""))
    return Photo(url=url, is_own=media.is_own(url, media.prefix()), alt=alt, host=urlsplit(url).hostname or "")


def _contexts(post: Post) -> list[Context]:
    return [
        Context(label=label, relation=name, url=value, host=urlsplit(value).hostname or "")
        for name, label in _CONTEXTS.items()
        for value in post.properties.get(name, ())
        if isinstance(value, str)
    ]
