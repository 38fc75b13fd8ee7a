"""OAuth clients that identify themselves by URL, for Flask and Authlib servers."""

__version__ = "0.1.0"
