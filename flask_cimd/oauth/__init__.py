"""Drop-in parts for an Authlib authorization server, each usable alone."""
