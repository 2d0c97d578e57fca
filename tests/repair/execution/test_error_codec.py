"""Errors as JSON: the project's own come back as they were, others by name, and none runs code."""

import json

import pyarrow as pa
import pytest

from repair.errors import ConfigurationError, StoreError
from repair.execution.error_codec import decode_error, encode_error
from repair.language_servers.errors import ServerCrashError
from repair.line_diff.numbered import WrongLineError
from repair.ot import Delete, apply
from repair.ot.packets import OTError


class LocalError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("set it"),
        StoreError("ä\u2028\n"),
        ServerCrashError("exit status 1"),
        WrongLineError(""),
        ValueError("bad"),
        ZeroDivisionError("division by zero"),
        OSError("disk full"),
    ],
)
def test_known_errors_come_back_as_they_were(error: Exception) -> None:
    found = decode_error(encode_error(error))
    assert (type(found), str(found)) == (type(error), str(error))


def past_end() -> Exception:
    with pytest.raises(OTError) as caught:
        apply("a", [Delete(5)])
    return caught.value


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (LocalError("a", "b"), f"{__name__}.LocalError"),
        (pa.ArrowInvalid("no Parquet"), "pyarrow.lib.ArrowInvalid"),
        (KeyError("x"), "builtins.KeyError"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "builtins.UnicodeDecodeError"),
    ],
)
def test_other_errors_come_back_by_name(error: Exception, name: str) -> None:
    found = decode_error(encode_error(error))
    assert (type(found), str(found)) == (RuntimeError, f"a worker failed with {name}: {error}")


def test_an_error_that_a_text_does_not_make_is_told_all_the_same() -> None:
    error = past_end()
    assert str(error) in str(decode_error(encode_error(error)))


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "builtins.SystemExit", "repair.errors", ""])
def test_what_is_no_error_of_ours_is_not_made(name: str) -> None:
    found = decode_error(json.dumps({"class": name, "text": "x"}).encode())
    assert (type(found), str(found)) == (RuntimeError, f"a worker failed with {name}: x")
