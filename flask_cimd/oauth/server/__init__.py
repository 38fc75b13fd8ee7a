"""Parts of an authorization server."""
