"""Licence detection: the SPDX identifier of a project's LICENSE file.

Only texts that name themselves beyond doubt are recognised. Everything else is None: unknown, which later
stages treat as "not allowed", so a miss loses a project and never uses one without permission.
Tested by `tests/repair/sources/test_git.py`.
"""

import re

LICENCE_FILE = re.compile(r"(?:licen[cs]e|copying)(?:[-.](?:md|rst|txt|mit|apache|bsd|gpl))?", re.IGNORECASE)
"""File names of a licence in a project's root."""

_SPDX_TAG = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+-]+)")
_VERSION = re.compile(r"version (\d)(?:\.(\d))?")
_GNU = (
    ("gnu affero general public license", "AGPL"),
    ("gnu lesser general public license", "LGPL"),
    ("gnu library general public license", "LGPL"),
    ("gnu general public license", "GPL"),
)


def spdx(text: str) -> str | None:
    """The SPDX identifier of a licence text, or None if the text is not recognised.

    GNU licences are given as `-only`: the words "or any later version" are in the files that use a licence,
    never in its text.
    """
    if tag := _SPDX_TAG.search(text):
        return tag[1]
    words = " ".join(text.lower().split())
    head = words[:600]
    for name, family in _GNU:
        if name in head:
            version = _VERSION.search(words, words.index(name))
            return f"{family}-{version[1]}.{version[2] or 0}-only" if version else None
    if "apache license" in head and "version 2.0" in head:
        return "Apache-2.0"
    if "python software foundation license version 2" in words:
        return "PSF-2.0"
    if "mozilla public license version 2.0" in head or "mozilla public license, version 2.0" in head:
        return "MPL-2.0"
    if "redistribution and use in source and binary forms" in words:
        if "all advertising materials" in words:
            return "BSD-4-Clause"
        third = "neither the name" in words or "be used to endorse or promote" in words
        return "BSD-3-Clause" if third else "BSD-2-Clause"
    if "permission to use, copy, modify, and/or distribute this software for any purpose" in words:
        return "ISC"
    if "permission is hereby granted, free of charge, to any person obtaining a copy" in words:
        # X11-like licences add conditions to this text; MIT has this sentence as its only condition.
        only = "the above copyright notice and this permission notice" in words
        return "MIT" if only and "except as contained in this notice" not in words else None
    if "this is free and unencumbered software released into the public domain" in words:
        return "Unlicense"
    return None
