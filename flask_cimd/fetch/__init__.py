"""The security boundary: this package makes every connection to a URL that a stranger chose."""
