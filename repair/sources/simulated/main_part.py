"""Main part of a small program: questions, loops, conditions and output, as in a first course.

Library code hardly prints, asks, counts or compares a variable with a number; the programs of beginners do
little else. So most programs that are cut out of a library end with a few such pieces. Their words are drawn,
their forms are these.

Tested by `tests/repair/sources/simulated/test_corpus.py`.
"""

from random import Random

from repair.text.lines import lines_of

_NOUNS = (
    *(
        "apple",
        "bird",
        "book",
        "bottle",
        "box",
        "car",
        "card",
        "cat",
        "chair",
        "city",
        "coin",
        "colour",
        "cup",
    ),
    *("dog", "door", "egg", "fish", "flower", "game", "garden", "house", "island", "key", "lamp", "letter"),
    *(
        "level",
        "map",
        "minute",
        "mountain",
        "orange",
        "paper",
        "pencil",
        "picture",
        "planet",
        "player",
        "point",
    ),
    *(
        "river",
        "room",
        "score",
        "ship",
        "shop",
        "song",
        "stone",
        "student",
        "table",
        "team",
        "ticket",
        "train",
    ),
    *("tree", "village", "week", "window", "winner", "word", "year"),
)
_NAMES = (
    "Ada",
    "Ben",
    "Chen",
    "Dora",
    "Emil",
    "Fatima",
    "Grace",
    "Hugo",
    "Ines",
    "Jan",
    "Kofi",
    "Lena",
    "Mia",
)

# `{a}`, `{b}`, `{c}`: nouns; `{A}`, `{B}`: names of people; `{m}` < `{n}`: numbers.
_PIECES = (
    'name = input("What is your name? ")\nprint("Hello, " + name + "!")\nprint("Your {a} is ready")\n',
    '{a} = int(input("How many {a}s do you have? "))\nif {a} >= {n}:\n    print("That is enough")\n'
    'elif {a} == 0:\n    print("You have no {a}")\nelse:\n    print("You need", {n} - {a}, "more")\n',
    'total = 0\nfor number in range(1, {n}):\n    total += number\nprint("The total is", total)\n',
    '{a}s = ["{b}", "{c}", "{A}"]\nfor {a} in {a}s:\n    print({a})\n'
    'print("There are " + str(len({a}s)) + " {a}s")\n',
    'prices = {{"{a}": {m}, "{b}": {n}, "{c}": 5}}\nfor item, price in prices.items():\n'
    '    print(item, "costs", price)\n',
    'count = {n}\nwhile count > {m}:\n    print(count, "{a}s left")\n    count -= 1\n'
    'print("No {a} is left")\n',
    'choice = input("{a} or {b}? ")\nif choice == "{a}" or choice == "a":\n    print("You took the {a}")\n'
    'elif choice == "{b}":\n    print("You took the {b}")\nelse:\n    print("I do not know " + choice)\n',
    'def greet(person, {a}):\n    """Say hello to a person."""\n    print("Hello " + person)\n'
    "    return {a} * 2\n\n\n"
    'result = greet("{A}", {m})\nprint("The result is", result)\n',
    'try:\n    {a} = float(input("The price of the {a}: "))\nexcept ValueError as error:\n'
    '    print("That is no number:", error)\nelse:\n    print("With tax:", {a} * 1.2)\n',
    'text = "{a} {b} {c}"\nwords = text.split()\nlongest = words[0]\nfor word in words:\n'
    "    if len(word) > len(longest):\n        longest = word\n"
    'print("The longest word is", longest)\n',
    "numbers = [{n}, {m}, 7, 12]\n# the largest one so far\nlargest = numbers[0]\nfor number in numbers:\n"
    '    if number > largest:\n        largest = number\nprint("Largest: " + str(largest))\n',
    'scores = {{"{A}": {n}, "{B}": {m}}}\nif scores["{A}"] > scores["{B}"]:\n    print("{A} is the {a}")\n'
    'else:\n    print("{B} is the {a}")\naverage = sum(scores.values()) / len(scores)\n'
    'print("Average:", average)\n',
    "secret = {n}\nguess = 0\ntries = 0\nwhile guess != secret:\n"
    '    guess = int(input("Guess the number: "))\n'
    '    tries += 1\n    if guess < secret:\n        print("Too small")\n    elif guess > secret:\n'
    '        print("Too large")\nprint("Found after", tries, "tries")\n',
    "class {ac}:\n    def __init__(self, name, {b}):\n        self.name = name\n        self.{b} = {b}\n\n"
    '    def show(self):\n        print(self.name + " has " + str(self.{b}) + " {b}s")\n\n\n'
    'first_{a} = {ac}("{A}", {n})\nfirst_{a}.show()\n',
    'for row in range({m}):\n    line = ""\n    for column in range(row + 1):\n        line += "*"\n'
    "    print(line)\n",
    'year = int(input("Which year? "))\nif year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):\n'
    '    print(year, "is a leap year")\nelse:\n    print(year, "is not a leap year")\n',
    'is_found = is_late = False\nfor {a} in ["{b}", "{c}"]:\n    if {a} == "{c}":\n'
    "        is_found = True\n"
    'if is_found and not is_late:\n    print("It\'s the {c}")\n',
    '# count the letters\ncounts = {{}}\nfor letter in "{a}{b}":\n    if letter in counts:\n'
    "        counts[letter] += 1\n    else:\n        counts[letter] = 1\nprint(counts)\n",
    '{a}_count = {m}\n{b}_count = {n}\nif {a}_count != {b}_count:\n    print("{a}s and {b}s differ")\n'
    'message = "few" if {a}_count <= {m} else "many"\nprint("There are " + message + " {a}s")\n',
)


def main_part(random: Random, most_lines: int) -> str:
    """A few pieces of at most `most_lines` lines, each with words of its own."""
    parts = list[str]()
    for piece in random.sample(_PIECES, random.randint(2, 4)):
        a, b, c = random.sample(_NOUNS, 3)
        first, second = random.sample(_NAMES, 2)
        text = piece.format(
            a=a,
            b=b,
            c=c,
            ac=a.capitalize(),
            A=first,
            B=second,
            m=random.randint(1, 5),
            n=random.randint(6, 30),
        )
        blank = "\n\n" if text.startswith(("def ", "class ")) else "\n" if random.random() < 0.5 else ""
        if len(lines_of("".join([*parts, blank, text]))) <= most_lines + 1:
            parts += [blank, text]
    return "".join(parts)
