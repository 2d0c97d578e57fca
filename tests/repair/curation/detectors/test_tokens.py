"""Tokens: unknown prefixes, look-alikes of known ones, positions beside letters that are not ASCII."""

import pytest

from repair.curation.detectors.findings import Source
from repair.curation.detectors.tokens import find_tokens

RANDOM = "q8Zr1Xk7Vd3Lm9Pw5Tc2Nb6H"
# Put together here so that scanners of this repository rest.
STRIPE = "sk_live_" + "51Hq8Zr1Xk7Vd3Lm9Pw5Tc2N"


def found(text: str) -> list[str]:
    spans = {(finding.start, finding.end) for finding in find_tokens(Source(text, python=True))}
    return [text[start:end] for start, end in sorted(spans)]


@pytest.mark.parametrize("prefix", ["acme_", "acme-live-", "zz9_prod_", "tok-"])
def test_a_random_part_after_a_prefix_that_nobody_told_of(prefix: str) -> None:
    assert found(f"x = '{prefix}{RANDOM}'") == [prefix + RANDOM]


@pytest.mark.parametrize(
    "text",
    [
        f"acme_{RANDOM} = 1",  # an identifier
        f"'sha_{RANDOM}'",  # names something public
        "'acme-9f86d081884c7d659a2feaa0c55ad015'",  # a hash
        "'sk-folding-cube-yellow-2x-small-extra'",
        "'npm_config_registry_for_the_internal_packages_2'",
        "'ghp_REDACTED000000000000000000000000001'",
    ],
)
def test_what_only_looks_like_a_token(text: str) -> None:
    assert found(text) == []


def test_positions_are_code_points() -> None:
    assert found(f"# é𝕏 ü\nkey = '{STRIPE}'  # 𝕏 {STRIPE}\ud800") == [STRIPE, STRIPE]
