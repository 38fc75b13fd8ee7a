"""Pure values and decisions.

Nothing in this folder imports Flask, requests or SQLAlchemy, opens a socket, reads a clock or the environment.
Bytes, header maps and ``now`` come in as arguments; frozen values or one of our errors come out.
"""
