"""Auto-import of a name that the project defines: the statements, and what the servers make of them."""

from collections.abc import Mapping

import pytest

from repair.language_servers import LanguageServers
from repair.line_diff.numbered import apply, extract
from repair.schema.outcomes import Reject
from repair.synthesis.rules import RulesTeacher
from repair.synthesis.rules.project_names import import_statements
from tests.repair.synthesis.support import candidate

SHOP = "class Shop:\n    pass\n"
USE = "print(Shop())\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # beside a script; in a package; in one whose files import each other relatively
        ({"main.py": USE, "shop.py": SHOP}, ["from shop import Shop"]),
        (
            {"a/main.py": USE, "a/shop.py": SHOP, "a/__init__.py": ""},
            ["from a.shop import Shop", "from .shop import Shop"],
        ),
        (
            {"a/main.py": f"from .other import x\n{USE}", "a/shop.py": SHOP, "a/__init__.py": ""},
            ["from .shop import Shop", "from a.shop import Shop"],
        ),
        # in another folder, in a package's own file, below src
        (
            {"tests/test_shop.py": USE, "a/b/shop.py": SHOP, "a/__init__.py": "", "a/b/__init__.py": ""},
            ["from a.b.shop import Shop"],
        ),
        ({"tests/test_shop.py": USE, "shop.py": SHOP}, ["from shop import Shop"]),
        ({"tests/test_shop.py": USE, "a/__init__.py": SHOP}, ["from a import Shop"]),
        (
            {"tests/test_shop.py": USE, "src/a/shop.py": SHOP, "src/a/__init__.py": ""},
            ["from a.shop import Shop"],
        ),
        # a folder that is no package is nobody's way to a module, but for those beside it
        ({"tests/test_shop.py": USE, "a/b/shop.py": SHOP, "a/b/__init__.py": ""}, []),
        ({"a/b/main.py": USE, "a/b/shop.py": SHOP, "a/b/__init__.py": ""}, ["from .shop import Shop"]),
        ({"a/main.py": USE, "a/shop.py": SHOP}, ["from shop import Shop"]),
        ({"main.py": USE, "shop.py": "async def Shop(): ...\n"}, ["from shop import Shop"]),
        # two have it; none has it at its top, or as a whole word; it is no module, or no Python
        ({"main.py": USE, "shop.py": SHOP, "other.py": SHOP}, []),
        ({"main.py": USE, "shop.py": "if 1:\n    class Shop: ...\n# Shop\n"}, []),
        ({"main.py": USE, "shop.py": "class Shopping: ...\nShop = 1\n"}, []),
        ({"main.py": USE, "shop.pyi": SHOP}, []),
        ({"main.py": USE, "my-shop.py": SHOP}, []),
        ({"main.py": USE, "shop.py": f"{SHOP}print 1\n"}, []),
        # it would be a circle
        ({"main.py": USE, "shop.py": f"import main\n{SHOP}"}, []),
        ({"main.py": USE, "shop.py": f"from .main import x\n{SHOP}"}, []),
    ],
)
def test_the_statements(files: Mapping[str, str], expected: list[str]) -> None:
    assert import_statements(files, next(iter(files)), "Shop") == expected


@pytest.mark.parametrize(
    ("files", "repaired"),
    [
        ({"main.py": USE, "shop.py": SHOP}, f"from shop import Shop\n{USE}"),
        (
            {"a/main.py": f'"""Doc."""\n{USE}', "a/shop.py": SHOP, "a/__init__.py": ""},
            f'"""Doc."""\nfrom a.shop import Shop\n{USE}',
        ),
        (
            {"tests/test_shop.py": USE, "src/a/shop.py": SHOP, "src/a/__init__.py": ""},
            f"from a.shop import Shop\n{USE}",
        ),
        ({"a/main.py": USE, "a/shop.py": SHOP}, f"from shop import Shop\n{USE}"),
        # no argument was meant
        ({"main.py": "print(Shop(1))\n", "shop.py": SHOP}, "no_candidate_verifies"),
    ],
)
def test_what_the_servers_accept(servers: LanguageServers, files: Mapping[str, str], repaired: str) -> None:
    path = next(iter(files))
    before = servers.check_workspace(dict(files))
    target = next(
        one for one in before if one.path == path and one.code == "pyright[reportUndefinedVariable]"
    )
    [outcome] = RulesTeacher(servers).propose([candidate(files, target, before)])
    if isinstance(outcome, Reject):
        assert outcome.reason == repaired, outcome.detail
    else:
        assert apply(files[path], extract(outcome.answer)) == repaired
