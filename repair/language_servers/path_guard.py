"""Path guard: a module that node loads before pyright, and that hides every other folder from it.

An import of a workspace may climb: `from ......srv import settings` names `/srv/settings.py` of this
machine, and how many dots lead where depends on the folder that the workspace lies in. With the guard,
pyright sees the workspace, its own stubs and the environment's packages; every folder above is empty, so that
such an import is unresolved, here and everywhere. The guard stands below pyright's own file system, which
gives names like `__virtual__` a meaning. It runs whether or not the process is confined by the kernel
(`repair.sandbox.confinement`), so that the results are the same.

Tested by `tests/repair/language_servers/test_confinement.py`.
"""

import json
from collections.abc import Iterable
from pathlib import Path

_MODULE = """\
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const url = require("node:url");
const trees = TREES;
const prefixes = PREFIXES;

const above = new Set();
for (const name of [...trees, ...prefixes]) {
  for (let parent = path.dirname(name); !above.has(parent); parent = path.dirname(parent)) above.add(parent);
}

function named(file) {
  if (Buffer.isBuffer(file)) file = file.toString();
  else if (file instanceof URL) file = url.fileURLToPath(file);
  return typeof file === "string" ? path.resolve(file) : null;  // null: a descriptor
}

function seen(name) {
  return trees.some((tree) => name === tree || name.startsWith(tree + "/"))
    || prefixes.some((prefix) => name.startsWith(prefix));
}

function absent(call, name) {
  const error = new Error(`ENOENT: no such file or directory, ${call} '${name}'`);
  return Object.assign(error, { errno: -2, code: "ENOENT", syscall: call, path: name });
}

const STATES = ["access", "exists", "lstat", "realpath", "stat"];  // a folder above has a state
const CONTENTS = ["open", "opendir", "readFile", "readdir", "readlink"];
const hidden = (call, name) => name !== null && !seen(name) && !(STATES.includes(call) && above.has(name));

function guarded(call, original) {
  return Object.assign(function (file, ...rest) {
    const name = named(file);
    if (!hidden(call, name)) return original.call(this, file, ...rest);
    if (call === "exists") return false;
    if (call === "readdir" && above.has(name)) return [];
    if (rest[0] && rest[0].throwIfNoEntry === false) return undefined;
    throw absent(call, name);
  }, original);
}

function later(call, original) {
  return Object.assign(function (file, ...rest) {
    const name = named(file);
    const done = rest.at(-1);
    if (!hidden(call, name) || typeof done !== "function") return original.call(this, file, ...rest);
    if (call === "exists") process.nextTick(done, false);
    else if (call === "readdir" && above.has(name)) process.nextTick(done, null, []);
    else process.nextTick(done, absent(call, name));
  }, original);
}

function promised(call, original) {
  const checked = guarded(call, original);
  return async function (file, ...rest) { return checked.call(this, file, ...rest); };
}

for (const call of [...STATES, ...CONTENTS]) {
  fs[call + "Sync"] = guarded(call, fs[call + "Sync"]);
  fs[call] = later(call, fs[call]);
  if (fs.promises[call]) fs.promises[call] = promised(call, fs.promises[call]);
}
for (const [name, wrap] of [["realpathSync", guarded], ["realpath", later]]) {
  if (fs[name].native) fs[name].native = wrap("realpath", fs[name].native);
}
"""


def write_guard(file: Path, *, trees: Iterable[Path], prefixes: Iterable[str] = ()) -> str:
    """Writes the guard to `file` and returns node's option that loads it.

    `trees` are the files and folders that can be read, with and without their links; `prefixes` what the
    names of others begin with.
    """
    names = dict.fromkeys(str(name) for tree in trees for name in (tree, tree.resolve()))
    module = _MODULE.replace("PREFIXES", json.dumps(list(prefixes))).replace("TREES", json.dumps(list(names)))
    file.write_text(module, encoding="utf-8")
    return f"--require={file}"
