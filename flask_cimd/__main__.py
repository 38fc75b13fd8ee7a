"""``python -m flask_cimd check FILE_OR_URL`` and ``explain URL``, for developers of clients."""

from .cli.explain import main

main(prog_name="python -m flask_cimd")
