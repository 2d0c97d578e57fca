// Filters the samples in #browser-data. Their texts are strangers': they are set as text, never as HTML.
"use strict";
(() => {
  const SHOWN = 50;
  const byId = (id) => document.getElementById(id);
  const samples = JSON.parse(byId("browser-data").textContent);
  const rows = samples.flatMap((sample) => sample.answers.map((answer) => ({ sample, answer })));
  for (const { sample, answer } of rows) {
    answer.text = [sample.id, sample.path, sample.code, sample.message, ...sample.lines, sample.target, answer.answer]
      .join("\n").toLowerCase();
  }
  const filters = {
    benchmark: ({ sample }) => sample.benchmark,
    type: ({ sample }) => sample.type,
    category: ({ sample }) => sample.category,
    system: ({ answer }) => answer.system,
    kind: ({ answer }) => answer.kind,
    outcome: ({ answer }) => answer.outcome,
    leak: ({ sample }) => (sample.leaks.length ? "contaminated" : "clean"),
  };
  let shown = SHOWN;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const part = (title, text, into) => {
    into.append(element("h3", title), element("pre", text));
  };
  const code = (sample) => {
    const block = element("pre");
    sample.lines.forEach((line, index) => {
      const number = sample.first + index;
      block.append(element(number === sample.line ? "mark" : "span", `${String(number).padStart(5)}  ${line}`), "\n");
    });
    return block;
  };
  const value = (metric) => (metric === null ? "no tests" : metric ? "yes" : "no");
  const details = ({ sample, answer }) => {
    const box = element("div");
    box.append(element("p", `${sample.code}: ${sample.message}`));
    if (sample.target === null) {
      box.append(element("p", "The sample is not in the stored benchmark any more.", "muted"));
    } else {
      box.append(element("h3", `Code, of ${sample.of} lines`), code(sample));
      part("Target", sample.target, box);
    }
    part(`Answer ${answer.index + 1} of ${answer.system}`, answer.answer, box);
    const verdict = Object.entries(answer.metrics).map(([name, metric]) => `${name.replaceAll("_", " ")}: ${value(metric)}`);
    if (answer.tokens !== null && answer.tokens !== undefined) verdict.push(`${answer.tokens} output tokens`);
    if (answer.seconds !== null && answer.seconds !== undefined) verdict.push(`${answer.seconds.toFixed(2)} s`);
    box.append(element("h3", "Verdict"), element("p", `${answer.outcome} (${verdict.join(", ")})`));
    if (sample.leaks.length) box.append(element("p", `Contaminated: ${sample.leaks.join(", ")}`));
    box.append(element("p", `Sample ${sample.id}`, "muted"));
    return box;
  };
  const item = (row) => {
    const { sample, answer } = row;
    const box = element("details");
    const place = sample.line ? `${sample.path}:${sample.line}` : sample.path;
    box.append(element("summary", `${answer.outcome} · ${answer.system} · ${sample.benchmark} ${sample.type} · ${place}`));
    box.dataset.sample = sample.id;
    box.dataset.system = answer.system;
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) box.append(details(row));
    });
    return box;
  };
  const show = () => {
    const words = byId("browser-text").value.toLowerCase();
    const found = rows.filter((row) =>
      row.answer.text.includes(words) &&
      Object.entries(filters).every(([name, of]) => {
        const wanted = byId(`browser-${name}`).value;
        return wanted === "" || of(row) === wanted;
      }));
    byId("browser-list").replaceChildren(...found.slice(0, shown).map(item));
    byId("browser-count").textContent = `${found.length} of ${rows.length} answers`;
    byId("browser-more").hidden = found.length <= shown;
  };
  for (const [name, of] of Object.entries(filters)) {
    const select = byId(`browser-${name}`);
    for (const option of [...new Set(rows.map(of))].sort()) select.append(new Option(option, option));
    select.addEventListener("change", () => { shown = SHOWN; show(); });
  }
  byId("browser-text").addEventListener("input", () => { shown = SHOWN; show(); });
  byId("browser-more").addEventListener("click", () => { shown += SHOWN; show(); });
  byId("browser-form").addEventListener("submit", (event) => event.preventDefault());
  show();
})();
