"""Self-contained HTML pages from the Jinja templates of this package.

Tested by `tests/eval_assets/test_eval_results.py`.
"""

import base64
import hashlib
from typing import Any

from repair.extras import extra


def render_page(template: str, script: str = "", **facts: Any) -> str:
    """Render a template; a missing name is an error.

    `script` names the file of the page's own script, the only one that its security policy lets run.
    """
    with extra("pipeline"):
        from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("repair.evaluation.reports"), autoescape=True, undefined=StrictUndefined
    )
    if script:
        source = environment.loader.get_source(environment, script)[0]  # pyright: ignore[reportOptionalMemberAccess]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        facts |= {"script": source, "script_sha256": digest}
    return environment.get_template(template).render(**facts)
