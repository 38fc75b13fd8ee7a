"""How gunicorn serves the site from a checkout: as `flask_cimd_site/serving.py` says."""

import runpy
from pathlib import Path

_settings = runpy.run_path(str(Path(__file__).with_name("flask_cimd_site") / "serving.py"))
globals().update({name: value for name, value in _settings.items() if not name.startswith("_")})
