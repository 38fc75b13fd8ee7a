"""A project that people have: Django with django-oauth-toolkit, its users, and one view that needs a token."""

import os
from pathlib import Path

SECRET_KEY = "key"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
LOGIN_URL = "/accounts/login/"
STATIC_URL = "/static/"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "project.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "oauth2_provider",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
_PROCESSORS = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": _PROCESSORS},
    }
]
OAUTH2_PROVIDER = {"SCOPES": {"profile": "See your name"}}
TRUST = {"CIMD_ALLOW_LOOPBACK": True, "CIMD_CA_BUNDLE": os.environ["CIMD_CA_BUNDLE"]}  # the tests' client is here
