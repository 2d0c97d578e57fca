"""Randomness: what is drawn from any alphabet of keys is told from words, identifiers and alphabets."""

import random
import string

import pytest

from repair.curation.detectors.randomness import is_hex, looks_random, unusual_share

ALPHABETS = {
    "base62": string.ascii_letters + string.digits,
    "base64url": string.ascii_letters + string.digits + "-_",
    "lower": string.ascii_lowercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "hexadecimal": "0123456789abcdef",
}


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=ALPHABETS)
@pytest.mark.parametrize("length", [20, 32, 64])
def test_most_drawn_values_look_random(alphabet: str, length: int) -> None:
    chance = random.Random(length)
    values = ["".join(chance.choices(alphabet, k=length)) for _ in range(400)]
    assert sum(map(looks_random, values)) >= 0.95 * len(values)


@pytest.mark.parametrize(
    "value",
    [
        "the_name_of_a_token_2",
        "gpt-4-turbo-2024-04-09-Preview",
        "thisIsAVeryLongCamelCaseIdentifier2",
        "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat2",
        string.ascii_letters + string.digits,
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "0000000000000000000000000000000a",
        "aB3" * 12,
        "x7f3k29d",
        "SQS_DISABLE_EXPRESS_XHR_SSL_AUTH",
        "ßàáâãäåæçèéêëìíîïðñòóôõö",
    ],
)
def test_what_is_written_does_not(value: str) -> None:
    assert not looks_random(value)


def test_the_share_of_unusual_neighbours() -> None:
    assert unusual_share("") == unusual_share("a") == 0
    assert unusual_share("a1a1") == 1
    assert unusual_share("there") == 0
    assert unusual_share("xq") == 1
    assert unusual_share("2024-04-09") == 0


def test_hexadecimal_has_one_case_and_letters() -> None:
    assert is_hex("5b7e1c09d4a84f6e93c2a1f0b8d7e6c5")
    assert is_hex("550e8400-e29b-41d4-a716-446655440000")
    assert not is_hex("5B7e1c09d4a84f6e93c2a1f0b8d7e6c5")
    assert not is_hex("52509990612798495767494600000000")
