"""The owner's account: password and passkeys, sessions, login, and the check before dangerous actions."""
