"""How often a small program has a place for each kind of mistake.

A kind that few programs have a place for would be rarer than its share: it is drawn the more often where it
has one. Measured with `share_with_a_place` on 150 programs of eleven packages' corpora (click, requests,
setuptools, botocore, rich, jinja2, werkzeug, pytest, mpmath, huggingface_hub, pydantic).

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

from collections.abc import Mapping, Sequence
from random import Random

from repair.sources.simulated.edits import MistakeKind, applied, parses
from repair.sources.simulated.source_text import SourceText

_TRIED = 4


def share_with_a_place(kind: MistakeKind, sources: Sequence[SourceText]) -> float:
    """The part of the texts in which `kind` can be made so that it shows."""
    found, random = 0, Random(1)  # noqa: S311  # keeps no secret
    for source in sources:
        edits = list(kind.edits(source, random))
        tried = random.sample(edits, min(_TRIED, len(edits)))
        found += any(parses(applied(source, edit)) is not kind.breaks_parsing for edit in tried)
    return found / len(sources)


PLACES: Mapping[str, float] = {
    # separators
    "missing_comma": 0.98,
    "missing_comma_at_line_end": 0.16,
    "missing_operator": 0.93,
    "missing_in": 0.75,
    "missing_dot": 0.93,
    "missing_colon": 1.00,
    "wrong_colon": 1.00,
    "wrong_pair": 0.26,
    "doubled_separator": 1.00,
    "dot_for_comma": 0.83,
    # brackets
    "unclosed_bracket": 0.99,
    "unclosed_inner_bracket": 0.91,
    "extra_closing_bracket": 1.00,
    "extra_opening_bracket": 1.00,
    "missing_opening_bracket": 1.00,
    "wrong_closing_bracket": 1.00,
    "swapped_closing_brackets": 0.35,
    "bracket_after_colon": 0.97,
    "bracket_closed_early": 0.24,
    "bracket_closed_late": 0.24,
    # quotes
    "unquoted_word": 0.71,
    "unquoted_words": 0.69,
    "unclosed_string": 0.96,
    "missing_opening_quote": 0.94,
    "mismatched_quotes": 0.96,
    "doubled_quote": 0.94,
    "quote_inside": 0.23,
    "unclosed_docstring": 0.83,
    "typographic_quotes": 0.94,
    # indentation
    "unexpected_indent": 0.99,
    "missing_indent": 0.97,
    "unaligned_dedent": 0.99,
    "block_not_indented": 0.99,
    "block_too_deep": 0.99,
    "statement_too_far_out": 0.96,
    "tab_among_blanks": 1.00,
    "indented_top_level": 0.99,
    "return_outside_function": 0.71,
    # statements
    "single_equals": 0.50,
    "assigned_call": 0.85,
    "assigned_literal": 0.71,
    "assigned_operation": 0.29,
    "reserved_name": 0.93,
    "hyphen_in_name": 0.67,
    "blank_in_name": 0.97,
    "joined_statements": 0.99,
    "joined_block": 0.97,
    "else_with_condition": 0.31,
    "missing_parentheses": 0.61,
    "missing_keyword": 1.00,
    "misspelt_keyword": 1.00,
    "capitalised_keyword": 1.00,
    # other languages
    "print_statement": 0.58,
    "except_comma": 0.10,
    "raise_comma": 0.19,
    "diamond": 0.37,
    "turned_operator": 0.45,
    "foreign_operator": 0.64,
    "else_if": 0.31,
    "increment": 0.24,
    "function_keyword": 0.97,
    "exception_keywords": 0.42,
    "declared_variable": 0.95,
    "braces": 0.97,
    "slashed_comment": 0.61,
    "question_mark": 0.21,
    # pasted text
    "prompt_pasted": 0.85,
    "prompt_inside": 1.00,
    "comment_without_sign": 0.60,
    "docstring_without_quotes": 0.61,
    "output_pasted": 1.00,
    "prose_among_code": 1.00,
    "line_numbers": 1.00,
    # two on one line
    "two_on_one_line": 0.97,
    # names
    "misspelt_name": 1.00,
    "misspelt_own_attribute": 0.45,
    "misspelt_module_attribute": 0.51,
    "foreign_method": 0.62,
    "foreign_constant": 0.77,
    "dropped_self": 0.42,
    "missing_self": 0.45,
    "removed_import": 0.67,
    "misspelt_import": 0.69,
    "removed_assignment": 0.68,
    "removed_initialisation": 0.21,
    "removed_branch": 0.11,
    "compared_for_assigned": 0.74,
    "duplicate_definition": 0.77,
    # definitions
    "misspelt_target": 0.78,
    "misspelt_parameter": 0.87,
    "misspelt_definition": 0.65,
    "wrong_loop_variable": 0.63,
    "wrong_case": 1.00,
    # types
    "index_for_call": 0.79,
    "call_for_index": 0.61,
    "misspelt_argument": 0.30,
    "missing_argument": 0.79,
    "extra_argument": 0.79,
    "argument_outside_call": 0.32,
    "wrong_argument": 0.82,
    "wrong_operand": 0.62,
    "number_in_text": 0.55,
    "missing_call": 0.05,
    "removed_guard": 0.34,
    "optional_value": 0.34,
    "none_by_default": 0.03,
    "none_returned": 0.40,
    "needless_f_string": 0.78,
    "unused_import": 0.51,
    "bare_except": 0.17,
}
