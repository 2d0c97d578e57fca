"""A world of three diagnostic types: whatever imports something of it has no others."""

from repair.diagnostics import types

types.TYPES = tuple(known for known in types.TYPES if known.name in ("F821", "reportAttributeAccessIssue"))
