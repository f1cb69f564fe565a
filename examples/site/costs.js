// Asks for the links of the page, and draws what each answer says in its Server-Timing field that it cost.
// The metrics are those of docs/trace.md. Every time among them but processor time and total is a phase.
"use strict";

const askAll = document.getElementById("ask-all");
const said = document.getElementById("said");
const scale = document.querySelector(".scale");
const bill = document.getElementById("bill");
const known = new Set(["head", "body", "queue", "spawn", "first-byte", "output", "exit", "rest"]);

// The field's value (W3C Server Timing, section 2) as a map: a metric's name to its `dur`, in milliseconds, and `desc`.
// Read here and not by PerformanceServerTiming, which browsers keep from pages that came by plain HTTP over a network.
function readMetrics(field) {
  const value = String.raw`"(?:[^"\\]|\\.)*"|[^",;\s]*`;
  const metric = new RegExp(String.raw`([\w-]+)((?:\s*;\s*\w+\s*=\s*(?:${value}))*)`, "g");
  const parameter = new RegExp(String.raw`(\w+)\s*=\s*(${value})`, "g");
  const metrics = new Map();
  for (const [, name, parameters] of field.matchAll(metric)) {
    const found = {};
    for (const [, key, text] of parameters.matchAll(parameter)) {
      found[key] = text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
    }
    if (found.dur !== undefined && !/^\d+(\.\d+)?$/.test(found.dur)) delete found.dur;
    if (!metrics.has(name)) metrics.set(name, found);
  }
  return metrics;
}

// Words

const inWords = (name) => name === "rest" ? "between" : name.replaceAll("-", " ");

function milliseconds(time) {
  if (time === 0) return "0 ms";
  return `${time >= 100 ? Math.round(time) : time.toPrecision(3)} ms`;
}

// What the answer says of a figure: the figure, or why there is none.
function figure(metrics, name, inUnits) {
  const metric = metrics.get(name);
  if (metric?.dur !== undefined) return inUnits(Number(metric.dur));
  if (metric?.desc !== undefined) return /^\d+$/.test(metric.desc) ? inUnits(Number(metric.desc)) : metric.desc;
  return metrics.get("model")?.desc === "static" ? "not measured" : "not knowable";
}

const processorTime = (metrics) => figure(metrics, "cpu", milliseconds);

// A worker's memory is no request's: it is there before the request and after it.
function memory(metrics) {
  if (metrics.get("model")?.desc === "fastcgi") return "memory held all day";
  return `peak memory ${figure(metrics, "peak-rss", (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`)}`;
}

function add(parent, name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className !== "") element.className = className;
  parent.append(element);
  return element;
}

// Rows

function makeRow(item) {
  const link = item.querySelector("a");
  const program = link.firstChild.textContent.trim();
  const group = document.getElementById(item.parentElement.getAttribute("aria-labelledby")).firstChild.textContent.trim();
  const row = { item, link, label: program === "File" ? "the file" : `${program} by ${group}`, length: 0 };
  row.bar = add(add(item, "div", "", "track"), "div", "", "bar");
  row.figures = add(item, "p", "not asked yet", "figures");
  row.button = add(item, "button", "Ask");
  row.button.type = "button";
  row.button.ariaLabel = `Ask ${row.label}`;
  row.button.addEventListener("click", async () => {
    if (row.isBusy) return;
    await ask(row);
    said.textContent = row.sentence;
  });
  return row;
}

const rows = [...document.querySelectorAll(".rows > li")].map(makeRow);

function setBusy(row, isBusy) {
  row.isBusy = isBusy;
  row.item.ariaBusy = isBusy;
  // Not `disabled`, which would take the focus away from whoever pressed it.
  row.button.ariaDisabled = isBusy;
}

// Asks for the row's link once, and draws the answer or says why there is none.
async function ask(row) {
  setBusy(row, true);
  try {
    const response = await fetch(row.link.href, { cache: "no-store", signal: AbortSignal.timeout(60_000) });
    await response.arrayBuffer();
    const field = response.headers.get("Server-Timing");
    if (!response.ok) fail(row, `answered ${response.status} ${response.statusText}`.trim());
    else if (field === null) fail(row, "the answer carries no bill");
    else draw(row, field);
  } catch (error) {
    fail(row, error.name === "TimeoutError" ? "no answer within a minute" : "no answer");
  }
  setBusy(row, false);
}

function fail(row, why) {
  row.length = 0;
  row.metrics = undefined;
  delete row.item.dataset.bill;
  row.figures.textContent = why;
  row.sentence = `Asked ${row.label}: ${why}.`;
  drawBar(row, []);
  drawScale();
}

function draw(row, field) {
  const metrics = row.metrics = readMetrics(field);
  const phases = [...metrics].filter(([name, { dur }]) => dur !== undefined && name !== "total" && !name.includes("cpu"))
    .map(([name, { dur }]) => ({ name, time: Number(dur) }));
  const sum = phases.reduce((before, { time }) => before + time, 0);
  // A bill that was not complete when the head left has no total.
  row.length = Math.max(sum, Number(metrics.get("total")?.dur ?? 0));
  if (row.length > sum) phases.push({ name: "rest", time: row.length - sum });
  row.item.dataset.bill = field;
  row.sentence = `Asked ${row.label}: ${milliseconds(row.length)} in the gateway, `
    + `processor time ${processorTime(metrics)}, ${memory(metrics)}.`;
  drawBar(row, phases);
  drawScale();
  showBill(row);
}

function drawBar(row, phases) {
  row.bar.replaceChildren();
  row.bar.role = phases.length > 0 ? "img" : null;
  row.bar.ariaLabel = phases.map(({ name, time }) => `${inWords(name)} ${milliseconds(time)}`).join(", ") || null;
  for (const { name, time } of phases) {
    const part = add(row.bar, "span");
    part.dataset.phase = known.has(name) ? name : "other";
    part.dataset.milliseconds = time;
    part.title = `${inWords(name)} ${milliseconds(time)}`;
    part.style.width = `${100 * time / row.length}%`;
  }
}

// The scale: from 0 to the least round number of steps that holds the longest bar.

function drawScale() {
  const longest = Math.max(...rows.map((row) => row.length));
  scale.hidden = longest === 0;
  if (longest > 0) {
    const power = 10 ** Math.floor(Math.log10(longest / 3));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => longest / step <= 5);
    const steps = Math.ceil(longest / step);
    const ticks = scale.querySelector(".ticks");
    ticks.replaceChildren();
    for (let tick = 0; tick <= steps; tick++) {
      const unit = tick === steps ? " ms" : "";
      add(ticks, "span", `${Number((tick * step).toPrecision(3))}${unit}`).style.left = `${100 * tick / steps}%`;
    }
    for (const row of rows) {
      row.bar.parentElement.style.setProperty("--step", `${100 / steps}%`);
      row.bar.style.width = `${100 * row.length / (step * steps)}%`;
    }
  }
  for (const row of rows) if (row.metrics) writeFigures(row);
}

// All figures are written anew with each answer, since the file's own is what the others are held against.
function writeFigures(row) {
  const { metrics, figures, length } = row;
  figures.replaceChildren();
  add(figures, "b", milliseconds(length));
  const file = rows[0];
  if (!metrics.has("total")) figures.append(" until its head left");
  else if (row === file) add(figures, "span", "until its head was written");
  else if (file.metrics?.has("total")) figures.append(` · ${ratio(length / file.length)} × the file`);
  add(figures, "span", `processor time ${processorTime(metrics)}`);
  add(figures, "span", memory(metrics));
}

const ratio = (times) => times < 10 ? times.toFixed(1) : Math.round(times);

function showBill(row) {
  bill.hidden = false;
  bill.querySelector("h3").textContent = `The last bill: ${row.label}`;
  const list = bill.querySelector("dl");
  list.replaceChildren();
  for (const [name, { dur, desc }] of row.metrics) {
    const pair = add(list, "div");
    add(pair, "dt", inWords(name));
    add(pair, "dd", [dur && `${dur} ms`, name === "peak-rss" ? `${desc} bytes` : desc].filter((text) => text !== undefined).join(", ")).dataset.metric = name;
  }
}

// All, one after another: at once they would wait for each other, and be billed for it.
askAll.addEventListener("click", async () => {
  if (askAll.ariaDisabled === "true") return;
  askAll.ariaDisabled = true;
  for (const [index, row] of rows.entries()) {
    askAll.textContent = `Asking ${index + 1} of ${rows.length}`;
    if (!row.isBusy) await ask(row);
  }
  askAll.textContent = "Ask all";
  askAll.ariaDisabled = false;
  const answered = rows.filter((row) => row.metrics).sort((a, b) => a.length - b.length);
  const [least, most] = [answered[0], answered.at(-1)];
  said.textContent = answered.length === 0 ? "None of them answered." : `${answered.length} of ${rows.length} answered: `
    + `from ${milliseconds(least.length)} (${least.label}) to ${milliseconds(most.length)} (${most.label}).`;
});

askAll.hidden = false;
