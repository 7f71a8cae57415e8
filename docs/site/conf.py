"""How Sphinx builds the site of docs/: pages in Markdown, and a reference made of the docstrings.

`make docs-site` runs it with every warning an error. The extensions beside this file say in their first lines
what each adds to Sphinx.
"""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

project = "tandemsim"
copyright = "The Tandem developers"
release = version = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[0]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "contents",
    "reference",
    "repository_paths",
    "names",
    "indented_blocks",
    "field_comments",
]
root_doc = "index"
exclude_patterns = ["site"]
nitpicky = True  # a reference that leads nowhere is a warning, and with -W an error

myst_enable_extensions = ["smartquotes"]
myst_heading_anchors = 3  # page.md#a-heading, as GitHub names them
highlight_language = "none"  # an indented block is commands or a drawing; fences name their language

viewcode_follow_imported_members = False  # the sources that it links are those of the module at hand
html_theme = "furo"
html_title = f"tandemsim {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

default_role = "name"
autodoc_default_options = {"members": True, "undoc-members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# Otherwise the sidebar of each page would carry every name of the reference: two minutes more.
toc_object_entries = False
add_module_names = False  # its heading names the module
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 140  # of full names, of which the page shows the last
# Gigabytes that the models need, and no docstring does.
autodoc_mock_imports = ["torch", "transformers", "onnx"]
os.environ["NUMBA_DISABLE_JIT"] = "1"  # kernels as the functions that they are
nitpick_ignore_regex = [
    (r"py:.*", r"(?!tandemsim\.).*"),  # other libraries; without a network their references cannot be asked
    (r"py:.*", r".*\._\w+"),  # private names in annotations
]
