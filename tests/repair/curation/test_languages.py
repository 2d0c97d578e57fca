"""Other languages are told from broken Python, which is data."""

# ruff: noqa: E501 (a file is a row)
import random
from pathlib import Path

import pytest

from repair.curation import quality
from repair.curation.languages import is_json, other_language
from repair.curation.quality import language_of, low_quality
from tests.cpu_time import cpu_bound

OTHER = [
    (
        "HTML",
        "<!DOCTYPE html>\n<html>\n<head><title>x</title></head>\n<body>\n<h1>Hi</h1>\n<p>It's text</p>\n</body>\n</html>\n",
    ),
    ("HTML", '<div class="a">\n  <p>hello</p>\n</div>\n'),
    (
        "HTML",
        "<html>\n<script>\nvar x = 1;\nfunction f() { return x; }\n</script>\n<style>\nbody { color: red; }\n</style>\n</html>\n",
    ),
    (
        "C or C++",
        '#include <stdio.h>\n\nint main(void) {\n    int x = 1;\n    printf("%d\\n", x);\n    return 0;\n}\n',
    ),
    (
        "C or C++",
        "#include <iostream>\nusing namespace std;\nint main() {\n  vector<int> v;\n  for (int i = 0; i < 3; i++) {\n    v.push_back(i);\n  }\n  cout << v.size() << endl;\n}\n",
    ),
    (
        "C or C++",
        "class Solution {\npublic:\n    int add(int a, int b) {\n        return a + b;\n    }\n};\n",
    ),
    (
        "Java or C#",
        'package com.x;\n\nimport java.util.List;\n\npublic class Main {\n    public static void main(String[] args) {\n        System.out.println("hi");\n    }\n}\n',
    ),
    (
        "C",
        'using System;\nnamespace X {\n  class P {\n    static void Main() {\n      Console.WriteLine("hi");\n    }\n  }\n}\n',
    ),
    ("JavaScript or TypeScript", "const x = 1;\nfunction f(a) {\n  return a + x;\n}\nconsole.log(f(2));\n"),
    (
        "JavaScript or TypeScript",
        "import React from 'react';\n\nexport default function App() {\n  const [a, setA] = useState(0);\n  return <div>{a}</div>;\n}\n",
    ),
    (
        "JavaScript or TypeScript",
        "interface A {\n  name: string;\n  age: number;\n}\nexport const f = (a: A): string => {\n  return a.name;\n};\n",
    ),
    ("JavaScript or TypeScript", "const x = 1;\nconsole.log(x);\n"),
    (
        "JavaScript or TypeScript",
        "document.getElementById('a').addEventListener('click', () => {\n  alert('x');\n});\n",
    ),
    (
        "JavaScript or TypeScript",
        "let a = [1,2,3]\nfor (let i = 0; i < a.length; i++) {\n  console.log(a[i])\n}\n",
    ),
    (
        "JavaScript or TypeScript",
        "var express = require('express');\nvar app = express();\napp.get('/', function(req, res) {\n  res.send('hi');\n});\napp.listen(3000);\n",
    ),
    ("shell", "#!/bin/bash\nset -e\nexport A=1\nif [ -f x ]; then\n  echo hi\nfi\n"),
    ("shell", "pip install flask\npython app.py\n"),
    ("shell", 'cd /tmp\nmkdir -p a\nfor f in *.txt; do\n  mv "$f" a/\ndone\n'),
    ("shell", "sudo apt-get update\nsudo apt-get install -y python3\npip3 install -r requirements.txt\n"),
    ("shell", '#!/usr/bin/env bash\nNAME=$1\necho "hello $NAME"\n'),
    (
        "patch",
        "diff --git a/x.py b/x.py\nindex 1..2 100644\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n import os\n-x = 1\n+x = 2\n y = 3\n",
    ),
    ("patch", "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n def f():\n-    return 1\n+    return 2\n"),
    ("LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
    (
        "JSON",
        '{\n "cells": [\n  {"cell_type": "code", "execution_count": null, "source": ["x = 1"]}\n ],\n "nbformat": 4\n}\n',
    ),
    ("JSON", '[1, 2, {"a": null}]'),
    ("YAML", "version: '3'\nservices:\n  web:\n    image: nginx\n    ports:\n      - \"80:80\"\n"),
    (
        "YAML",
        "name: CI\non: [push]\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: pytest\n",
    ),
    (
        "SQL",
        "CREATE TABLE users (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NULL\n);\nINSERT INTO users VALUES (1, 'a');\n",
    ),
    ("SQL", "SELECT a, b\nFROM t\nWHERE a > 1\nORDER BY b;\n"),
    ("SQL", "select * from users where id = 1;\n"),
    (
        "Markdown",
        "# Title\n\nSome text about the project.\n\n## Usage\n\n```python\nimport x\nx.run()\ny = x.z()\n```\n\n- item one\n- item two\n",
    ),
    ("CSS", "body {\n  color: red;\n  margin: 0;\n}\n.a > b {\n  padding: 1px;\n}\n"),
    ("Go", 'package main\n\nimport "fmt"\n\nfunc main() {\n\tx := 1\n\tfmt.Println(x)\n}\n'),
    ("Rust", 'use std::io;\n\nfn main() {\n    let mut x = 1;\n    println!("{}", x);\n}\n'),
    ("PHP", "<?php\n$x = 1;\necho $x;\nfunction f($a) {\n  return $a;\n}\n"),
    ("Ruby", "require 'json'\n\nclass Foo\n  def bar(x)\n    puts x\n  end\nend\n\nFoo.new.bar(1)\n"),
    ("Ruby", "def hello\n  puts 'hi'\nend\nhello\n"),
    (
        "log",
        'Traceback (most recent call last):\n  File "/a/b.py", line 3, in <module>\n    main()\n  File "/a/b.py", line 2, in main\n    x = 1 / 0\nZeroDivisionError: division by zero\n',
    ),
    (
        "log",
        "2024-01-01 12:00:00 INFO started\n2024-01-01 12:00:01 ERROR failed: x\n2024-01-01 12:00:02 INFO done\n",
    ),
    ("log", "[INFO] starting up\n[ERROR] it failed\n[INFO] done\n"),
    ("XML", '<?xml version="1.0"?>\n<project>\n  <name>x</name>\n  <a b="c"/>\n</project>\n'),
]
PYTHON = [
    "def f(:\n    return 1\n",
    "print 'hello'\nx = 1\n",
    "import os\nprint os.getcwd()\nfor i in range(3):\n    print i\n",
    "%matplotlib inline\nimport pandas as pd\n!pip install x\ndf = pd.read_csv('a')\ndf.head(\n",
    "# %%\nimport os\n# %%\nx = \n",
    "# In[1]:\nimport os\nx =\n",
    ">>> x = 1\n>>> print(x)\n1\n",
    "x = \n",
    "def foo\n",
    "int x = 5\nprint(x)\n",
    "for i in range(3)\n    print(i)\n",
    "if x > 3 {\n    print(x)\n}\n",
    "def f() {\n    return 1\n}\nprint(f())\n",
    'Q = """\nSELECT a\nFROM b\nWHERE c\nORDER BY d\n"""\ndef f(:\n    pass\n',
    "HTML = '''\n<html>\n<body>\n<p>x</p>\n</body>\n</html>\n'''\nprint(HTML\n",
    "x = 1;\ny = 2;\nprint(x + y;\n",
    "class A\n    def f(self)\n        return 1\n",
    "def a(x)\n    return x\ndef b(y)\n    return y\n",
    "while true:\n    x++\n",
    "import x from y\n",
    "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef i():\n    return '<h1>hi</h1>\n",
    "const = 3\nlet = \n",
    "data = {\n    'a': 1,\n    'b': 2\n    'c': 3\n}\n",
    "select = 1\nfrom x import \n",
    "try:\n  import a\nexcept ImportError, e:\n  raise\n",
    'print "a"\nprint "b"\n',
    "x = 5\nif x == 5\n  print('five')\nelse\n  print('no')\n",
    "print('a')\nprint('b'\n",
    "x: int\ny: str\nz:\n",
    "class A(TypedDict):\n    a: str\n    b: list[int]\n    c: int\n\n\nclass B(A):\n    d: Path\n    e: str\n    f: dict[\n",
    '"""Rows:\n\n- one\n- two\n"""\n\nclass A(TypedDict)\n    a: str\n    b: int\n    c: int\n    d: Path\n    e: str\n    f: int\n',
    "name: str = \nage: int\n",
    "return x\n",
    "pip install flask\nimport flask\napp = flask.Flask(__name__)\n",
    "exec 'x=1'\n",
    "def f(x):\n\treturn x\n    y = 1\n",
    "else:\n  pass\n",
    "```python\nimport os\nprint(os.getcwd())\n```\n",
    "@app.route\n",
    "class Node:\n    def __init__(self, data)\n        self.data = data;\n        self.next = null;\n",
    "function add(a, b):\n    return a + b\nprint(add(1, 2))\n",
    "def main():\n    int a = 1\n    int b = 2\n    print(a + b)\nmain()\n",
    "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> a\n",
    "SELECT = 'a'\nx = [1, 2\n",
    "a = input('x')\nb = input('y'\nif a > b:\n  print(a)\n",
    "hello",
    "int",
    "{",
    "print(",
    "class",
    "def",
    "import",
    "x = [\n  1,\n  2,\n",
    "if a = 1:\n  pass\n",
    "echo = 1\nprint echo\n",
    "elif x:\n  y()\n",
]


@pytest.mark.parametrize(("language", "text"), OTHER)
def test_another_language(language: str, text: str) -> None:
    found = language_of(text)
    assert found is not None
    if language not in ("HTML", "XML"):  # a page can be both
        assert language.split(maxsplit=1)[0] in found
    assert low_quality(text) in ("other_language", "prose")
    assert low_quality("\ufeff" + text.replace("\n", "\r\n")) in ("other_language", "prose")


@pytest.mark.parametrize("text", PYTHON)
def test_broken_python_is_python(text: str) -> None:
    assert language_of(text) is None


def test_json_that_is_python_too() -> None:
    assert not is_json('{"a": [1, 2]}')
    assert not is_json("[null")
    assert is_json('{"nbformat": 4}')
    assert is_json('[{"a": true}]')


FILES = sorted(Path(quality.__file__).parents[1].rglob("*.py"))


def test_no_file_of_this_project_is_another_languages_however_it_is_broken() -> None:
    for file in FILES:
        text, chance = file.read_text(), random.Random(file.name)  # of one file whatever the others are
        at = chance.randrange(len(text) + 1)
        for broken in (
            text[:at],
            text[:at] + text[at + 1 :],
            text[:at] + chance.choice("()[]{}'\"") + text[at:],
        ):
            assert language_of(broken) is None, (file, at)


def test_a_strangers_text_takes_linear_time() -> None:
    with cpu_bound(20):
        for piece in (
            "<a ",
            "'",
            '"',
            "a.",
            "x = ",
            "a: b\n",
            "(((",
            "def f(",
            "#define A\n",
            '"""',
            "```\n",
            "a\\",
            "[a, ",
        ):
            line = piece * (900 // len(piece))
            other_language(f"{line}\n" * 200)
