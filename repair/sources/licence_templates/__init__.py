"""Texts of permissive licences as published by SPDX; `[[a|b]]` marks what may vary, `[[name]]` a name."""
