"""Numbers of machines and people: IP and MAC addresses, payment cards, IBANs, US social security numbers.

What has the form of such a number and is another is told by check digits, by the ranges that are assigned,
and by the words before it: `version`, `section`, `oid`.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import ipaddress
import re
from collections.abc import Iterator

from repair.curation.detectors.findings import Finding, Source

_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]|\.\d)")
_DOTTED = re.compile(r"\.\d{1,3}\.\d")
_ADDRESS_WORDS = re.compile(
    r"(?i)(?<![a-z])(?:ips?|ipv4|hosts?|addr|address|addresses|servers?|peers?|proxy|proxies|gateway"
    r"|dns|ping|ssh|nodes?|remote|client|"
    r"connect|bind|listen|subnet|cidr|allowed_hosts|whitelist|blacklist|allowlist|denylist|nameserver"
    r"|endpoint)(?![a-z])|://|@|host"
)
_OTHER_WORDS = re.compile(
    r"(?i)version|release|(?<![a-z])vers?(?![a-z])|\bv\W{0,5}\Z|(?<![a-z])oids?(?![a-z])|section"
    r"|(?<![a-z])sec\.|chapter|§|asn1|asn\.1|snmp|"
    r"(?<![a-z])mibs?(?![a-z])|object.?id|paragraph|clause|appendix|figure|table \Z"
    r"|(?<![a-z])spec(?![a-z])|build|firmware|driver|revision|"
    r"upgrade|changelog|since \Z|[=<>~!]=\s*\Z|[A-Za-z][/-]\Z|\w\s?\^|\bcolou?r|python_requires|requires"
)
_RESOLVERS = frozenset(
    """
    8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220
    2001:4860:4860::8888 2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001 2620:fe::fe 1.2.3.4
    4.3.2.1
    """.split()  # noqa: SIM905
)
"""Public resolvers, and addresses that are written for any."""
# A part that every address has.
_IPV6_PART = re.compile(r":(?::|(?:[0-9A-Fa-f]{1,4}:){6})")
_IPV6_BEFORE = re.compile(r"(?<![\w:.])[0-9A-Fa-f][0-9A-Fa-f:]{0,38}\Z")
_IPV6_AFTER = re.compile(r"[0-9A-Fa-f:]{2,40}+(?![\w:]|\.\d)")
_DOCUMENTATION_IPV6 = ipaddress.IPv6Network("2001:db8::/32")
_MAC = re.compile(
    r"(?<![\w:-])[0-9A-Fa-f]{2}(?P<sep>[:-])(?:[0-9A-Fa-f]{2}(?P=sep)){4}[0-9A-Fa-f]{2}(?![\w:-])"
)
_MAC_PARTS = (re.compile(r"(?::[0-9A-Fa-f]{2}){5}"), re.compile(r"(?:-[0-9A-Fa-f]{2}){5}"))
_MADE_UP_MAC = re.compile(
    r"(?i)00:00:00|aa:bb:cc|ff:ff|01:23:45|12:34:56|00:11:22|11:22:33|de:ad:be|ca:fe|00:00:5e"
    r"|([0-9a-f]{2}:)\1\1"
)
_LONG_NUMBER = re.compile(r"\d(?<![\w.+:/=-]\d)(?:[ -]?\d){12,18}+(?![\w-]|\.\d)")
_CARD_GROUPS = re.compile(r"\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}")
_CARD_HEAD = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3(?:0[0-5]|[689])|6(?:011|5|4[4-9])|35(?:2[89]|[3-8])|62")
_TEST_CARDS = frozenset(
    """
    4111111111111111 4242424242424242 4012888888881881 4000056655665556 5555555555554444 5105105105105100
    2223003122003222 378282246310005 371449635398431 378734493671000 6011111111111117 6011000990139424
    30569309025904 38520000023237 3530111333300000 3566002020360505 4000000000000002 5200828282828210
    4222222222222 6200000000000005
    """.split()  # noqa: SIM905
)
_IBAN = re.compile(
    r"[A-Z](?<![A-Za-z0-9].)[A-Z](?:0[2-9]|[1-8]\d|9[0-8])(?:[ -]?[A-Z0-9]){11,30}+(?![A-Za-z0-9])"
)
_SSN = re.compile(r"\d(?<![\w.+/-]\d)(?<!9)\d{2}(?<!000)(?<!666)-(?!00)\d{2}-(?!0000)\d{4}(?![\w-]|\.\d)")
_SSN_PART = re.compile(r"-\d\d-\d{4}")
_MADE_UP_SSN = frozenset({"123-45-6789", "078-05-1120"})
_NO_CARD = re.compile(
    r"(?i)timestamp|(?<![a-z])ids?(?![a-z])|_id(?![a-z])|serial|uuid|hash|nonce|seed|isbn|imei"
    r"|tracking|epoch|snowflake|prime|factorial|phone"
)


def find_addresses(source: Source) -> Iterator[Finding]:
    """Public IPv4 (kind `ipv4`), IPv6 (`ipv6`) and MAC (`mac`) addresses."""
    text = source.text
    if _DOTTED.search(text):
        for match in _IPV4.finditer(text):
            if _is_public_ipv4(source, match):
                yield Finding(*match.span(), "ipv4")
    for part in _IPV6_PART.finditer(text):
        before = _IPV6_BEFORE.search(text[max(0, part.start() - 40) : part.start()])
        after = _IPV6_AFTER.match(text, part.start())
        if before and after and _is_public_ipv6(before[0] + after[0]):
            start, end = part.start() - len(before[0]), after.end()
            if source.is_inside(start, end):
                yield Finding(start, end, "ipv6", text[start:end].lower())
    for match in _MAC.finditer(text) if any(pattern.search(text) for pattern in _MAC_PARTS) else ():
        value = match[0].lower().replace("-", ":")
        first = int(value[:2], 16)
        drawn = len(set(value)) > 5 and not first & 3 and not _MADE_UP_MAC.match(value)
        if drawn and source.is_inside(*match.span()):
            yield Finding(*match.span(), "mac", value)


def find_account_numbers(source: Source) -> Iterator[Finding]:
    """Payment cards, IBANs and social security numbers (kind `digits`, `iban`) in strings and comments."""
    text = source.text
    for match in _LONG_NUMBER.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        is_card = digits not in _TEST_CARDS and _is_card(match[0], digits) and source.is_inside(*match.span())
        if is_card and _NO_CARD.search(source.line_before(match.start(), 60)) is None:
            yield Finding(*match.span(), "digits", digits)
    for match in _IBAN.finditer(text):
        value = re.sub(r"[ -]", "", match[0])
        if 15 <= len(value) <= 34 and _is_iban(value) and source.is_inside(*match.span()):
            yield Finding(*match.span(), "iban", value)
    if _SSN_PART.search(text):
        for match in _SSN.finditer(text):
            if match[0] not in _MADE_UP_SSN and source.is_inside(*match.span()):
                yield Finding(*match.span(), "digits", match[0])


def _is_public_ipv4(source: Source, match: re.Match[str]) -> bool:
    try:
        address = ipaddress.IPv4Address(match[0])
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or match[0] in _RESOLVERS:
        return False
    before = source.line_before(match.start())
    if _OTHER_WORDS.search(before):
        return False
    parts = [int(part) for part in match[0].split(".")]
    if parts[3] == 0 or max(parts) < 10 or len(set(parts)) == 1:
        return False  # a network, or written for any address
    if _ADDRESS_WORDS.search(before) or source.text[match.end() : match.end() + 1] in (":", "/"):
        return True
    # Without a word that says what it is, small parts are those of versions, sections and object identifiers.
    is_oid = parts[0] <= 2 and parts[1] < 40
    return not is_oid and sum(part >= 20 for part in parts) >= 2


def _is_public_ipv6(value: str) -> bool:
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return False
    is_host = not value.endswith("::") and sum(map(bool, value.split(":"))) >= 3
    return (
        is_host
        and address.is_global
        and not address.is_multicast
        and address not in _DOCUMENTATION_IPV6
        and str(address) not in _RESOLVERS
        and int(address) >> 112 >= 0x2000
    )


def _is_card(text: str, digits: str) -> bool:
    if _CARD_GROUPS.fullmatch(text) is None or _CARD_HEAD.match(digits) is None or len(set(digits)) < 4:
        return False
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_iban(value: str) -> bool:
    rearranged = value[4:] + value[:4]
    return (
        sum(map(str.isdigit, value)) >= 10
        and int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1
    )
