"""`repair reasons`: why a row goes no further, stage by stage.

Tested by `tests/repair/cli/test_run.py`.
"""

import click


@click.command()
def reasons() -> None:
    """Print the reject reasons of each stage and what they mean, as a page in Markdown.

    \b
    Example:
      repair reasons > docs/rejects.md
    """
    from repair.pipeline import reasons_page

    click.echo(reasons_page(), nl=False)
