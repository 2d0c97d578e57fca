"""Choice of the replay engine: plain Python, or compiled code for long histories.

Tested by `tests/repair/replay/test_compiled.py`.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec

from repair.ot.packets import Packet
from repair.replay import file
from repair.replay.machine_code import is_cached

_SHORT = 30  # packets of a small file that plain Python works on in the time of one call
_LOADING = 50_000  # that it works on while the compiled code is loaded: half a second
_COMPILING = 1_000_000  # that it works on while that code is compiled, once a machine: ten seconds
_CODE_POINTS = 10_000  # that are moved and summed in the time of one such packet, where edits lie far apart
_met: Counter[str] = Counter()  # in this process


def pays(packets: int, length: int = 0) -> bool:
    """Whether compiled code is worth loading for that number of packets, of a file of `length` code points.

    The code is loaded once a process has met as many packets as plain Python works on meanwhile (the
    ski-rental rule: at most twice the time of the better choice), and is used from then on. Where no process
    has compiled it before, as many as plain Python works on while it is compiled.
    """
    if packets < _SHORT:
        return False
    if "repair.replay.kernels" in sys.modules:
        return True
    _met["packets"] += packets * (1 + length // _CODE_POINTS)
    if _met["packets"] < _LOADING or find_spec("numba") is None:
        return False
    return _met["packets"] >= _COMPILING or is_cached()


def texts_at(
    packets: Sequence[Packet],
    moments: Sequence[datetime],
    base: str = "",
    *,
    base_version: int | None = None,
) -> list[str]:
    """The text of a file at each of `moments`, which may come in any order.

    All is as `repair.replay.file.texts_at` says. A long history is replayed in compiled code.
    """
    if not pays(len(packets), len(base)):
        return file.texts_at(packets, moments, base, base_version=base_version)
    from repair.replay.compiled import texts_at_columns
    from repair.replay.packet_columns import columns_of

    return texts_at_columns(
        columns_of(packets), moments, base, base_version=base_version, every_checksum=True, packets=packets
    )
