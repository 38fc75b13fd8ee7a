"""Sphinx: the pages of this folder, and reference pages that `docs.generate` writes before each build."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from docs import generate, links  # noqa: E402  # the path must lead to this checkout first
from flask_cimd import __version__  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "flask-cimd"
author = PROJECT["authors"][0]["name"]
copyright = author  # noqa: A001  # Sphinx reads this name
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["made", "_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
# Values of this file that cannot be pickled; names that two packages share and that are one object.
suppress_warnings = ["config.cache", "ref.python"]

nitpicky = True
default_role = "py:obj"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 100

html_theme = "furo"
html_title = f"flask-cimd {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = "$ "


def setup(app: Any) -> None:
    """Write the generated parts, and resolve references to public names and to files outside the pages."""
    generate.write(HERE / "made")
    app.connect("missing-reference", links.resolve)
    properties = links.PlainProperties()
    app.connect("autodoc-process-docstring", properties.keep, priority=1)
    app.connect("autodoc-process-docstring", properties.restore, priority=999)
    app.connect("autodoc-skip-member", links.skip_undocumented)
    app.connect("source-read", lambda _, name, source: links.unlink_files(HERE, name, source, PROJECT))
