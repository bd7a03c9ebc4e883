// The part of the page that follows runs.
"use strict";

const runs = {name: null, events: null, lines: [], charts: new Map(), timer: null, pending: false};

// Curves that belong together, and the keys of metrics.jsonl that they are drawn from.
const kCharts = [
  {id: "error", title: "Target error (lower is better; at the floor it is reached)", keys: ["eval.target_error", "eval.target_floor"], log: true},
  {id: "losses", title: "Losses", keys: ["loss_map", "loss_potential"]},
  {id: "cost", title: "Cost", keys: ["cost"]},
];

async function loadRuns() {
  const {runs: list} = await askJson("/v1/runs");
  const body = $("runs-table").tBodies[0];
  const focused = document.activeElement?.dataset?.run;
  body.replaceChildren(...list.map((run) => {
    const name = make("button", {type: "button", textContent: run.name});
    name.dataset.run = run.name;
    name.addEventListener("click", () => { location.hash = `runs=${encodeURIComponent(run.name)}`; });
    const cell = (text, properties = {}) => make("td", {textContent: text, ...properties});
    const error = run.target_error === null ? "–" : `${shortNumber(run.target_error)} (${shortNumber(run.target_floor)})`;
    return make("tr", {}, make("td", {}, name), cell(run.method || "–"), cell(run.state),
        cell(`${run.iteration ?? "–"} of ${run.of ?? "–"}`), cell(error), cell(run.verdict || "–", {className: verdictClass(run)}));
  }));
  if (focused) body.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  $("no-runs").hidden = list.length > 0;
}

function follow(name) {
  if (runs.name === name && runs.events) return;
  runs.events?.close();
  Object.assign(runs, {name, lines: [], events: null});
  runs.charts.forEach(({graph}) => graph.destroy());
  runs.charts.clear();
  $("charts").replaceChildren();
  $("run-log").textContent = "";
  $("run-sample").hidden = true;
  $("run").hidden = !name;
  if (!name) return;
  const path = `/v1/runs/${encodeURIComponent(name)}`;
  $("run-name").textContent = name;
  $("run-report").href = path + "/report";
  $("run-report").hidden = true;
  $("run-name").focus();
  // The browser comes back by itself with the id of the last event.
  const events = runs.events = new EventSource(path + "/events");
  const on = (kind, action) => events.addEventListener(kind, (event) => { if (runs.events === events) action(event.data); });
  on("metrics", addMetrics);
  on("reset", () => { runs.lines = []; drawSoon(); });
  on("log", (text) => {
    const log = $("run-log");
    log.textContent = (log.textContent + text + "\n").slice(-100000);
    log.scrollTop = log.scrollHeight;
  });
  on("sample", (step) => {
    const figure = $("run-sample");
    figure.querySelector("img").src = `${path}/samples/step_${String(step).padStart(6, "0")}.png`;
    figure.querySelector("figcaption").textContent = `Iteration ${step}: each row is an input with its outputs.`;
    figure.hidden = false;
  });
  on("state", (text) => showState(JSON.parse(text)));
  events.addEventListener("error", () => {
    if (runs.events !== events) return;
    $("run-state").textContent = "The connection is lost; trying again ...";
    if (events.readyState === EventSource.CLOSED) {  // the browser has given up, as after 503
      runs.events = null;
      setTimeout(() => runs.name === name && follow(name), 3000);
    }
  });
}

function showState(state) {
  $("run-report").hidden = !state.report;
  const error = state.target_error === null ? "" : ` Target error ${shortNumber(state.target_error)}, floor ${shortNumber(state.target_floor)}.`;
  $("run-state").textContent = `${state.method || ""}, ${state.state}: iteration ${state.iteration ?? "–"} of ${state.of ?? "–"}.${error} ${state.verdict || ""}`;
}

function addMetrics(text) {
  for (const line of text.split("\n")) {
    let values;
    try { values = JSON.parse(line); } catch { continue; }
    const point = {iteration: values.iteration};
    for (const [key, value] of Object.entries(values)) {
      if (typeof value === "number") point[key] = value;
      if (key === "eval" && value) for (const [name, number] of Object.entries(value)) point["eval." + name] = number;
    }
    // A resumed run repeats steps; the new ones count.
    while (runs.lines.length && runs.lines.at(-1).iteration > point.iteration) runs.lines.pop();
    runs.lines.push(point);
  }
  if (runs.lines.length > 20000) runs.lines.splice(0, runs.lines.length - 20000);
  drawSoon();
}

function drawSoon() {
  if (runs.pending) return;
  runs.pending = true;
  setTimeout(() => { runs.pending = false; drawCharts(); }, 200);
}

// The legend of the library writes styles into the page, which the policy of this page forbids.
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);

/** The names of the curves, with the values of a row. */
function showLegend(legend, keys, row) {
  legend.replaceChildren(`Iteration ${row[0]}: `, ...keys.flatMap((key, k) => [make("b", {className: `key-${k}`, textContent: key.replace("eval.", "")}),
      ` ${shortNumber(row[k + 1])} `]));
}

function drawCharts() {
  const colours = ["--accent", "--soft"].map((name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  for (const {id, title, keys, log} of kCharts) {
    const rows = runs.lines.filter((line) => keys.some((key) => Number.isFinite(line[key])))
        .map((line) => [line.iteration, ...keys.map((key) => Number.isFinite(line[key]) ? line[key] : null)]);
    const known = runs.charts.get(id);
    if (!rows.length) {
      if (known) { known.graph.destroy(); known.box.remove(); runs.charts.delete(id); }
      continue;
    }
    const logscale = Boolean(log) && rows.every((row) => row.slice(1).every((value) => value === null || value > 0));
    if (known) {
      known.rows = rows;
      known.graph.updateOptions({file: rows, logscale});
      showLegend(known.legend, keys, rows.at(-1));
      continue;
    }
    const chart = make("div", {className: "chart", role: "img", "aria-label": title});
    const legend = make("p", {className: "legend"});
    const box = make("div", {className: "chart-box"}, make("h3", {textContent: title}), legend, chart);
    $("charts").append(box);
    const state = {box, legend, rows};
    state.graph = new Dygraph(chart, rows, {labels: ["iteration", ...keys], colors: colours, logscale, connectSeparatedPoints: true,
      drawPoints: rows.length < 60, axisLabelFontSize: 12, gridLineColor: "rgba(128,128,128,.3)", strokeWidth: 1.5,
      highlightCallback: (event, x, points, row) => showLegend(legend, keys, state.rows[row] || state.rows.at(-1)),
      unhighlightCallback: () => showLegend(legend, keys, state.rows.at(-1))});
    showLegend(legend, keys, rows.at(-1));
    runs.charts.set(id, state);
  }
}

document.addEventListener("show-runs", () => {
  attempt(loadRuns);
  clearInterval(runs.timer);
  runs.timer = setInterval(() => loadRuns().catch(() => {}), 5000);
  follow(decodeURIComponent(location.hash.split("=")[1] || "") || null);
});
document.addEventListener("show-translate", () => {
  clearInterval(runs.timer);
  follow(null);
});
