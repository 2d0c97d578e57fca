"""The asset graph as a Mermaid flowchart, for docs/architecture.md.

python -m code_location.architecture      # puts the picture into the page
"""

import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from code_location.definitions import defs

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
_BLOCK = re.compile(r"(?<=```mermaid\n)flowchart TB\n[^`]*(?=```)")


def picture() -> str:
    """One box for each asset with its partitions, in a frame for each group, in the order of the data."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    graph = defs.resolve_asset_graph()
    nodes = {key.path[-1]: graph.get(key) for key in sorted(graph.get_all_asset_keys())}
    yield "flowchart TB"
    for group in sorted({node.group_name or "" for node in nodes.values()}):
        yield f'  subgraph group_{group}["{group.partition("_")[2]}"]'
        for name, node in nodes.items():
            if node.group_name == group:
                yield f'    {name}["{name}<br/>{_partitions(node.partitions_def)}"]'
        yield "  end"
    for name, node in nodes.items():
        for parent in sorted(key.path[-1] for key in node.parent_keys):
            yield f"  {parent} --> {name}"


def _partitions(found: dg.PartitionsDefinition | None) -> str:
    if isinstance(found, dg.MultiPartitionsDefinition):
        return ", ".join(one.name.removeprefix("diagnostic_") for one in found.partitions_defs)
    if isinstance(found, dg.StaticPartitionsDefinition):
        return "type"
    return "date" if found else "on demand"


def with_picture(page: str) -> str:
    """The page with the picture of today's graph."""
    replaced, count = _BLOCK.subn(lambda _: picture(), page)
    if count != 1:
        raise ValueError(f"{PAGE} has {count} pictures of the graph, expected one")
    return replaced


if __name__ == "__main__":
    PAGE.write_text(with_picture(PAGE.read_text()))
