// Runs a report's own script in node, on elements that only hold what they are given:
//     node page_in_node.js REPORT.html "expression"      prints the expression's value as JSON
// In the expression, which may be a promise: REPORT, what the script declares, and all(name),
// text(element), press(element), type(form, name, value); `settled()` waits for what they began.
"use strict";
const fs = require("fs"), vm = require("vm");

class Node {
  constructor(name, text = "") {
    this.name = name; this.own = text; this.children = []; this.attributes = {};
    this.listeners = {}; this.value = ""; this.hidden = false;
  }
  set innerHTML(_) { throw new Error("the page makes no markup of texts"); }
  set outerHTML(_) { throw new Error("the page makes no markup of texts"); }
  insertAdjacentHTML() { throw new Error("the page makes no markup of texts"); }
  get textContent() { return this.own + this.children.map((c) => c.textContent).join(""); }
  set textContent(text) { this.children = []; this.own = String(text); }
  append(...nodes) { this.children.push(...nodes.map((n) => (n instanceof Node ? n : new Node("#text", String(n))))); }
  replaceChildren(...nodes) { this.own = ""; this.children = []; this.append(...nodes); }
  setAttribute(key, value) {
    if (/^on|^style$|^src/i.test(key)) throw new Error(`attribute ${key}`);
    this.attributes[key] = String(value);
    if (key === "value") this.value = String(value);
    if (key === "name") this.input = String(value);
  }
  addEventListener(kind, act) { (this.listeners[kind] = this.listeners[kind] || []).push(act); }
  fire(kind, event = {}) { (this.listeners[kind] || []).forEach((act) => act({ preventDefault() {}, ...event })); }
  click() { this.fire("click"); }
  focus() {}
  scrollIntoView() {}
  getBoundingClientRect() { return { left: 0, width: 420 }; }
  get elements() {
    return Object.fromEntries(walk(this).filter((n) => n.attributes.name).map((n) => [n.attributes.name, n]));
  }
}

function walk(node) { return [node, ...node.children.flatMap(walk)]; }

const [file, expression] = process.argv.slice(2);
const html = fs.readFileSync(file, "utf8");
const data = html.match(/<script type="application\/json" id="data">([^]*?)<\/script>/)[1];
const script = html.match(/<script>([^]*?)<\/script>/)[1];
const places = { data: new Node("script", data), report: new Node("main") };
for (const [, id, chunk] of html.matchAll(/<script type="text\/plain" id="([^"]*)">([^<]*)<\/script>/g)) places[id] = new Node("script", chunk);
const context = vm.createContext({
  document: {
    getElementById: (id) => places[id],
    createElement: (name) => new Node(name),
    createElementNS: (_, name) => new Node(name),
    createTextNode: (text) => new Node("#text", text),
  },
  atob, Blob, DecompressionStream, Response, URLSearchParams, location: { hash: process.argv[4] || "" },
  settled: () => new Promise((done) => setTimeout(done, 100)),
  all: (name, from = places.report) => walk(from).filter((n) => n.name === name),
  text: (node) => node.textContent,
  press: (node) => node.click(),
  type: (form, name, value) => { form.elements[name].value = value; form.fire("input"); },
});
vm.runInContext(script, context);
(async () => {
  await vm.runInContext("SEARCHED", context);
  process.stdout.write(JSON.stringify(await vm.runInContext(expression, context)));
})().catch((error) => { process.stderr.write(String(error.stack)); process.exitCode = 1; });
