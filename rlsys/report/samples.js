// Completions, found by what they are; how a prompt's changed; a selection for the disk.

const PAGE_OF_HITS = 30;
const ASKED = [
  "run", "kind", "least_step", "most_step", "source", "status", "least_reward", "most_reward",
  "least_tokens", "most_tokens", "finish", "text", "prompt",
];

// Whether the index alone lets a completion through; an empty wish asks for nothing.
function matches(hit, wish) {
  const same = (asked, name) => asked === "" || asked === String(of(hit, name));
  const within = (least, most, value) =>
    (least === "" || (value !== null && value >= Number(least))) &&
    (most === "" || (value !== null && value <= Number(most)));
  return (
    (wish.run === "" || wish.run === String(hit.run)) && same(wish.kind, "kind") &&
    same(wish.source, "source") && same(wish.status, "status") && same(wish.finish, "finish") &&
    same(wish.prompt, "prompt_id") && within(wish.least_step, wish.most_step, of(hit, "step")) &&
    within(wish.least_reward, wish.most_reward, of(hit, "reward")) &&
    within(wish.least_tokens, wish.most_tokens, of(hit, "length"))
  );
}

function control(name, label, element) {
  element.setAttribute("name", name);
  return el("label", {}, label, element);
}

function select(name, label, values, shown) {
  const options = values.map((v) => el("option", { value: v }, visible(shown ? shown(v) : v)));
  return control(name, label, el("select", {}, el("option", { value: "" }, "all"), options));
}

function makeForm() {
  const all = (name) => choices(DATA.runs.flatMap((run) => choices(run.samples.index[name])));
  const range = (name, label) => control(name, label, el("input", { type: "number", step: "any" }));
  return el(
    "form", { submit: (event) => event.preventDefault() },
    select("run", "run", DATA.runs.map((_, r) => r), (r) => DATA.runs[r].name),
    select("kind", "kind", all("kind"), (s) => KINDS[s] || s),
    range("least_step", "step from"), range("most_step", "step to"),
    select("source", "source", all("source")), select("status", "verdict", all("status")),
    range("least_reward", "reward from"), range("most_reward", "reward to"),
    range("least_tokens", "tokens from"), range("most_tokens", "tokens to"),
    select("finish", "ended by", all("finish")),
    control("text", "text", el("input", { type: "search", placeholder: "in answer, prompt, reason" })),
    control("prompt", "prompt id", el("input", { type: "search" })),
  );
}

function wishOf(form) {
  const wish = {};
  for (const name of ASKED) wish[name] = form.elements[name].value;
  wish.text = wish.text.toLowerCase();
  return wish;
}

async function showHit(hit, open) {
  const { group, row } = await whole(hit);
  const several = DATA.runs.length > 1 ? `${DATA.runs[hit.run].name}, ` : "";
  return el(
    "button", { class: "hit", type: "button", click: () => open(hit) },
    el("span", { class: "faint" }, visible(
      `${several}step ${group.step}, ${KINDS[group.kind] || group.kind}, ${group.source}; ` +
      `reward ${number(row.reward)}, ${row.tokens.length} tokens; `)),
    statusOf(row.status),
    el("bdi", { class: "snippet" }, visible(`${group.prompt} ${row.text}`.slice(0, 300))),
  );
}

// One line a step of a prompt: how its completions changed.
function showChange(hits) {
  const steps = new Map();
  for (const hit of hits) {
    const key = `${of(hit, "step")} ${KINDS[of(hit, "kind")] || of(hit, "kind")}`;
    steps.set(key, [...(steps.get(key) || []), hit]);
  }
  const mean = (own, value) => own.reduce((sum, hit) => sum + (value(hit) || 0), 0) / own.length;
  const rows = [...steps].map(([step, own]) => el(
    "tr", {}, el("th", { scope: "row" }, visible(step)), el("td", {}, String(own.length)),
    el("td", {}, percent(mean(own, (hit) => of(hit, "status") === "correct"))),
    el("td", {}, number(mean(own, (hit) => of(hit, "reward")))),
    el("td", {}, number(mean(own, (hit) => of(hit, "length")))),
  ));
  const heads = ["step", "completions", "right", "mean reward", "mean tokens"];
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, heads.map((one) => el("th", { scope: "col" }, one)))), el("tbody", {}, rows)));
}

// One line of JSON a completion; a lone surrogate stays an escape.
async function toLines(hits) {
  const lines = [];
  for (const hit of hits) {
    const { group, row } = await whole(hit);
    const { rows, ...about } = group;
    lines.push(`${JSON.stringify({ run: DATA.runs[hit.run].name, ...about, ...row })}\n`);
  }
  return lines;
}

async function download(hits) {
  const url = URL.createObjectURL(new Blob(await toLines(hits), { type: "application/jsonl" }));
  el("a", { href: url, download: "completions.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

function noteOf(run) {
  const { index, total, unreadable } = run.samples;
  const held = index.length.length;
  const which = held < total ? " (whole groups, evenly over the steps; the others are in its folder; --samples-mib holds more)" : "";
  const lost = unreadable.length ? `; not readable: ${unreadable.join(", ")}` : "";
  return `${run.name}: ${held.toLocaleString("en")} of ${total.toLocaleString("en")} completions are in this file${which}${lost}`;
}

function showSamples() {
  const form = makeForm(), count = el("p", { role: "status" }), change = el("div", {});
  const list = el("div", {}), opened = el("div", {});
  let found = [], shown = 0, asked = 0;
  const more = el("button", { type: "button", click: () => extend(asked) }, "more");
  const open = async (hit) => {
    const { shown: group, chosen } = showGroup(await whole(hit), (prompt) => {
      for (const name of ASKED) form.elements[name].value = "";
      form.elements.prompt.value = prompt;
      search();
    });
    opened.replaceChildren(group);
    chosen.scrollIntoView({ inline: "center" }); // of its row, which a phone shows one of
    group.scrollIntoView({ block: "nearest" });
    group.focus({ preventScroll: true });
  };
  openHit = open;
  const extend = async (mine) => {
    const next = found.slice(shown, shown + PAGE_OF_HITS);
    shown += next.length;
    more.hidden = shown === found.length;
    const made = await Promise.all(next.map((hit) => showHit(hit, open)));
    if (mine === asked) list.append(...made);
  };
  const search = async () => {
    const mine = ++asked, wish = wishOf(form);
    let hits = HITS.filter((hit) => matches(hit, wish));
    if (wish.text) {
      hits = await thatSay(hits, wish.text, (done, so_far) => {
        if (mine === asked) count.textContent = `read ${done.toLocaleString("en")}, found ${so_far.toLocaleString("en")}`;
        return mine === asked;
      });
    }
    if (mine !== asked || hits === null) return;
    found = hits;
    shown = 0;
    list.replaceChildren();
    change.replaceChildren(...(wish.prompt && found.length ? [showChange(found)] : []));
    count.textContent = `${found.length.toLocaleString("en")} of ${HITS.length.toLocaleString("en")} completions`;
    await extend(mine);
  };
  form.addEventListener("input", () => { SEARCHED = search(); });
  // Who goes there is about to seek a text.
  form.elements.text.addEventListener("focus", () => {
    for (const hit of HITS) soughtIn(`texts-${hit.run}-${of(hit, "texts")}`);
  });
  SEARCHED = search();
  openNamed(open);
  return [
    ...DATA.runs.map((run) => el("p", { class: "note" }, visible(noteOf(run)))),
    form, count,
    el("button", { type: "button", click: () => download(found) }, "save these as JSONL"),
    opened, change, list, more,
  ];
}

// `#step=3&group=7&sample=1&run=NAME` in the address opens that completion, or what the page is made for.
function openNamed(open) {
  const named = new URLSearchParams(DATA.open || location.hash.slice(1));
  if (!named.has("group")) return;
  const run = Math.max(0, DATA.runs.findIndex((one) => one.name === named.get("run")));
  const [step, group, sample] = ["step", "group", "sample"].map((name) => Number(named.get(name)));
  const hit = findHit(run, step, group, sample);
  if (hit) SEARCHED = SEARCHED.then(() => open(hit));
}

// Opens a completion, for the page's other sections.
let openHit;
// The newest search, for whoever waits for it.
let SEARCHED = Promise.resolve();
if (HITS.length) addSection("Completions", "samples", showSamples());
else addSection("Completions", "samples", DATA.runs.map((run) => el("p", { class: "note" }, visible(noteOf(run)))));
