"""Keys and tokens by their shapes: the rules of Kingfisher, and the shapes that those do not know.

Kingfisher (MongoDB, Apache-2.0) searches with one compiled automaton for its rules of some 400 providers. It
does not report a token that its rules take for made up, or that lacks what they want beside it; the shapes
below are from the providers' descriptions, and are reported wherever they stand.
"""

import re
from collections.abc import Iterator
from functools import cache

from repair.curation.detectors.findings import MARK, Finding, Source
from repair.curation.detectors.placeholders import is_placeholder
from repair.curation.detectors.randomness import is_hex, looks_random, unusual_share
from repair.extras import extra

with extra("pipeline"):
    import kingfisher_sdk

_CANDIDATE = re.compile(r"(?<![A-Za-z0-9_.~+-])[A-Za-z0-9][A-Za-z0-9_.~+-]{18,}+")
_HEADS = (
    r"A(?:KIA|SIA|BIA|CCA)(?=[0-9A-Z]{16}\b)",  # AWS
    r"gh[pousr]_|github_pat_",
    r"gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941",  # GitLab
    r"xox[abceoprs](?:\.xox[bp])?-|xapp-",  # Slack
    r"sk-(?:[a-z0-9]{2,10}-){0,3}",  # OpenAI, Anthropic, OpenRouter
    r"[rs]k_(?:live|prod)_|whsec_|rzp_live_",  # Stripe, Razorpay
    r"AIza|ya29\.|GOCSPX-",  # Google
    r"hf_|api_org_|r8_|gsk_|xai-|pplx-|pcsk_|lsv2_(?:pt|sk)_|fw_|tvly-|nvapi-|co_|jina_",  # models
    r"pypi-|npm_|rubygems_|cio(?=[A-Za-z0-9]{32}\b)|oy2(?=[a-z0-9]{43}\b)|dckr_[op]at_",  # packages, images
    r"SG\.|key-(?=[0-9a-f]{32}\b)|xkeysib-|re_",  # mail
    r"(?:AC|SK)(?=[0-9a-f]{32}\b)",  # Twilio
    r"dapi(?=[0-9a-f]{32})|do[opr]_v1_|nfp_|dp\.(?:pt|st|ct|sa|scim|audit)\.|hv[sbr]\.|pul-|fo1_"
    r"|fm[12][ar]?_|rnd_",
    r"shp(?:at|ca|pa|ss)_|sq0(?:atp|csp|idp)-|EAAA(?=[\w-]{56})|PMAK-|lin_(?:api|oauth)_|NR(?:AK|II"
    r"|JS|BR|AA)-|figd_|ntn_|secret_",
    r"pscale_(?:tkn|pw|oauth)_|sb[pt]_|sb_secret_|sntry[su]_|gl(?:c|sa)_|AT(?:ATT3|CTT3|BB)"
    r"|tskey-[a-z]+-|ngrok_|dt0c01\.",
    r"pat(?=[A-Za-z0-9]{14}\.[0-9a-f]{64})|CFPAT-|rdme_"
    r"|phc_|phx_|bkua_|CCIPAT_|pnu_",
    r"LTAI(?=[A-Za-z0-9]{12,20}\b)|AKID(?=[A-Za-z0-9]{32}\b)|AQVN|t1\.[A-Z0-9]|y0_|sl\.|duffel_live_"
    r"|EZAK|FLWSECK-|CLOJARS_|EAA(?=[A-Za-z0-9]{60})",
)
_DIGIT = re.compile(r"[0-9]")
_SHAPE = re.compile(r"(?<![A-Za-z0-9])(?P<head>" + "|".join(_HEADS) + r")(?P<tail>[A-Za-z0-9_.+~-]{14,}+)")
# JSON Web Tokens, and Mapbox's. What has the head and not the rest is taken too, and passed over.
_JWT = re.compile(
    r"(?<![A-Za-z0-9])(?:[sp]k\.)?eyJ(?P<tail>[\w-]{10,}+(?P<rest>\.(?=[\w-]{2})[A-Za-z0-9_.+~-]*+)?)"
)
# A shape whose beginning is random too.
_WHOLE = re.compile(
    r"(?<![\w-])(?:[0-9a-f]{32}-us\d{1,2}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"
    r"|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,128}"
    r"|[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,40}|[0-9a-f]{40}NRAL"
    r"|[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?![\w-])"
)
_HOOK = re.compile(
    r"(?:hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/"
    r"|webhook\.office\.com/webhookb2/)"
    r"(?P<secret>[A-Za-z0-9/@_-]{20,256})"
)
_TWITTER = re.compile(r"(?<!\w)A{18,24}[A-Za-z0-9]{1,80}%[A-Za-z0-9%]{10,200}")
_PAYPAL = re.compile(r"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}")
_MWS = re.compile(r"amzn\.mws\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TELEGRAM = re.compile(r"(?<![\w-])\d{8,10}:AA[\w-]{32,40}(?![\w-])")
_ACCOUNT_KEY = re.compile(r"(?:Account|SharedAccess|Shared)Key=(?P<secret>[A-Za-z0-9+/]{20,128}={0,2})")
# A prefix that nobody told us of before a random part.
_ANY_PREFIX = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{1,15}[_-]){1,3}(?P<tail>[A-Za-z0-9]{24,128})(?![\w-])")
# What says that a random part names something public.
_PUBLIC_PREFIX = re.compile(
    r"(?i)sha\d*|md5|hash|commit|img|image|file|chunk|build|cache|tmp|temp|snapshot|test|id|uuid|rev"
    r"|release|layer|digest|pk|pub|run|job|"
    r"trace|span|msg|req|evt|usr|user|cus|vpc|subnet|arn|node|font|asset|obj"
)

KEPT_HEAD = re.compile(
    r"(?:" + "|".join(_HEADS) + r"|(?:[sp]k\.)?eyJ(?=[\w-]{10,}+\.[\w-]{2})|[A-Za-z][a-z0-9]{1,9}[_-])"
)
"""The part of a token that its placeholder keeps."""


def find_tokens(source: Source) -> Iterator[Finding]:
    """Tokens (kind `token`), whatever is around them."""
    text = source.text
    for start, long_word in source.long_words:
        if MARK not in long_word:
            for match in _CANDIDATE.finditer(long_word):
                yield from _of_candidate(source, match[0].rstrip(".-+"), start + match.start())
    for needed, pattern, group in (
        ("/", _HOOK, "secret"),
        (":AA", _TELEGRAM, 0),
        ("AAAAAAAAAAAAAAAAAA", _TWITTER, 0),
        ("$production$", _PAYPAL, 0),
        ("amzn.mws.", _MWS, 0),
        ("Key=", _ACCOUNT_KEY, "secret"),
    ):
        if needed in text:
            for match in pattern.finditer(text):
                if MARK not in match[0]:
                    yield Finding(*match.span(group), "token")
    yield from _by_kingfisher(text)


def _of_candidate(source: Source, word: str, start: int) -> Iterator[Finding]:
    if _DIGIT.search(word) is None:
        return
    for match in _WHOLE.finditer(word):
        if len(set(match[0])) > 8:
            yield Finding(start + match.start(), start + match.end(), "token")
    # A tail goes on to the end of the word, so the first is the only one.
    shapes = (_SHAPE.search(word), next((match for match in _JWT.finditer(word) if match["rest"]), None))
    match = min(filter(None, shapes), key=re.Match[str].start, default=None)
    if match is not None and _is_tail(match["tail"]):
        yield Finding(start + match.start(), start + match.end(), "token")
    if (match := _ANY_PREFIX.match(word)) is not None:
        prefix, tail = word[: match.start("tail")], match["tail"]
        if (
            looks_random(tail, 24)
            and not is_hex(tail)
            and not _PUBLIC_PREFIX.match(prefix)
            and source.is_inside(start, start + match.end())
        ):
            yield Finding(start, start + match.end(), "token")


def _is_tail(tail: str) -> bool:
    return (
        any(map(str.isdigit, tail))
        and any(map(str.isalpha, tail))
        and unusual_share(tail) >= 0.3
        and not is_placeholder(tail)
    )


@cache
def _kingfisher() -> "kingfisher_sdk.Scanner":
    """The scanner, once a process: 3 seconds to compile its rules, 0.2 from Kingfisher's cache on disk."""
    return kingfisher_sdk.Scanner(kingfisher_sdk.Rules(), base64=False)


def _by_kingfisher(text: str) -> Iterator[Finding]:
    # Blocks have a detector of their own, and thousands of their heads would take seconds.
    encoded = text.replace("-----BEGIN ", "-----======").encode("utf-8", "replace")
    found = [finding for finding in _kingfisher().scan(encoded) if finding.visible]
    byte = position = 0
    for finding in sorted(found, key=lambda finding: finding.location["start_offset"]):
        start = finding.location["start_offset"]
        if start > byte:
            position, byte = position + len(encoded[byte:start].decode("utf-8", "replace")), start
        secret = finding.secret
        # A rule's match may begin before the secret itself.
        at = text.find(secret, position, position + 2000 + len(secret))
        if at >= 0 and MARK not in secret and len(secret) > 6 and not is_placeholder(secret):
            yield Finding(at, at + len(secret), "token")
