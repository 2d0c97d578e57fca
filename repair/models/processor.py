"""Whether the processor multiplies bfloat16 in hardware, which decides what a CPU computes in."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def cpu_has_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the CPU has instructions for bfloat16: with them it is faster than 32 bits.

    Without them torch converts number by number: some forty times slower than 32 bits on a CPU with AVX2.
    """
    try:
        flags = set(cpuinfo.read_text("utf-8").split())
    except OSError:
        return False
    return not flags.isdisjoint({"avx512_bf16", "amx_bf16"})
