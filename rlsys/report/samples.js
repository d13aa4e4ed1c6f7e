// Completions: found by what they are, a group side by side, one of them token by token.

const PAGE_OF_HITS = 30;
const LOGPROBS = [-0.1, -0.7, -1.6, -3];
const KINDS = { train: "training", held_out: "held-out check" };

// Every completion of the page with its group; made once.
const HITS = DATA.runs.flatMap((run, r) =>
  run.samples.groups.flatMap((group) => group.rows.map((row) => ({ run: r, group, row }))));

// Whether a completion is one of those that are asked for; an empty wish asks for nothing.
function matches(hit, wish) {
  const { group, row } = hit;
  const same = (asked, value) => asked === "" || asked === String(value);
  const within = (least, most, value) =>
    (least === "" || (value !== null && value >= Number(least))) &&
    (most === "" || (value !== null && value <= Number(most)));
  return (
    same(wish.run, hit.run) && same(wish.step, group.step) && same(wish.kind, group.kind) &&
    same(wish.source, group.source) && same(wish.status, row.status) &&
    same(wish.prompt, group.prompt_id) &&
    within(wish.least_reward, wish.most_reward, row.reward) &&
    within(wish.least_tokens, wish.most_tokens, row.tokens.length) &&
    (wish.text === "" ||
      [row.text, group.prompt, row.reason].some((text) => String(text).toLowerCase().includes(wish.text)))
  );
}

function choices(values) {
  const numeric = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : a < b ? -1 : 1);
  return [...new Set(values)].filter((v) => v !== null && v !== undefined).sort(numeric);
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
  const of = (get) => choices(HITS.map(get));
  const range = (name, label) => control(name, label, el("input", { type: "number", step: "any" }));
  return el(
    "form", { submit: (event) => event.preventDefault() },
    select("run", "run", DATA.runs.map((_, r) => r), (r) => DATA.runs[r].name),
    select("kind", "kind", of((h) => h.group.kind), (s) => KINDS[s] || s),
    select("step", "step", of((h) => h.group.step)),
    select("source", "source", of((h) => h.group.source)),
    select("status", "verdict", of((h) => h.row.status)),
    range("least_reward", "reward from"), range("most_reward", "reward to"),
    range("least_tokens", "tokens from"), range("most_tokens", "tokens to"),
    control("text", "text", el("input", { type: "search", placeholder: "in answer, prompt, reason" })),
    control("prompt", "prompt id", el("input", { type: "search" })),
  );
}

function wishOf(form) {
  const wish = {};
  for (const name of [
    "run", "kind", "step", "source", "status", "least_reward", "most_reward",
    "least_tokens", "most_tokens", "text", "prompt",
  ]) wish[name] = form.elements[name].value;
  wish.text = wish.text.toLowerCase();
  return wish;
}

function statusOf(row) {
  return el("span", { class: row.status === "correct" ? "right" : "wrong" }, visible(row.status));
}

function showHit(hit, open) {
  const { group, row } = hit;
  const several = DATA.runs.length > 1 ? `${DATA.runs[hit.run].name}, ` : "";
  return el(
    "button", { class: "hit", type: "button", click: () => open(hit) },
    el("span", { class: "faint" }, visible(
      `${several}step ${group.step}, ${KINDS[group.kind] || group.kind}, ${group.source}; ` +
      `reward ${number(row.reward)}, ${row.tokens.length} tokens; `)),
    statusOf(row),
    el("bdi", { class: "snippet" }, visible(`${group.prompt} ${row.text}`.slice(0, 300))),
  );
}

// `[[5, 2], [6, 1]]` as `[5, 5, 6]`.
function spread(runs) {
  return runs.flatMap(([value, count]) => Array(count).fill(value));
}

// How unlikely a token was, from 0 to 4.
function heat(logprob) {
  return logprob === null ? 0 : LOGPROBS.filter((limit) => logprob < limit).length;
}

// The tokens of a completion; `tell` gets what is known of the one that is pointed at.
function tokensOf(hit, tell) {
  const { row } = hit, names = DATA.runs[hit.run].samples.vocabulary;
  const versions = spread(row.versions), forced = spread(row.forced);
  const known = choices(versions);
  return row.tokens.map((id, i) => {
    const logprob = row.logprobs ? row.logprobs[i] : null;
    const told = `${i}: token ${id}, logprob ${number(logprob)}, version ${versions[i]}` + (forced[i] ? ", forced" : "");
    const look = `token heat${heat(logprob)} v${color(known.indexOf(versions[i]))}` + (forced[i] ? " forced" : "");
    const text = Object.hasOwn(names, id) ? names[id] : `\u27e8${id}\u27e9`;
    const show = () => tell(visible(told));
    return el("span", { class: look, click: show, pointerover: show }, visible(text));
  });
}

function showTokens(hit) {
  const known = choices(spread(hit.row.versions));
  const reading = el("p", { class: "reading" }, "point at a token");
  return el(
    "div", {},
    el("p", { class: "legend" },
      el("span", {}, "logprob from "), LOGPROBS.map((limit, i) => el("span", { class: `heat${i + 1}` }, `below ${limit}`)),
      known.map((version, i) => swatch(i, `line: policy version ${version}`)),
      hit.row.forced.length ? el("span", { class: "forced" }, "forced by a limit") : []),
    reading,
    el("p", { class: "text", dir: "auto" }, tokensOf(hit, (told) => { reading.textContent = told; })),
  );
}

function showAnswer(hit, chosen) {
  const { row } = hit;
  const body = el("div", {}, el("p", { class: "text", dir: "auto" }, visible(row.text)));
  let byToken = false;
  const button = el("button", {
    type: "button",
    click: () => {
      byToken = !byToken;
      button.textContent = byToken ? "as text" : "token by token";
      body.replaceChildren(byToken ? showTokens(hit) : el("p", { class: "text", dir: "auto" }, visible(row.text)));
    },
  }, "token by token");
  const parts = Object.entries(row.components).map(([name, value]) => `${name} ${number(value)}`);
  return el(
    "article", { class: chosen ? "answer chosen" : "answer" },
    el("p", {}, `${row.index}: reward ${number(row.reward)}, advantage ${number(row.advantage)}, `, statusOf(row)),
    el("p", { class: "note" }, visible(row.reason || "")),
    el("p", { class: "note" }, visible(parts.join(", "))),
    el("p", { class: "note" }, visible(
      `${row.tokens.length} tokens, ended by ${row.finish}, KL ${number(row.kl)}, ${row.worker}`)),
    button, body,
  );
}

function showGroup(hit, onPrompt) {
  const { group } = hit;
  const dropped = group.dropped ? `; dropped: ${group.dropped}` : "";
  return el(
    "section", { class: "group", tabindex: -1 },
    el("h3", {}, visible(
      `Step ${group.step}, ${KINDS[group.kind] || group.kind}, group ${group.group}, ${group.source}${dropped}`)),
    el("p", { class: "text", dir: "auto" }, visible(group.prompt)),
    el("p", { class: "note" }, visible(`expected: ${group.expected === undefined || group.expected === null ? "\u2013" : group.expected}; prompt ${group.prompt_id}`)),
    el("button", { type: "button", click: () => onPrompt(group.prompt_id) }, "this prompt at every step"),
    el("div", { class: "answers" },
      group.rows.map((row) => showAnswer({ run: hit.run, group, row }, row === hit.row))),
  );
}

// One line of JSON a completion; a lone surrogate stays an escape.
function toLines(hits) {
  return hits.map(({ run, group, row }) => {
    const { rows, ...of } = group;
    return JSON.stringify({ run: DATA.runs[run].name, ...of, ...row });
  }).join("\n") + "\n";
}

function download(hits) {
  const url = URL.createObjectURL(new Blob([toLines(hits)], { type: "application/jsonl" }));
  el("a", { href: url, download: "completions.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

function noteOf(run) {
  const { completions, total, unreadable } = run.samples;
  const which = completions < total ? " (whole groups, evenly over the steps; the others are in its folder)" : "";
  const lost = unreadable.length ? `; not readable: ${unreadable.join(", ")}` : "";
  return `${run.name}: ${completions.toLocaleString("en")} of ${total.toLocaleString("en")} completions are in this file${which}${lost}`;
}

function showSamples() {
  const form = makeForm(), count = el("p", { role: "status" }), list = el("div", {}), opened = el("div", {});
  let found = [], shown = 0;
  const more = el("button", { type: "button", click: () => extend() }, "more");
  const open = (hit) => {
    const group = showGroup(hit, (prompt) => {
      for (const one of Object.values(form.elements)) if ("value" in one) one.value = "";
      form.elements.prompt.value = prompt;
      search();
    });
    opened.replaceChildren(group);
    group.scrollIntoView({ block: "nearest" });
    group.focus({ preventScroll: true });
  };
  const extend = () => {
    list.append(...found.slice(shown, shown + PAGE_OF_HITS).map((hit) => showHit(hit, open)));
    shown = Math.min(found.length, shown + PAGE_OF_HITS);
    more.hidden = shown === found.length;
  };
  const search = () => {
    const wish = wishOf(form);
    found = HITS.filter((hit) => matches(hit, wish));
    shown = 0;
    list.replaceChildren();
    count.textContent = `${found.length.toLocaleString("en")} of ${HITS.length.toLocaleString("en")} completions`;
    extend();
  };
  form.addEventListener("input", search);
  search();
  return [
    ...DATA.runs.map((run) => el("p", { class: "note" }, visible(noteOf(run)))),
    form, count,
    el("button", { type: "button", click: () => download(found) }, "save these as JSONL"),
    opened, list, more,
  ];
}

if (HITS.length) addSection("Completions", "samples", showSamples());
else addSection("Completions", "samples", DATA.runs.map((run) => el("p", { class: "note" }, visible(noteOf(run)))));
