"""Instructions for bfloat16, as Linux names them."""

from pathlib import Path

import pytest

from repair.models.processor import cpu_has_bf16


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse2 avx2 fma", False),
        ("avx2 avx512f avx512_vnni", False),
        ("avx2 avx512f avx512_bf16", True),
        ("avx512f amx_bf16 amx_tile", True),
        ("avx512_bf16x", False),
    ],
)
def test_the_flags_of_a_processor_say_whether_it_has_bfloat16(
    tmp_path: Path, flags: str, expected: bool
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: spectre_v1\n")
    assert cpu_has_bf16(cpuinfo) is expected


def test_a_machine_that_does_not_say_computes_in_32_bits(tmp_path: Path) -> None:
    assert not cpu_has_bf16(tmp_path / "absent")
