"use strict";
// The frame of the page: how text gets onto it, the verdict, the settings.
// Text reaches the page through textContent alone; there is no markup in this script.

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLORS = 8;
const SVG = "http://www.w3.org/2000/svg";

// An element with attributes and children; a child that is a string becomes a text node.
function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== false) element.setAttribute(key, String(value));
  }
  for (const child of children.flat(Infinity)) {
    element.append(typeof child === "object" ? child : document.createTextNode(String(child)));
  }
  return element;
}

// Characters that show nothing, or turn the text around them, by their names.
const ODD =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc]|\p{Surrogate}/gu;

function visible(text) {
  return String(text).replace(
    ODD,
    (c) => "\u27e8U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9",
  );
}

function number(value) {
  if (value === null || value === undefined) return "\u2013";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(4)));
}

function color(index) {
  return index % COLORS;
}

function swatch(index, label) {
  return el("span", {}, el("span", { class: "k" + color(index) }, "\u25a0 "), visible(label));
}

// Of a question of a run, for the links that lead to it.
function sectionId(run, place) {
  return `section-${run}-${place}`;
}

function showVerdict(run, r) {
  const told = run.verdict;
  const links = run.sections.map((one, n) =>
    el("li", {}, el("a", { href: `#${sectionId(r, n)}`, class: one.is_bad && "wrong" }, visible(one.line))));
  return el(
    "section",
    { class: "verdict " + told.tone },
    el("h3", {}, visible(run.name)),
    el("strong", {}, visible(told.headline)),
    el("ul", {}, told.lines.map((line) => el("li", {}, visible(line))), links),
  );
}

function showSettings() {
  const several = DATA.runs.length > 1;
  const rows = DATA.settings.map((row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, visible(row.key)),
      row.values.map((value) => el("td", {}, visible(value))),
    ),
  );
  const head = [el("th", { scope: "col" }, "setting")].concat(
    DATA.runs.map((run) => el("th", { scope: "col" }, visible(run.name))),
  );
  const table = el(
    "div",
    { class: "scroll" },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)),
  );
  if (!several) return el("details", {}, el("summary", {}, "Settings"), table);
  const title = el("h2", {}, "Settings that differ");
  return el("section", {}, title, rows.length ? table : el("p", {}, "None."));
}

function showTable(table) {
  const head = table.headings.map((one) => el("th", { scope: "col" }, visible(one)));
  const rows = table.rows.map((row) => el("tr", {}, row.map((cell, i) =>
    i ? el("td", {}, visible(cell)) : el("th", { scope: "row" }, visible(cell)))));
  return el("section", {}, el("h2", {}, visible(table.title)), el("div", { class: "scroll", tabindex: 0 },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows))));
}

const REPORT = document.getElementById("report");
REPORT.append(
  el("h1", {}, DATA.runs.length > 1 ? `${DATA.runs.length} runs` : visible(DATA.runs[0].name)),
  ...(DATA.tables || []).map(showTable),
  ...DATA.runs.map(showVerdict),
  DATA.settings.length || DATA.runs.length > 1 ? showSettings() : "",
);
