// The part of the page that applies a model.
"use strict";

const translation = {model: null, about: null, inputs: [], version: 0, abort: null, timer: null, urls: []};

async function loadModels() {
  const {models} = await askJson("/v1/models");
  const gallery = $("models");
  gallery.replaceChildren();
  for (const model of models) {
    const image = make("img", {alt: "", loading: "lazy", src: `/v1/models/${encodeURIComponent(model.name)}/sample.png`});
    image.addEventListener("error", () => image.remove());
    const words = make("span", {className: verdictClass(model), textContent: model.verdict || ""});
    const button = make("button", {type: "button", role: "radio", "aria-checked": "false"}, image,
        make("strong", {textContent: model.name}), make("span", {textContent: model.title || model.method || ""}), words);
    button.dataset.name = model.name;
    button.addEventListener("click", () => attempt(() => chooseModel(model.name)));
    gallery.append(button);
  }
  if (!models.length) gallery.append(make("p", {textContent: "There are no models here yet."}));
  gallery.addEventListener("keydown", moveInGallery);
  const wanted = decodeURIComponent(location.hash.split("=")[1] || "");
  const first = models.find((model) => model.name === wanted) || models[0];
  if (first) await chooseModel(first.name);
}

/** The arrow keys move among the models, as in a group of radio buttons. */
function moveInGallery(event) {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  const buttons = [...$("models").querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  const next = buttons[(at + step + buttons.length) % buttons.length];
  next.focus();
  next.click();
}

async function chooseModel(name) {
  if (translation.model === name && translation.about?.name === name) return;
  translation.abort?.abort();
  Object.assign(translation, {model: name, about: null, inputs: []});
  $("results").replaceChildren();
  $("held-items").replaceChildren();
  $("controls").hidden = $("card").hidden = true;
  for (const button of $("models").querySelectorAll("button")) {
    const on = button.dataset.name === name;
    button.setAttribute("aria-checked", String(on));
    button.tabIndex = on ? 0 : -1;
  }
  const about = await askJson(`/v1/models/${encodeURIComponent(name)}`);
  if (translation.model !== name) return;  // another one was chosen meanwhile
  translation.about = about;
  history.replaceState(null, "", `#translate=${encodeURIComponent(name)}`);
  showCard(about);
  const image = about.input.kind === "image", {card} = about;
  $("controls").hidden = false;
  $("files").accept = image ? "image/png,image/jpeg,image/webp" : ".npy,.csv,.tsv,.txt";
  $("drop-hint").textContent = image ? "Drop images here, paste one, or choose:"
      : `Drop a .npy or .csv of rows with ${about.input.dim} columns here, or choose:`;
  $("field-size").hidden = !image || !about.input.any_size;
  const hasLevel = card.stochastic && about.noise_level !== null;
  $("field-samples").hidden = !card.stochastic;
  $("field-noise-scale").hidden = !hasLevel;
  $("field-deterministic").hidden = !card.stochastic || hasLevel;
  if (hasLevel) {
    $("noise-scale").max = Math.min(2, about.most_noise_scale);  // the browser lowers the value to it
    showNoiseLevel();
  }
  $("field-inverse").hidden = !card.has_inverse;
  await showHeldOut(name);
}

function showCard({name, card}) {
  const list = make("dl");
  const row = (term, value) => value && list.append(make("dt", {textContent: term}), make("dd", {textContent: value}));
  const side = ({data, licence}) => [data, licence && `(${licence})`].filter(Boolean).join(" ");
  row("Source", side(card.source));
  row("Target", side(card.target));
  row("Licence", card.licence);
  row("Method", [card.method, card.net, card.iterations && `${card.iterations} iterations`].filter(Boolean).join(", "));
  row("Input", card.item_shape.join(" x "));
  for (const [key, value] of Object.entries(card.metrics || {})) {
    if (/^target_(error|floor|start)$|^cost$/.test(key)) row(key, shortNumber(value));
  }
  const verdict = make("p", {className: verdictClass(card), textContent: card.verdict || "Its quality is not known."});
  $("card").replaceChildren(make("h2", {textContent: card.title || name}), make("p", {textContent: card.description || ""}), verdict, list);
  $("card").hidden = false;
}

async function showHeldOut(name) {
  $("held").hidden = true;
  const held = await askJson(`/v1/models/${encodeURIComponent(name)}/inputs`);
  if (translation.model !== name) return;
  const box = $("held-items");
  box.replaceChildren();
  if (held.kind === "image") {
    for (const item of held.items) {
      const bytes = Uint8Array.from(atob(item.png), (c) => c.charCodeAt(0));
      const button = make("button", {type: "button", "aria-label": `Use ${item.name || "this image"}`},
          make("img", {alt: "", src: "data:image/png;base64," + item.png}));
      button.addEventListener("click", () => addInputs([{name: item.name || "held-out", body: new Blob([bytes], {type: "image/png"})}]));
      box.append(button);
    }
  } else if (held.kind === "vector") {
    const button = make("button", {type: "button", textContent: `Use ${held.rows.length} rows`});
    button.addEventListener("click", () => addInputs([{name: "held-out rows", columns: held.columns, rows: held.rows, body: npyOf(held.rows)}]));
    box.append(button);
  }
  $("held").hidden = !box.children.length;
}

async function readFile(file) {
  if (/\.(csv|tsv|txt)$/i.test(file.name)) {
    const {columns, rows} = parseTable(await file.text());
    return {name: file.name, columns, rows, body: npyOf(rows)};
  }
  return {name: file.name, body: file};
}

async function addFiles(files) {
  await attempt(async () => addInputs(await Promise.all([...files].map(readFile))));
}

function addInputs(inputs) {
  translation.inputs = inputs.slice(0, 24);
  translateSoon(0);
}

/** The query for the values of the controls. */
function queryOf() {
  const about = translation.about, size = $("size").value === "given" ? $("size-given").value : $("size").value;
  const query = new URLSearchParams({model: translation.model, seed: $("seed").value || "0"});
  if ($("t").value !== "1") query.set("t", $("t").value);
  if (!$("field-size").hidden && size) query.set("size", size);
  if (about.card.has_inverse) query.set("inverse", $("inverse").value);
  if (!about.card.stochastic) return query;
  const scale = $("field-noise-scale").hidden ? 1 : Number($("noise-scale").value);
  if (scale === 0 || (!$("field-deterministic").hidden && $("deterministic").checked)) {
    query.set("deterministic", "1");
    return query;
  }
  if (scale !== 1) query.set("noise_scale", scale);
  query.set("samples", $("samples").value || "1");
  return query;
}

function showNoiseLevel() {
  const scale = Number($("noise-scale").value), level = shortNumber(scale * translation.about.noise_level);
  $("noise-value").textContent = scale === 0 ? "none" : scale === 1 ? `${level} (as trained)` : `${level} (${scale} times)`;
}

function translateSoon(wait) {
  clearTimeout(translation.timer);
  translation.timer = setTimeout(() => attempt(translateAll), wait);
}

async function translateAll() {
  if (!translation.inputs.length) return;
  translation.abort?.abort();
  translation.abort = new AbortController();
  const {signal} = translation.abort, version = ++translation.version, query = queryOf();
  $("busy").textContent = "Translating ...";
  $("results").classList.add("busy");
  translation.urls.forEach((url) => URL.revokeObjectURL(url));
  translation.urls = [];
  try {
    const results = await Promise.all(translation.inputs.map((input) => translateOne(input, query, signal).catch((error) => {
      if (error.name === "AbortError") throw error;
      return make("p", {className: "problem", role: "alert", textContent: error.message});
    })));
    if (version !== translation.version) return;
    $("results").replaceChildren(make("h2", {textContent: "Results"}), ...results.map((result, i) =>
        make("div", {className: "result"}, make("h3", {textContent: translation.inputs[i].name}), result)));
  } finally {
    if (version === translation.version) {
      $("busy").textContent = "";
      $("results").classList.remove("busy");
    }
  }
}

async function translateOne(input, query, signal) {
  const image = translation.about.input.kind === "image";
  const type = input.body.type || "application/octet-stream";
  const answer = await ask("/v1/translate?" + query, {method: "POST", body: input.body, signal,
    headers: {"Content-Type": type, Accept: image ? "application/json, application/x-npy" : "application/x-npy"}});
  const bytes = answer.headers.get("Content-Type") !== "application/json";
  return bytes ? showRows(input, await answer.arrayBuffer()) : showImages(input, await answer.json());
}

function download(name, label, blob) {
  const url = URL.createObjectURL(blob);
  translation.urls.push(url);
  return make("a", {href: url, download: name, textContent: label});
}

function showImages(input, result) {
  const stem = input.name.replace(/\.[^.]*$/, "");
  const cell = (png, words, extra) => make("figure", {}, make("img", {alt: `${words} of ${input.name}`, src: "data:image/png;base64," + png}),
      make("figcaption", {}, words + " ", ...extra));
  const outputs = result.outputs.map((png, k) => {
    const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
    const name = `${stem}-${result.seed}-${k}.png`;
    return cell(png, result.samples > 1 ? `Draw ${k + 1}` : "Output", [download(name, "Download", new Blob([bytes], {type: "image/png"}))]);
  });
  return make("div", {className: "images"}, cell(result.input, "Input", []), ...outputs);
}

function showRows(input, buffer) {
  const {shape, values} = parseNpy(buffer);
  const out = make("div"), dim = shape.at(-1);
  if (shape.length > 3) {
    out.append(make("p", {textContent: `An array of shape ${shape.join(" x ")}.`}), download("output.npy", "Download .npy", new Blob([buffer])));
    return out;
  }
  const samples = shape.length === 3 ? shape[1] : 1;
  const rows = Array.from({length: values.length / dim}, (_, i) => values.slice(i * dim, (i + 1) * dim));
  out.append(make("p", {}, `${shape[0]} rows, ${samples} output${samples > 1 ? "s" : ""} each. `, download("output.npy", "Download .npy", new Blob([buffer])), " ",
      download("output.csv", "Download .csv", new Blob([tableText(input.columns, rows)], {type: "text/csv"}))));
  if (input.rows) {
    const canvas = make("canvas", {className: "plot", role: "img", "aria-label": "Inputs (grey) and outputs (coloured), the first two columns"});
    const firsts = input.rows.map((_, i) => rows[i * samples]);
    drawPoints(canvas, [{points: input.rows.slice(0, 2000), colour: "--soft", to: firsts}, {points: rows.slice(0, 4000), colour: "--accent"}]);
    out.append(canvas, make("p", {className: "soft", textContent: "Grey: inputs. Coloured: outputs. A line leads from an input to its first output."}));
  }
  const body = make("tbody", {}, ...rows.slice(0, 20).map((row) => make("tr", {}, ...row.slice(0, 12).map((value) => make("td", {textContent: shortNumber(value)})))));
  out.append(make("details", {}, make("summary", {textContent: "First rows"}), make("div", {className: "scroll"}, make("table", {}, body))));
  return out;
}

$("files").addEventListener("change", () => addFiles($("files").files));
const drop = $("drop");
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop") addFiles(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => {
  if (!$("part-translate").hidden && event.clipboardData.files.length) addFiles(event.clipboardData.files);
});
$("new-draw").addEventListener("click", () => {
  $("seed").value = Math.floor(Math.random() * 1e6);
  translateSoon(0);
});
$("t").addEventListener("input", () => { $("t-value").textContent = Number($("t").value).toFixed(2); });
$("noise-scale").addEventListener("input", showNoiseLevel);
$("size").addEventListener("change", () => { $("size-given").hidden = $("size").value !== "given"; });
for (const id of ["seed", "samples", "t", "size", "size-given", "inverse", "deterministic", "noise-scale"])
  $(id).addEventListener("input", () => translateSoon(250));
$("controls").addEventListener("submit", (event) => { event.preventDefault(); translateSoon(0); });
document.addEventListener("show-translate", () => { if (!translation.model) attempt(loadModels); });
