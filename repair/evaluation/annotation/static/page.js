"use strict";
// Everything that comes from the server is put into the page as text: no HTML is ever made of it.
const $ = (id) => document.getElementById(id);
const page = { list: [], choices: [], at: null, sample: null, busy: false, whole: false, edited: {} };

function element(name, style, text) {
  const made = document.createElement(name);
  if (style) made.className = style;
  if (text !== undefined) made.textContent = text;
  return made;
}

function say(text, fault = false) {
  $("status").textContent = text;
  $("status").className = fault ? "fault" : "";
}

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer: nothing was saved. Start it again, and open the address that it prints.");
  }
  const text = await answer.text();
  if (!answer.ok) {
    let found = text;
    try { found = JSON.parse(text).error; } catch { /* plain text */ }
    throw new Error(found || `The server answers ${answer.status}.`);
  }
  return JSON.parse(text);
}

// One action at a time: a second key press must not decide about a sample that is not yet shown.
async function alone(action) {
  if (page.busy) return;
  page.busy = $("text").readOnly = true;
  try {
    await action();
  } catch (error) {
    say(error.message, true);
  } finally {
    page.busy = $("text").readOnly = false;
  }
}

const name = () => $("annotator").value.trim();
const shows = (row) => $("filter").value === "all" || row.state === $("filter").value;
const key = (part) => `repair annotate ${part}`;
const draft = () => key(`draft ${name()} ${page.at}`); // a correction that is not saved stays in this tab

async function overview() {
  if (!name()) { $("annotator").focus(); throw new Error("Enter your name."); }
  const found = await ask(`/api/overview?annotator=${encodeURIComponent(name())}`);
  page.list = found.samples;
  page.choices = found.choices;
  $("progress").textContent = found.progress;
  const chosen = $("filter").value || sessionStorage.getItem(key("filter")) || "all";
  $("filter").replaceChildren(...["all", ...found.states].map((state) => {
    const count = state === "all" ? page.list.length : page.list.filter((row) => row.state === state).length;
    const option = element("option", "", `${state} (${count})`);
    option.value = state;
    return option;
  }));
  $("filter").value = ["all", ...found.states].includes(chosen) ? chosen : "all";
  const buttons = [...found.choices.map((choice) => [choice.key, choice.decision]), ["k", "previous"], ["j", "next"]];
  $("actions").replaceChildren(...buttons.map(([pressed, text]) => {
    const button = element("button", "", `${text} (${pressed})`);
    button.type = "button";
    button.dataset.key = pressed;
    button.dataset.decision = text;
    return button;
  }));
  localStorage.setItem(key("annotator"), name());
}

function neighbour(step) {
  const start = page.list.findIndex((row) => row.sample_id === page.at);
  const from = start < 0 ? (step > 0 ? -1 : page.list.length) : start;
  for (let index = from + step; index >= 0 && index < page.list.length; index += step)
    if (shows(page.list[index])) return page.list[index].sample_id;
  return null;
}

async function open(sampleId) {
  const query = `sample_id=${encodeURIComponent(sampleId)}&annotator=${encodeURIComponent(name())}`;
  const sample = await ask(`/api/sample?${query}`);
  page.at = sampleId;
  page.sample = sample;
  page.whole = false;
  sessionStorage.setItem(key("sample"), sampleId);
  page.edited = JSON.parse(sessionStorage.getItem(draft()) ?? "{}");
  show();
}

async function move(step) {
  const found = neighbour(step);
  if (found === null) { say(`There is no ${step > 0 ? "next" : "previous"} sample in this list.`); return; }
  await open(found);
  tell();
}

function tell(text = "") {
  say(Object.keys(page.edited).length ? `${text} A correction is not saved yet: c opens it.`.trim() : text);
}

function forget() {
  page.edited = {};
  sessionStorage.removeItem(draft());
}

function segments(parts, plain) {
  const line = element("span");
  for (const [style, text] of parts) line.append(element("span", plain ? style.replace("mark", "").trim() : style, text));
  return line;
}

function show() {
  const sample = page.sample;
  $("sample").hidden = false;
  $("editor").hidden = true;
  $("title").textContent = sample.title;
  const index = page.list.findIndex((row) => row.sample_id === page.at);
  $("about").textContent = `sample ${index + 1} of ${page.list.length}, project ${sample.project}, ${sample.severity}, ${sample.state}`;
  $("message").replaceChildren(...sample.message.flatMap((parts, at) => at ? ["\n", segments(parts)] : [segments(parts)]));
  showDecision();
  $("files").replaceChildren(...sample.files.flatMap((file) => [
    element("h2", "", file.path), ...file.notes.map((note) => element("p", "note", note)), table(file.rows)]));
  window.scrollTo(0, 0);
}

function showDecision() {
  const { decision, others } = page.sample;
  const lines = [...(decision ? [decision] : []), ...others].flatMap((row) => {
    const verdict = row.verdict;
    const checked = verdict && (verdict.accepted ? `the servers agree: ${verdict.evidence}` : `NOT VERIFIED, ${verdict.reason}: ${verdict.evidence}`);
    return [element("div", "", `${row.annotator}: ${row.decision}${row.reason ? `, ${row.reason}` : ""}`),
      ...(checked ? [element("div", verdict.accepted ? "" : "refused", checked)] : []),
      ...(others.includes(row) && row.decision === "correct" ? [element("div", "", row.line_diff)] : [])];
  });
  $("decision").replaceChildren(...lines);
  for (const button of document.querySelectorAll("#actions button"))
    button.classList.toggle("chosen", Boolean(decision) && button.dataset.decision === decision.decision);
}

function table(rows) {
  const body = element("tbody");
  let folded = 0;
  const fold = () => {
    if (!folded) return;
    const cell = element("td", "", `… ${folded} lines (w)`);
    cell.colSpan = 4;
    const row = element("tr", "fold");
    row.append(cell);
    row.addEventListener("click", () => press("w"));
    body.append(row);
    folded = 0;
  };
  for (const row of rows) {
    if (!page.whole && !row.near) { folded += 1; continue; }
    fold();
    const line = element("tr", row.mark ? "marked" : "");
    const right = row.kept ? row.left : row.right;
    const left = [element("td", "number", row.old ?? ""), element("td", `text${row.kept || !row.left ? "" : " old"}`)];
    const after = [element("td", "number", row.new ?? ""), element("td", `text${row.kept || !right ? "" : " new"}`)];
    if (row.left) left[1].append(segments(row.left));
    if (right) after[1].append(segments(right, row.kept));
    line.append(...left, ...after);
    body.append(line);
  }
  fold();
  const made = element("table", "code");
  made.append(body);
  const scroll = element("div", "scroll");
  scroll.append(made);
  return scroll;
}

async function decide(decision, reason = "", files = {}) {
  if (Object.keys(page.edited).length) throw new Error("A correction is not saved yet: c opens it. Save it, or start over.");
  await save(decision, reason, files);
  const next = neighbour(1);
  await overview();
  await open(next ?? page.at);
  tell(`Saved: ${decision}.${next === null ? " There is no next sample in this list." : ""}`);
}

async function save(decision, reason, files) {
  const found = await ask("/api/decide", { sample_id: page.at, annotator: name(), decision, reason, files });
  Object.assign(page.sample, found);
  forget();
}

const text = (path) => page.edited[path] ?? page.sample.texts[path];

function edit() {
  const paths = page.sample.paths;
  $("file").replaceChildren(...paths.map((path, index) => {
    const option = element("option", "", path);
    option.value = index;
    return option;
  }));
  $("editor").hidden = false;
  load();
}

function load() {
  $("text").value = text(page.sample.paths[$("file").value]);
  number();
  const line = $("file").value === "0" ? page.sample.line : 0;
  const start = $("text").value.split("\n").slice(0, line).join("\n").length + (line ? 1 : 0);
  $("text").focus();
  $("text").setSelectionRange(start, start);
  $("text").scrollTop = Math.max(line - 8, 0) * 18; // px of a line, as in page.css
}

function number() {
  const count = $("text").value.split("\n").length;
  if (Number($("gutter").dataset.count) !== count)
    $("gutter").textContent = Array.from({ length: count }, (_, index) => index + 1).join("\n") + "\n\n";
  $("gutter").dataset.count = count;
  $("gutter").scrollTop = $("text").scrollTop;
}

function close() {
  $("editor").hidden = true;
  $("text").blur();
  tell();
}

async function correct() {
  const changed = page.sample.paths.slice(0, page.sample.files.length); // by the proposal
  const files = { ...Object.fromEntries(changed.map((path) => [path, text(path)])), ...page.edited };
  say("Saving; then the servers check the workspace …");
  await save("correct", "", files);
  const verdict = page.sample.decision.verdict;
  await overview();
  await open(page.at);
  if (verdict && verdict.accepted) say("Saved: correct. The diagnostic is gone, no new error, no cheat. Go on with j.");
  else { edit(); say("Saved, and the servers do not agree (see below): correct it further, or reject the sample.", true); }
}

async function agreement() {
  const pairs = await ask("/api/agreement");
  $("pairs").replaceChildren(...(pairs.length ? pairs : [{ text: "Two annotators have to decide first.", disagreements: [] }]).flatMap((pair) => [
    element("p", "", pair.text),
    ...pair.disagreements.map(([id, one, other]) => {
      const button = element("button", "", `${id}: ${one}, ${other}`);
      button.addEventListener("click", () => alone(async () => { $("agreement").close(); await open(id); }));
      const line = element("div");
      line.append(button);
      return line;
    })]));
  $("agreement").showModal();
}

const KEYS = {
  j: ["next sample (also →)", () => move(1)],
  k: ["previous sample (also ←)", () => move(-1)],
  f: ["the next filter", async () => {
    $("filter").selectedIndex = ($("filter").selectedIndex + 1) % $("filter").options.length;
    await filter();
  }],
  w: ["whole file, or only what is near", async () => {
    page.whole = !page.whole;
    show();
  }],
  g: ["agreement of the annotators", agreement],
  "?": ["this list", async () => {
    const rows = [...page.choices.map((choice) => [choice.key, choice.decision]),
      ...Object.entries(KEYS).map(([pressed, [what]]) => [pressed, what]),
      ["Ctrl+Enter", "save a correction"], ["Esc", "close the editor (what is not saved stays in this tab), or a dialog"]];
    $("keys").replaceChildren(...rows.map(([pressed, what]) => {
      const row = element("tr");
      const cell = element("td");
      cell.append(element("kbd", "", pressed));
      row.append(cell, element("td", "", what));
      return row;
    }));
    $("help").showModal();
  }],
};

async function filter() {
  sessionStorage.setItem(key("filter"), $("filter").value);
  const here = page.list.find((row) => row.sample_id === page.at);
  if (here && shows(here)) return;
  page.at = null;
  const found = neighbour(1);
  if (found !== null) { await open(found); tell(); return; }
  $("sample").hidden = true;
  say("No sample is in this list.");
}

function press(pressed) {
  const own = KEYS[pressed];
  const choice = page.choices.find((one) => one.key === pressed);
  if (own) alone(own[1]);
  else if (choice && page.at !== null && !$("sample").hidden) {
    if (choice.decision === "correct") alone(async () => { if ($("editor").hidden) edit(); });
    else if (choice.reason) alone(async () => { $("reason").value = ""; $("reason").dataset.decision = choice.decision; $("reason-dialog").showModal(); });
    else alone(() => decide(choice.decision));
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey && event.key === "Enter" && !$("editor").hidden) { event.preventDefault(); alone(correct); return; }
  const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName);
  if (event.key === "Escape" && !$("editor").hidden && !document.querySelector("dialog[open]")) { close(); return; }
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const pressed = { ArrowRight: "j", ArrowLeft: "k" }[event.key] ?? event.key;
  if (KEYS[pressed] || page.choices.some((choice) => choice.key === pressed)) { event.preventDefault(); press(pressed); }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-key]");
  if (button) { button.blur(); press(button.dataset.key); }
});
function saveReason() {
  const reason = $("reason").value.trim();
  if (!reason) { $("reason").focus(); return; }
  alone(async () => { $("reason-dialog").close(); await decide($("reason").dataset.decision, reason); });
}
$("reason").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); saveReason(); } });
$("reason-save").addEventListener("click", saveReason);
$("reason-cancel").addEventListener("click", () => $("reason-dialog").close());
$("save").addEventListener("click", () => alone(correct));
$("discard").addEventListener("click", () => { forget(); close(); });
$("file").addEventListener("change", load);
$("text").addEventListener("scroll", () => { $("gutter").scrollTop = $("text").scrollTop; });
$("text").addEventListener("input", () => {
  page.edited[page.sample.paths[$("file").value]] = $("text").value;
  try { sessionStorage.setItem(draft(), JSON.stringify(page.edited)); } catch { /* larger than its room */ }
  number();
});
$("filter").addEventListener("change", () => { $("filter").blur(); alone(filter); });
$("annotator").addEventListener("keydown", (event) => { if (event.key === "Enter") $("annotator").blur(); });
$("annotator").addEventListener("change", () => alone(begin));

async function begin() {
  await overview();
  const last = sessionStorage.getItem(key("sample"));
  page.at = page.list.some((row) => row.sample_id === last) ? last : null;
  if (page.at === null) page.at = (page.list.find((row) => row.state === "open") ?? page.list[0]).sample_id;
  await open(page.at);
  tell("Press ? for the keys.");
}

const given = new URLSearchParams(location.hash.slice(1)).get("annotator");
$("annotator").value = given ?? localStorage.getItem(key("annotator")) ?? "";
history.replaceState(null, "", "/");
alone(begin);
