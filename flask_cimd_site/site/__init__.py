"""Public pages, and endpoints for programs other than the authorization server."""
