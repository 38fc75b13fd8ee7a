"""``python -m flask_cimd URL``: the explainer for those who have no server at hand."""

from .cli.explain import main

main(prog_name="python -m flask_cimd")
