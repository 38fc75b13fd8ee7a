"""Parts of a resource server."""
