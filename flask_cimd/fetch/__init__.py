"""The security boundary: every connection to an address that a stranger chose is made here."""
