"""A site of one person on Django, whose IndieAuth server is django-indieweb as it installs from PyPI.

Arguments: the port, the file with key and certificate, a folder. Prints its address as a line of JSON.
"""

import json
import ssl
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path

port, pem, folder = sys.argv[1:]
LOGIN_PAGE = '<form method="post">{% csrf_token %}{{ form }}<button>Go</button></form>'
ORIGIN = f"https://localhost:{port}"
settings.configure(
    SECRET_KEY="key",
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/accounts/login/",
    LOGIN_REDIRECT_URL="/",
    STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/django.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SITE_ID=1,
    USE_TZ=True,
    INDIEWEB_REQUIRE_PKCE_S256=True,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.sites",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "indieweb",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "registration/login.html": LOGIN_PAGE,
                            "base.html": "<!doctype html>{% block content %}{% endblock %}",
                        },
                    ),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
)
django.setup()


def home(request):
    return HttpResponse(f'<link rel="indieauth-metadata" href="{ORIGIN}/indieweb/auth/metadata/"><h1>Ada</h1>')


urlpatterns = [
    path("", home),
    path("accounts/", include("django.contrib.auth.urls")),
    path("indieweb/", include("indieweb.urls")),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
from django.contrib.auth.models import User  # noqa: E402  needs django.setup()

User.objects.create_user("ada", password="secret")
server = make_server("127.0.0.1", int(port), get_wsgi_application(), handler_class=Quiet)
server.base_environ["wsgi.url_scheme"] = "https"
server.base_environ["HTTPS"] = "on"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pem)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(json.dumps({"me": f"{ORIGIN}/"}), flush=True)
server.serve_forever()
