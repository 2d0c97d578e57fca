"""Self-contained HTML pages from the Jinja templates of this package."""

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
