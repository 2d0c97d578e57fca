"""Self-contained HTML pages from the Jinja templates of this package.

Tested by `tests/eval_assets/test_eval_results.py`.
"""

from typing import Any

from repair.extras import extra


def render_page(template: str, **facts: Any) -> str:
    """Render a template; a missing name is an error."""
    with extra("pipeline"):
        from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("repair.evaluation.reports"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(**facts)
