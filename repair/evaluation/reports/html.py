"""Self-contained HTML pages out of the templates of this package."""

from typing import Any


def render_page(template: str, **facts: Any) -> str:
    """The page; a name that the template needs and is not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("repair.evaluation.reports"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(**facts)
