"""One example of each kind of mistake: the correct text, and the same with the mistake."""

_LOOP = "def f(values):\n    total = 0\n    for value in values:\n        total += value\n    return total\n"
_CLASS = (
    "class Shop:\n    def __init__(self, price):\n        self.price = price\n\n"
    "    def cost(self):\n        return self.price\n"
)
_BRANCH = (
    "def f(x):\n    if x > 1:\n        y = 1\n"
    "    elif x == 0:\n        y = 2\n    else:\n        y = 3\n    return y\n"
)
_TRY = "try:\n    x = int('1')\nexcept ValueError as error:\n    print(error)\n"

_GUARD = (
    "import re\n\n\ndef f(text):\n    found = re.search('a', text)\n    if found is None:\n        return 0\n"
    "    return found.start()\n"
)

EXAMPLES: dict[str, tuple[str, str]] = {
    # separators
    "missing_comma": ("print(1, 2)\n", "print(1 2)\n"),
    "missing_comma_at_line_end": ("x = [\n    1,\n    2,\n]\n", "x = [\n    1\n    2,\n]\n"),
    "missing_operator": ("a = b = 1\nc = a + b\n", "a = b = 1\nc = a b\n"),
    "missing_in": (_LOOP, _LOOP.replace("value in values", "value values")),
    "missing_dot": (_CLASS, _CLASS.replace("return self.price", "return self price")),
    "missing_colon": (_LOOP, _LOOP.replace("values:\n        ", "values\n        ")),
    "wrong_colon": (_LOOP, _LOOP.replace("values:\n        ", "values;\n        ")),
    "wrong_pair": ("x = {1: 2, 3: 4}\n", "x = {1: 2, 3 = 4}\n"),
    "doubled_separator": ("print(1, 2)\n", "print(1,, 2)\n"),
    "dot_for_comma": ("print(1, 2)\n", "print(1; 2)\n"),
    # brackets
    "unclosed_bracket": ("x = len('a')\ny = 1\n", "x = len('a'\ny = 1\n"),
    "unclosed_inner_bracket": ("x = (len('a') + 1) * 2\n", "x = (len('a' + 1) * 2\n"),
    "extra_closing_bracket": ("x = len('a')\n", "x = len('a'))\n"),
    "extra_opening_bracket": ("x = len('a')\n", "x = len(('a')\n"),
    "missing_opening_bracket": ("print(12)\n", "print 12)\n"),
    "wrong_closing_bracket": ("x = len('a')\n", "x = len('a']\n"),
    "swapped_closing_brackets": ("x = [len('a')]\n", "x = [len('a'])\n"),
    "bracket_after_colon": ("if len('a'):\n    x = 1\n", "if len('a':)\n    x = 1\n"),
    "bracket_closed_early": ("if isinstance(1, int):\n    x = 1\n", "if isinstance(1), int:\n    x = 1\n"),
    "bracket_closed_late": ("x = len('a') > 1\n", "x = len('a' > 1)\n"),
    # quotes
    "unquoted_word": ("print('hello')\n", "print(hello)\n"),
    "unquoted_words": ("print('Hello you there')\n", "print(Hello you there)\n"),
    "unclosed_string": ("print('hello')\n", "print('hello)\n"),
    "missing_opening_quote": ("print('hello')\n", "print(hello')\n"),
    "mismatched_quotes": ("print('hello')\n", "print('hello\")\n"),
    "doubled_quote": ("print('hello')\n", "print('hello'')\n"),
    "quote_inside": ('print("it\'s me")\n', "print('it's me')\n"),
    "unclosed_docstring": (
        'def f():\n    """One."""\n    return 1\n',
        'def f():\n    """One.\n    return 1\n',
    ),
    "typographic_quotes": (
        'print("hello")\n',
        "print(\N{LEFT DOUBLE QUOTATION MARK}hello\N{RIGHT DOUBLE QUOTATION MARK})\n",
    ),
    # indentation
    "unexpected_indent": ("x = 1\nif x:\n    y = 2\n    z = 3\n", "x = 1\nif x:\n    y = 2\n        z = 3\n"),
    "missing_indent": (_LOOP, _LOOP.replace("    total = 0", "total = 0")),
    "unaligned_dedent": (_LOOP, _LOOP.replace("    return", "  return")),
    "block_not_indented": (_LOOP, _LOOP.replace("        total", "    total")),
    "block_too_deep": (
        "def f():\n    x = 1\n    y = x\n    return y\n",
        "def f():\n    x = 1\n        y = x\n        return y\n",
    ),
    "statement_too_far_out": (
        "def f():\n    x = 1\n    y = x\n    z = y\n    return z\n",
        "def f():\n    x = 1\n    y = x\n  z = y\n  return z\n",
    ),
    "tab_among_blanks": (_LOOP, _LOOP.replace("    total = 0", "\ttotal = 0")),
    "indented_top_level": ("x = 1\ny = 2\n", "x = 1\n  y = 2\n"),
    "return_outside_function": (_LOOP, _LOOP.replace("    return", "return")),
    # statements
    "single_equals": (_BRANCH, _BRANCH.replace("==", "=")),
    "assigned_call": ("x = len('a')\n", "len('a') = x\n"),
    "assigned_literal": ("x = 5\n", "5 = x\n"),
    "assigned_operation": ("a = 1\nb = a + 2\n", "a = 1\na + 2 = b\n"),
    "reserved_name": ("def f(x):\n    y = x\n    return y\n", "def f(x):\n    class = x\n    return class\n"),
    "hyphen_in_name": ("first_line = 1\n", "first-line = 1\n"),
    "blank_in_name": ("first_line = 1\n", "first line = 1\n"),
    "joined_statements": ("x = 1\ny = 2\n", "x = 1 y = 2\n"),
    "joined_block": (_LOOP, _LOOP.replace(":\n    total", ": total", 1)),
    "else_with_condition": (_BRANCH, _BRANCH.replace("elif", "else")),
    "missing_parentheses": (_LOOP, _LOOP.replace("f(values)", "f values")),
    "missing_keyword": (_LOOP, _LOOP.replace("def ", "")),
    "misspelt_keyword": (_LOOP, _LOOP.replace("return", "retrun")),
    "capitalised_keyword": (_LOOP, _LOOP.replace("for ", "For ")),
    # other languages
    "print_statement": ("print('a', 1)\n", "print 'a', 1\n"),
    "except_comma": (_TRY, _TRY.replace(" as error", ", error")),
    "raise_comma": ("raise ValueError('a')\n", "raise ValueError, 'a'\n"),
    "diamond": ("x = 1 != 2\n", "x = 1 <> 2\n"),
    "turned_operator": ("x = 1 >= 2\n", "x = 1 => 2\n"),
    "foreign_operator": ("x = 1 or 2\n", "x = 1 || 2\n"),
    "else_if": (_BRANCH, _BRANCH.replace("elif", "else if")),
    "increment": ("x = 0\nx += 1\n", "x = 0\nx++\n"),
    "function_keyword": (_LOOP, _LOOP.replace("def ", "function ")),
    "exception_keywords": (_TRY, _TRY.replace("except", "catch")),
    "declared_variable": ("x = 1\n", "int x = 1\n"),
    "braces": (_LOOP, _LOOP.replace("values:\n", "values {\n")),
    "slashed_comment": ("# a word or two\nx = 1\n", "// a word or two\nx = 1\n"),
    "question_mark": ("a = 1\nx = 'b' if a else 'c'\n", "a = 1\nx = a ? 'b' : 'c'\n"),
    # pasted text
    "prompt_pasted": ("x = 1\ny = 2\n", ">>> x = 1\n>>> y = 2\n"),
    "prompt_inside": (_LOOP, _LOOP.replace("total = 0", ">>> total = 0")),
    "comment_without_sign": ("# a word or two\nx = 1\n", "a word or two\nx = 1\n"),
    "docstring_without_quotes": (
        'def f():\n    """Gives one back."""\n    return 1\n',
        "def f():\n    Gives one back.\n    return 1\n",
    ),
    "output_pasted": ("x = 1\ny = 2\n", "x = 1\nHello, World!\ny = 2\n"),
    "prose_among_code": ("x = 1\ny = 2\n", "x = 1\nNow the function is done\ny = 2\n"),
    "line_numbers": ("x = 1\ny = 2\n", "1 x = 1\n2 y = 2\n"),
    "two_on_one_line": ("print('hello', 1)\n", "print'hello' 1)\n"),
    # names
    "misspelt_name": ("value = 1\nprint(value)\n", "value = 1\nprint(vlaue)\n"),
    "misspelt_own_attribute": (_CLASS, _CLASS.replace("return self.price", "return self.pirce")),
    "misspelt_module_attribute": ("import math\nx = math.floor(1.5)\n", "import math\nx = math.flor(1.5)\n"),
    "foreign_method": ("x = [1]\nx.append(2)\n", "x = [1]\nx.push(2)\n"),
    "foreign_constant": ("x = True\n", "x = true\n"),
    "dropped_self": (_CLASS, _CLASS.replace("return self.price", "return price")),
    "missing_self": (_CLASS, _CLASS.replace("cost(self)", "cost()")),
    "removed_import": ("import math\nx = math.pi\n", "x = math.pi\n"),
    "misspelt_import": ("import math\nx = math.pi\n", "import mth\nx = math.pi\n"),
    "removed_assignment": ("def f(x):\n    y = x\n    return y\n", "def f(x):\n    return y\n"),
    "removed_initialisation": (_LOOP, _LOOP.replace("    total = 0\n", "")),
    "removed_branch": (_BRANCH, _BRANCH.replace("    else:\n        y = 3\n", "")),
    "compared_for_assigned": (
        "def f(x):\n    y = x\n    return y\n",
        "def f(x):\n    y == x\n    return y\n",
    ),
    "duplicate_definition": (
        "def one():\n    return 1\n\n\ndef two():\n    return 2\n",
        "def one():\n    return 1\n\n\ndef one():\n    return 2\n",
    ),
    "misspelt_target": (_LOOP, _LOOP.replace("for value", "for vlaue")),
    "misspelt_parameter": (_LOOP, _LOOP.replace("f(values)", "f(vales)")),
    "misspelt_definition": (
        "def double(x):\n    return 2 * x\n\n\nprint(double(1))\n",
        "def duoble(x):\n    return 2 * x\n\n\nprint(double(1))\n",
    ),
    "wrong_loop_variable": (_LOOP, _LOOP.replace("for value", "for i")),
    "wrong_case": ("value = 1\nprint(value)\n", "value = 1\nprint(Value)\n"),
    # types
    "index_for_call": ("x = len('a')\n", "x = len['a']\n"),
    "call_for_index": ("x = [1]\ny = x[0]\n", "x = [1]\ny = x(0)\n"),
    "misspelt_argument": ("x = sorted([1], reverse=True)\n", "x = sorted([1], revrese=True)\n"),
    "missing_argument": ("x = isinstance(1, int)\n", "x = isinstance(1)\n"),
    "extra_argument": ("x = len('a')\n", "x = len('a', 0)\n"),
    "argument_outside_call": ("x = isinstance(1, int)\n", "x = isinstance(1), int\n"),
    "wrong_argument": ("x = len('a')\n", "x = len(0)\n"),
    "wrong_operand": ("x = 'a' + 'b'\n", "x = 'a' + 1\n"),
    "number_in_text": ("x = 'a' + str(1)\n", "x = 'a' + 1\n"),
    "missing_call": ("x = ' a b '.strip().split('b')\n", "x = ' a b '.strip.split('b')\n"),
    "removed_guard": (_GUARD, _GUARD.replace("    if found is None:\n        return 0\n", "")),
    "optional_value": (
        "def f(x):\n    y = str(x)\n    return y.upper()\n",
        "def f(x):\n    y = str(x) if x else None\n    return y.upper()\n",
    ),
    "none_by_default": ("def f(x: int = 1):\n    return x\n", "def f(x: int = None):\n    return x\n"),
    "none_returned": ("def f(x) -> int:\n    return 1\n", "def f(x) -> int:\n    return None\n"),
    "needless_f_string": ("print('hello')\n", "print(f'hello')\n"),
    "unused_import": ("import os\nprint(os.name)\n", "import json\nimport os\nprint(os.name)\n"),
    "bare_except": (
        "try:\n    x = 1\nexcept ValueError:\n    x = 2\n",
        "try:\n    x = 1\nexcept:\n    x = 2\n",
    ),
}
