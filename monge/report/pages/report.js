// Draws the curves of a page and lets a reader choose the step, the draws and the layers of its samples. The data stand in
// the page as JSON (monge/report/page.cpp).
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const number = (value) => value === null || value === undefined || Number.isNaN(value) ? "-" :
    Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? Number(value.toPrecision(4)).toExponential() : String(Number(value.toPrecision(5)));
  const grouped = (value) => value.toLocaleString("en-GB");
  const create = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const redraws = [];  // called when the colours change

  // Okabe and Ito, light and dark.
  const palette = () => dark.matches ?
    ["#56b4e9", "#ff9147", "#3fc79a", "#e6a0c4", "#f0c75e", "#9fb7ff", "#c9ced6"] :
    ["#0072b2", "#b84a00", "#00724f", "#a3467b", "#8a6a00", "#4a58c9", "#4b5563"];

  // Curves

  /// Adds the frame of a chart. @return a function that draws it when the frame has its size.
  function addChart(place, spec) {
    const plot = create("div", {className: "plot", tabIndex: 0});
    const legend = create("div", {className: "legend"});
    legend.setAttribute("aria-live", "polite");
    const log = create("input", {type: "checkbox", checked: spec.log});
    const positive = spec.series.every((s) => s.y.every((y) => y === null || y > 0));
    const head = create("div", {className: "head"}, create("h4", {textContent: spec.title, title: spec.meaning}));
    if (positive) head.append(create("label", {}, log, "log axis"));
    place.append(create("div", {className: "chart"}, head, plot, legend));
    const last = spec.series.map((s) => `${s.label} ${number([...s.y].reverse().find((y) => y !== null))}`).join(", ");
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", `${spec.title}; last values: ${last}. Arrow keys read values, plus and minus zoom, 0 resets.`);
    return () => drawChart(spec, plot, legend, log);
  }

  function drawChart(spec, plot, legend, log) {
    const rows = spec.x.map((x, i) => [x, ...spec.series.map((s) => s.y[i])]);
    const styles = () => {
      const out = {};
      let used = 0;
      spec.series.forEach((s, i) => {
        const strong = palette()[(s.run ?? used) % palette().length];
        if (s.kind === "floor") {
          out[s.label] = {color: colour("floor"), strokePattern: [6, 4], strokeWidth: 1.5};
        } else if (s.kind === "raw") {
          out[s.label] = {color: strong + "66", strokeWidth: 1};
        } else {
          out[s.label] = {color: strong, strokeWidth: 2};
          used += 1;
        }
        if (s.kind === "value" && rows.length < 60) out[s.label].drawPoints = true;
      });
      return out;
    };
    const graph = new Dygraph(plot, rows, {
      labels: ["iteration", ...spec.series.map((s) => s.label)],
      labelsDiv: legend,
      legend: "always",
      legendFormatter: legendOf,
      logscale: spec.log,
      series: styles(),
      pointSize: 2.5,
      connectSeparatedPoints: true,
      animatedZooms: false,
      xRangePad: 4,
      yRangePad: 12,
      axisLineColor: colour("faint"),
      gridLineColor: colour("grid"),
      axisLabelFontSize: 12,
      highlightCircleSize: 4,
      axes: {x: {valueFormatter: (x) => "iteration " + grouped(x), axisLabelFormatter: (x) => x >= 1e4 ? `${number(x / 1e3)}k` : number(x), drawGrid: false},
             y: {valueFormatter: number, axisLabelFormatter: number, axisLabelWidth: 58}},
    });
    log.addEventListener("change", () => graph.updateOptions({logscale: log.checked}));
    redraws.push(() => graph.updateOptions({series: styles(), axisLineColor: colour("faint"), gridLineColor: colour("grid")}));

    let at = rows.length - 1;
    plot.addEventListener("keydown", (event) => {
      const [low, high] = graph.xAxisRange();
      const move = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -rows.length, End: rows.length}[event.key];
      if (move) {
        at = Math.max(0, Math.min(rows.length - 1, at + move));
        graph.setSelection(at);
      } else if (event.key === "+" || event.key === "-") {
        const middle = rows[at][0], half = (high - low) / (event.key === "+" ? 4 : 1);
        graph.updateOptions({dateWindow: [Math.max(rows[0][0], middle - half), Math.min(rows[rows.length - 1][0], middle + half)]});
      } else if (event.key === "0") {
        graph.resetZoom();
      } else {
        return;
      }
      event.preventDefault();
    });
  }

  /// The names of the series and, for a chosen iteration, their values.
  function legendOf(chosen) {
    const out = create("div");
    if (chosen.x !== undefined) out.append(chosen.xHTML + ": ");
    for (const series of chosen.series) {
      if (!series.isVisible) continue;
      const swatch = create("span", {className: "swatch"});
      swatch.style.background = series.color;
      out.append(swatch, ` ${series.label}${series.y === undefined || series.y === null ? "" : " " + number(series.y)}  `);
    }
    return out.innerHTML;
  }

  function drawCharts() {
    const place = document.getElementById("charts");
    if (!place) return;
    for (const group of data.charts) {
      const grid = create("div", {className: "charts"});
      // All frames first: each takes a part of the width.
      const fill = () => group.charts.map((spec) => addChart(grid, spec)).forEach((draw) => draw());
      if (group.folded) {
        const details = create("details", {}, create("summary", {textContent: group.heading}), grid);
        // A chart measures its place, so it is drawn when that is visible.
        details.addEventListener("toggle", () => { if (details.open && !grid.firstChild) fill(); });
        place.append(details);
      } else {
        place.append(create("h3", {textContent: group.heading}), grid);
        fill();
      }
    }
    if (data.charts.length > 0)
      place.append(create("p", {className: "small", textContent: "Drag over a chart to zoom in, double-click to see all. Pale lines: raw values; strong lines: smoothed; dashed: floors."}));
  }

  // Samples

  function stepControl(controls, steps, show) {
    if (steps.length < 2) return;
    const slider = create("input", {type: "range", min: 0, max: steps.length - 1, value: steps.length - 1});
    const output = create("output");
    const update = () => {
      output.textContent = grouped(steps[slider.value].iteration);
      slider.setAttribute("aria-valuetext", "iteration " + output.textContent);
      show(Number(slider.value));
    };
    slider.addEventListener("input", update);
    controls.append(create("label", {}, "iteration", slider, output));
    update();
  }

  function choice(label, options, change) {
    const select = create("select");
    options.forEach((text, i) => select.append(create("option", {value: i, textContent: text})));
    select.addEventListener("change", () => change(Number(select.value)));
    return create("label", {}, label, select);
  }

  function showStep(place, step) {
    const text = place.querySelector(".step");
    if (text) text.textContent = grouped(step.iteration);
  }

  function showImages(place, samples) {
    const controls = place.querySelector(".controls"), image = place.querySelector("img");
    const canvas = create("canvas", {hidden: true});
    canvas.setAttribute("role", "img");
    image.after(canvas);
    let step = samples.steps.length - 1, draw = 0;
    // The grid of the chosen step: whole, or the inputs beside one of their outputs.
    const show = () => {
      showStep(place, samples.steps[step]);
      image.alt = `A row for each input: the input, then its outputs, at iteration ${grouped(samples.steps[step].iteration)}`;
      canvas.setAttribute("aria-label", `Inputs and output ${draw} of each, at iteration ${grouped(samples.steps[step].iteration)}`);
      image.src = samples.steps[step].image;
      image.hidden = draw > 0;
      canvas.hidden = draw === 0;
      if (draw > 0) image.decode().then(crop, () => {});
    };
    const crop = () => {
      const [width] = samples.cell, gap = samples.gap;
      canvas.width = 3 * gap + 2 * width;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext("2d");
      [0, draw].forEach((column, i) => context.drawImage(image, column * (width + gap), 0, width + 2 * gap, image.naturalHeight,
                                                         i * (width + gap), 0, width + 2 * gap, image.naturalHeight));
    };
    stepControl(controls, samples.steps, (i) => { step = i; show(); });
    const choose = () => {
      const columns = samples.cell ? Math.round((image.naturalWidth - samples.gap) / (samples.cell[0] + samples.gap)) : 0;
      if (columns > 2) {
        const options = ["all", ...Array.from({length: columns - 1}, (_, k) => `only ${k + 1}`)];
        controls.append(choice("outputs", options, (k) => { draw = k; show(); }));
      }
      controls.hidden = controls.childElementCount === 0;
    };
    image.decode().then(choose, choose);
  }

  function showScatter(place, samples) {
    const controls = place.querySelector(".controls"), canvas = place.querySelector("canvas");
    const layers = {source: true, target: true, outputs: true, arrows: false};
    let step = samples.steps.length - 1, draw = 0;
    // One view for all steps, so that they compare.
    const finite = (points) => points.filter((p) => p[0] !== null && p[1] !== null);
    const all = finite(samples.steps.flatMap((s, i) => [...s.source, ...s.target, ...(i === samples.steps.length - 1 ? s.outputs.flat() : [])]));
    const bounds = [[Infinity, -Infinity], [Infinity, -Infinity]];
    for (const point of all) {
      point.forEach((value, k) => { bounds[k] = [Math.min(bounds[k][0], value), Math.max(bounds[k][1], value)]; });
    }
    const side = Math.max(bounds[0][1] - bounds[0][0], bounds[1][1] - bounds[1][0]) * 1.08 || 1;
    const low = bounds.map(([a, b]) => (a + b - side) / 2);
    // A few round numbers along the frame.
    const ticks = (context, size) => {
      const rough = side / 5, power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
      context.fillStyle = colour("faint");
      context.font = "12px system-ui, sans-serif";
      for (const [k, start] of low.entries()) {
        for (let value = Math.ceil(start / step) * step; value < start + side; value += step) {
          const at = (value - start) / side * size;
          if (at < 24 || at > size - 24) continue;
          const text = number(Math.abs(value) < step / 1e6 ? 0 : value);
          if (k === 0) {
            context.textAlign = "center";
            context.fillText(text, at, size - 6);
          } else if (samples.steps[0].axes[1]) {
            context.textAlign = "left";
            context.fillText(text, 5, size - at + 4);
          }
        }
      }
    };

    const show = () => {
      showStep(place, samples.steps[step]);
      const shown = samples.steps[step];
      const size = Math.min(place.clientWidth, 640), scale = devicePixelRatio || 1;
      canvas.width = canvas.height = size * scale;
      canvas.style.width = canvas.style.height = size + "px";
      const context = canvas.getContext("2d");
      context.scale(scale, scale);
      context.clearRect(0, 0, size, size);
      const to = (p) => [(p[0] - low[0]) / side * size, size - (p[1] - low[1]) / side * size];
      const dots = (points, name, opacity) => {
        context.fillStyle = colour(name);
        context.globalAlpha = opacity;
        for (const point of finite(points)) {
          const [x, y] = to(point);
          context.beginPath();
          context.arc(x, y, size / 260, 0, 7);
          context.fill();
        }
        context.globalAlpha = 1;
      };
      context.strokeStyle = colour("line");
      context.strokeRect(0.5, 0.5, size - 1, size - 1);
      ticks(context, size);
      if (layers.source) dots(shown.source, "source", 0.6);
      if (layers.target) dots(shown.target, "target", 0.6);
      const outputs = draw === 0 ? shown.outputs.flat() : shown.outputs[Math.min(draw, shown.outputs.length) - 1];
      if (layers.arrows) {
        context.strokeStyle = context.fillStyle = colour("faint");
        context.globalAlpha = 0.6;
        const ends = shown.outputs[Math.min(Math.max(0, draw - 1), shown.outputs.length - 1)];
        shown.source.slice(0, 120).forEach((from, i) => {
          if (finite([from, ends[i]]).length < 2) return;
          const [x1, y1] = to(from), [x2, y2] = to(ends[i]);
          const angle = Math.atan2(y2 - y1, x2 - x1), head = Math.min(6, Math.hypot(x2 - x1, y2 - y1) / 2);
          context.beginPath();
          context.moveTo(x1, y1);
          context.lineTo(x2, y2);
          context.stroke();
          context.beginPath();
          context.moveTo(x2, y2);
          context.lineTo(x2 - head * Math.cos(angle - 0.4), y2 - head * Math.sin(angle - 0.4));
          context.lineTo(x2 - head * Math.cos(angle + 0.4), y2 - head * Math.sin(angle + 0.4));
          context.fill();
        });
        context.globalAlpha = 1;
      }
      if (layers.outputs) dots(outputs, "output", 0.75);
      const visible = Object.keys(layers).filter((name) => layers[name]).join(", ");
      canvas.setAttribute("aria-label", `Scatter plot at iteration ${grouped(shown.iteration)} with ${visible || "nothing"}`);
    };
    stepControl(controls, samples.steps, (i) => { step = i; show(); });
    for (const name of Object.keys(layers)) {
      const box = create("input", {type: "checkbox", checked: layers[name]});
      box.addEventListener("change", () => { layers[name] = box.checked; show(); });
      const swatch = create("span", {className: "swatch"});
      if (name !== "arrows") swatch.style.background = `var(--${name === "outputs" ? "output" : name})`;
      controls.append(create("label", {}, box, name, swatch));
    }
    const draws = Math.max(...samples.steps.map((s) => s.outputs.length));
    if (draws > 1)
      controls.append(choice("outputs per input", ["all", ...Array.from({length: draws}, (_, k) => `only ${k + 1}`)], (k) => { draw = k; show(); }));
    controls.hidden = false;
    redraws.push(show);
    addEventListener("resize", show);
    show();
  }

  const place = document.getElementById("samples");
  if (place && data.samples) (data.samples.kind === "images" ? showImages : showScatter)(place, data.samples);
  drawCharts();
  dark.addEventListener("change", () => redraws.forEach((redraw) => redraw()));
})();
