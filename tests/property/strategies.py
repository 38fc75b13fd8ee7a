"""What strangers send: nearly right, assembled from the pieces that parsers disagree about."""

import json
from typing import Any

from hypothesis import strategies as st

URL = "https://app.example/client.json"

_SCHEMES = [
    "https://",
    "http://",
    "HTTPS://",
    "https:/",
    "https:",
    "//",
    "javascript:",
    "com.example.app:",
    "data:",
    "",
]
_HOSTS = [
    "app.example", "APP.example", "a.b.example", "localhost", "LOCALHOST", "127.0.0.1", "[::1]", "[::ffff:7f00:1]", "127.1",
    "2130706433", "0x7f.1", "xn--mnchen-3ya.example", "xn--a.example", "app.example.", "[127.0.0.1]", "[v1.x]", "-", "_x.example",
    "evil.example", "app.example@evil.example", "u:p@app.example", "app%2eexample", "app.example\\", "m\u00fcnchen.example", "",
    "app.1", "a.0x1", "1.2.3.4", "010.0.0.1", "\uff41pp.example", "fa\u00df.example", "a,b", "*",
]  # fmt: skip
_PORTS = ["", "", "", ":443", ":80", ":8443", ":0", ":65536", ":", ":8a", ":00443", ":*"]
_PIECES = [
    "/", "/", "/c", "/cb", "/callback", "//", "/.", "/..", "/%2e", "/%2E%2e", "/.%2e", "/%252e", "/...", "%", "%zz", "%41", "%2f", "%5c",
    "?", "?x=1", "&", "#", "#x", ";", "@", ":", "\\", " ", "\t", "\n", "\x00", "[", "]", "<", '"', "'", "|", "{", "*", "\u202e",
    "\u00e9", "\ud800", "~", "+",
]  # fmt: skip

urls = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(_SCHEMES),
    st.sampled_from(_HOSTS) | st.text(max_size=12) | st.from_regex(r"[a-z0-9.\-_\[\]:%@]{1,12}", fullmatch=True),
    st.sampled_from(_PORTS) | st.from_regex(r":[0-9a]{1,6}", fullmatch=True),
    st.lists(st.sampled_from(_PIECES), max_size=6).map("".join) | st.text(max_size=20),
)
likely_urls = st.builds(
    "https://{}{}{}".format,
    st.sampled_from(["app.example", "APP.example", "127.0.0.1", "localhost", "xn--p1ai.example"])
    | st.from_regex(r"[a-zA-Z0-9_\-.]{1,15}", fullmatch=True),
    st.sampled_from(_PORTS),
    st.from_regex(r"(/[a-zA-Z0-9\-._~!$&'()*+,;=:@%]{0,6}){0,4}(\?[a-z0-9=&/?%]{0,8})?", fullmatch=True),
)
any_urls = urls | likely_urls | st.text() | urls.map(lambda url: url * 40)

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | any_urls
    | st.sampled_from(
        ["none", "private_key_jwt", "client_secret_basic", "code", "authorization_code", "EC", "oct", "ES256"]
    )
)
values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_keys = st.fixed_dictionaries(
    {},
    optional={
        name: values | st.sampled_from(["EC", "RSA", "OKP", "oct", "sig", "enc", "AQAB"])
        for name in ("kty", "crv", "x", "y", "n", "e", "d", "k", "use", "kid", "oth")
    },
)
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "client_id": st.just(URL) | values,
    "client_name": st.text() | values,
    "client_name#fr": st.text() | values,
    "client_uri": any_urls | values,
    "logo_uri": any_urls | values,
    "tos_uri": any_urls | values,
    "redirect_uris": st.lists(any_urls, max_size=5) | values,
    "token_endpoint_auth_method": values,
    "token_endpoint_auth_methods_supported": st.lists(values, max_size=3) | values,
    "token_endpoint_auth_signing_alg": values,
    "grant_types": st.lists(_scalars, max_size=3) | values,
    "response_types": st.lists(_scalars, max_size=3) | values,
    "scope": st.text() | values,
    "jwks": st.builds(lambda keys: {"keys": keys}, st.lists(_keys | values, max_size=3)) | values,
    "jwks_uri": any_urls | values,
    "application_type": values,
    "dpop_bound_access_tokens": values,
    "contacts": values,
    "client_secret": values,
}
documents = st.builds(
    lambda known, extra: {**extra, **known},
    st.fixed_dictionaries({}, optional=MEMBERS)
    | st.fixed_dictionaries(
        {"client_id": st.just(URL), "redirect_uris": st.lists(likely_urls, min_size=1, max_size=4)},
        optional={name: MEMBERS[name] for name in ("client_name", "client_uri", "jwks", "scope", "grant_types")},
    ),
    st.dictionaries(st.text(max_size=10), values, max_size=2),
)

_JSON_PIECES = [
    "{", "}", "[", "]", ":", ",", '"', '"a"', '"client_id"', "\\", "\\u", "\\ud800", "NaN", "-Infinity", "1e999", "null", "true", "0",
    "-", ".", "1", "\ufeff", " ", "\n", "\x00", "9" * 120, '"' + URL + '"', "{}", "[]",
]  # fmt: skip
json_texts = (
    documents.map(json.dumps)
    | documents.map(lambda members: json.dumps(members, ensure_ascii=False))
    | st.lists(st.sampled_from(_JSON_PIECES), max_size=30).map("".join)
    | values.map(json.dumps)
)
bodies = (
    json_texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | json_texts.map(lambda text: text.encode("utf-16", "surrogatepass"))
    | st.binary(max_size=200)
    | st.builds(
        lambda body, cut, junk: body[:cut] + junk + body[cut:],
        documents.map(json.dumps).map(str.encode),
        st.integers(0, 300),
        st.binary(max_size=4),
    )
)

_HTML_PIECES = [
    '<div class="h-app">', '<div class="h-x-app h-card">', '<a class="u-url p-name" href="/">', '<a class="u-url" href="https://app.example/">',
    '<img class="u-logo" src="/l.png" alt="x">', '<img class="u-photo" src="data:x">', '<p class="p-name">', "</p>", "</a>", "</div>",
    '<link rel="redirect_uri" href="/cb">', '<link rel="redirect_uri" href="com.example:/cb">', '<link rel=redirect_uri href=" javascript:1">',
    '<base href="https://evil.example/">', '<base href="//[">', '<base href="javascript:x">', "<base>", "<template>", "</template>", "<!--", "-->",
    "<script>", "</script>", "<style>", "<svg>", "<math>", "<textarea>", "<table><tr><td>", "<frameset>", "<plaintext>", "<?xml?>", "<!DOCTYPE html>",
    "<![CDATA[", "]]>", "&amp;", "&#0;", "&#xD800;", "&#99999999;", "&nope", "<", ">", '"', "'", "\x00", "\ufeff", "name", " ", '<div class="e-content">',
    '<time class="dt-x" datetime="9999">', '<div class="h-app u-logo h-card">', '<span class="value-title" title="x">', "<div " + 'a="b" ' * 50 + ">",
    '<div class="p-name h-app u-url">', '<object class="u-logo" data="//[">', '<a class="u-url" href="http://[">', '<meta charset="utf-7">',
    '<meta http-equiv="content-type" content="text/html; charset=nonsense">', '<div class="p-\u202e h-app">', '<html lang="x">',
]  # fmt: skip
html = st.lists(st.sampled_from(_HTML_PIECES) | st.text(max_size=10), max_size=40).map("".join)
pages = (
    html.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | html.map(lambda text: text.encode("utf-16-le", "surrogatepass"))
    | st.binary(max_size=300)
    | st.builds(
        lambda piece, times: (piece * times).encode("utf-8", "surrogatepass"),
        st.sampled_from(_HTML_PIECES),
        st.integers(1, 600),
    )
)
charsets = (
    st.none()
    | st.sampled_from(
        ["utf-8", "utf-16", "latin-1", "shift_jis", "utf-7", "idna", "punycode", "hex", "x", "", "\x00", "undefined"]
    )
    | st.text(max_size=8)
)

_LINK_PIECES = [
    "<",
    ">",
    "</cb>",
    "<https://app.example/cb>",
    ";",
    "; rel=redirect_uri",
    '; rel="',
    '"',
    "rel",
    "=",
    "redirect_uri",
    ",",
    " ",
    "\\",
    '; anchor="#x"',
    "\x00",
    "\u00e9",
]
link_fields = st.lists(
    st.lists(st.sampled_from(_LINK_PIECES), max_size=15).map("".join) | st.text(max_size=30), max_size=4
)

_CACHE_PIECES = [
    "max-age",
    "=",
    "600",
    "-1",
    "9" * 30,
    '"',
    ",",
    " ",
    "no-store",
    "no-cache",
    "s-maxage",
    "Max-Age=5",
    "\u0663",
    "\x00",
    ";",
]
cache_controls = st.lists(st.sampled_from(_CACHE_PIECES), max_size=10).map("".join) | st.text(max_size=30)
dates = (
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    | st.from_regex(
        r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3} [+-]?[A-Z0-9]{1,5}",
        fullmatch=True,
    )
    | st.text(max_size=30)
)
