"""The authorization server's pages and endpoints."""
