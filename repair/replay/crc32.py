"""CRC-32 of a text put together from the checksums of its parts.

With P the CRC's polynomial, `crc(A + B) = crc(A) * x**(8 * len(B)) + crc(B)` modulo P over GF(2).
So a part that has not changed need not be read again. Polynomials are bit-reversed in 32 bits, as in
zlib: the highest bit is the coefficient of x**0.

Tested by `tests/repair/replay/test_file.py`.
"""

_POLYNOMIAL = 0xEDB88320
ONE = 1 << 31
"""The polynomial 1: the shift of no bytes."""


def multiply(one: int, other: int) -> int:
    """The product of two polynomials modulo P."""
    product = 0
    while one:
        if one & ONE:
            product ^= other
        one = (one << 1) & 0xFFFFFFFF
        other = (other >> 1) ^ _POLYNOMIAL if other & 1 else other >> 1
    return product


def _powers_of_a_byte() -> list[int]:
    """x**8 raised to 1, 2, 4, ... 2**47: enough for any text that fits into memory."""
    powers = [1 << 23]
    for _ in range(47):
        powers.append(multiply(powers[-1], powers[-1]))
    return powers


_POWERS = _powers_of_a_byte()

Tables = tuple[list[int], ...]
"""A product with a fixed polynomial, for each value of each of the 8 nibbles of the other factor."""


def tables(factor: int) -> Tables:
    """For `shifted`: worth it where one factor meets many others."""
    result: list[list[int]] = []
    for _ in range(8):  # from the highest nibble, whose first bit is x**0
        rows: list[int] = []
        for _ in range(4):
            rows.append(factor)
            factor = (factor >> 1) ^ _POLYNOMIAL if factor & 1 else factor >> 1
        table = [0]
        for row in reversed(rows):
            table += [entry ^ row for entry in table]
        result.append(table)
    return tuple(result)


def shifted(checksum: int, by: Tables) -> int:
    """`multiply(checksum, factor)` with `by = tables(factor)`."""
    first, second, third, fourth, fifth, sixth, seventh, eighth = by
    return (
        first[checksum >> 28]
        ^ second[checksum >> 24 & 15]
        ^ third[checksum >> 20 & 15]
        ^ fourth[checksum >> 16 & 15]
        ^ fifth[checksum >> 12 & 15]
        ^ sixth[checksum >> 8 & 15]
        ^ seventh[checksum >> 4 & 15]
        ^ eighth[checksum & 15]
    )


def shift(length: int) -> int:
    """x**(8 * length): what `length` bytes after a part do to its checksum."""
    result = ONE
    for power in _POWERS:
        if not length:
            break
        if length & 1:
            result = multiply(power, result)
        length >>= 1
    return result
