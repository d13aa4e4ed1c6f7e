// A group side by side, and one completion token by token.

const LOGPROBS = [-0.1, -0.7, -1.6, -3];
const CLIPS = ["", "clipped low", "clipped high", "dual clip", "weight truncated", "left out"];
const KINDS = { train: "training", held_out: "held-out check" };

function choices(values) {
  const numeric = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : a < b ? -1 : 1);
  return [...new Set(values)].filter((v) => v !== null && v !== undefined).sort(numeric);
}

// `[[5, 2], [6, 1]]` as `[5, 5, 6]`.
function spread(runs) {
  return runs.flatMap(([value, count]) => Array(count).fill(value));
}

// How unlikely a token was, from 0 to 4.
function heat(logprob) {
  return logprob === null || logprob === undefined ? 0 : LOGPROBS.filter((limit) => logprob < limit).length;
}

// A number on both sides of 0 as `up1` to `up4` or `down1` to `down4`, by its share of the largest.
function side(value, most) {
  if (!value || !most) return "";
  return `${value > 0 ? "up" : "down"}${Math.max(1, Math.ceil((Math.abs(value) / most) * 4))}`;
}

// What is known of each token of a completion.
function tokensOf(row) {
  const versions = spread(row.versions), forced = spread(row.forced), clips = spread(row.clip);
  return row.tokens.map((id, i) => {
    const ratio = row.log_ratio ? row.log_ratio[i] : null;
    const isTrained = ratio !== null && ratio !== undefined;
    const advantage = row.advantages ? row.advantages[i] : row.advantage;
    return {
      id, logprob: row.logprobs ? row.logprobs[i] : null, version: versions[i], forced: Boolean(forced[i]),
      ratio: isTrained ? ratio : null, clip: isTrained ? clips[i] || 0 : null, advantage,
    };
  });
}

// How each token looks under a way of colouring, with the legend's samples.
const LOOKS = {
  logprob: {
    of: (token) => (token.logprob === null ? "" : `heat${heat(token.logprob)}`),
    legend: () => LOGPROBS.map((limit, i) => [`heat${i + 1}`, `below ${limit}`]),
  },
  version: {
    of: (token, all) => `b${color(all.versions.indexOf(token.version))}`,
    legend: (all) => all.versions.map((version, i) => [`b${color(i)}`, `version ${version}`]),
  },
  advantage: {
    of: (token, all) => side(token.advantage, all.advantage),
    legend: (all) => [["up4", `up to ${number(all.advantage)}`], ["down4", `down to ${number(-all.advantage)}`]],
  },
  ratio: {
    of: (token, all) => side(token.ratio, all.ratio),
    legend: (all) => [["up4", `ratio up to ${number(Math.exp(all.ratio))}`], ["down4", `down to ${number(Math.exp(-all.ratio))}`]],
  },
  clip: {
    of: (token) => (token.clip ? `b${color(token.clip)}` : ""),
    legend: (all) => (all.clips.length ? all.clips.map((clip) => [`b${color(clip)}`, CLIPS[clip]]) : [["", "no token"]]),
  },
};

function rangesOf(tokens) {
  const most = (name) => tokens.reduce((found, token) => Math.max(found, Math.abs(token[name] || 0)), 0);
  return {
    versions: choices(tokens.map((t) => t.version)), clips: choices(tokens.map((t) => t.clip)).filter((c) => c),
    advantage: most("advantage"), ratio: most("ratio"),
  };
}

function tellToken(token, i) {
  const parts = [`${i}: token ${token.id}`, `logprob ${number(token.logprob)}`, `version ${token.version}`];
  if (token.forced) parts.push("forced by a limit");
  if (token.ratio !== null) parts.push(`ratio ${number(Math.exp(token.ratio))}`, CLIPS[token.clip] || "not clipped");
  if (token.ratio !== null) parts.push(`advantage ${number(token.advantage)}`);
  return parts.join(", ");
}

// The tokens of a completion; pointing at one, or walking with the arrow keys, tells what is known of it.
function showTokens(hit) {
  const names = DATA.runs[hit.run].samples.vocabulary;
  const tokens = tokensOf(hit.row), all = rangesOf(tokens);
  const reading = el("p", { class: "reading", role: "status" }, "point at a token, or use the arrow keys");
  const legend = el("p", { class: "legend" });
  const spans = tokens.map((token, i) => {
    const text = Object.hasOwn(names, token.id) ? names[token.id] : `\u27e8${token.id}\u27e9`;
    const show = () => tell(i);
    return el("span", { click: show, pointerover: show }, visible(text));
  });
  let now = -1, look = LOOKS.logprob;
  const classOf = (i) => `token ${look.of(tokens[i], all)}${tokens[i].forced ? " forced" : ""}${i === now ? " now" : ""}`;
  const tell = (i) => {
    const before = now;
    now = i;
    if (before >= 0) spans[before].setAttribute("class", classOf(before));
    spans[i].setAttribute("class", classOf(i));
    reading.textContent = visible(tellToken(tokens[i], i));
  };
  const paint = (name) => {
    look = LOOKS[name];
    spans.forEach((span, i) => span.setAttribute("class", classOf(i)));
    const samples = [...look.legend(all), ...(tokens.some((t) => t.forced) ? [["forced", "forced by a limit"]] : [])];
    legend.replaceChildren(...samples.map(([mark, label]) => el("span", { class: mark }, label)));
  };
  const known = Object.keys(LOOKS).filter((name) =>
    name === "logprob" || name === "version" || (name === "advantage" && all.advantage) ||
    (tokens.some((t) => t.ratio !== null) && (name === "clip" || name === "ratio")));
  const by = el("select", { change: () => paint(by.value) }, known.map((name) => el("option", { value: name }, name)));
  paint("logprob");
  const text = el("p", {
    class: "text", dir: "auto", tabindex: 0,
    keydown: (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || !spans.length) return;
      event.preventDefault();
      tell(Math.min(spans.length - 1, Math.max(0, now + step)));
    },
  }, spans);
  return el("div", {}, el("label", {}, "colour by ", by), legend, reading, text);
}

function statusOf(status) {
  return el("span", { class: status === "correct" ? "right" : "wrong" }, visible(status));
}

function showAnswer(hit, chosen) {
  const { row, group } = hit;
  const text = () => el("p", { class: "text", dir: "auto" }, visible(row.text));
  const body = el("div", {}, text());
  let byToken = false;
  const button = el("button", {
    type: "button",
    click: () => {
      byToken = !byToken;
      button.textContent = byToken ? "as text" : "token by token";
      body.replaceChildren(byToken ? showTokens(hit) : text());
    },
  }, "token by token");
  const parts = Object.entries(row.components).map(([name, value]) => `${name} ${number(value)}`);
  const level = row.level ? `; isolated by ${row.level}` : "";
  const place = row.minibatch === null || row.minibatch === undefined ? "" :
    `; trained in minibatch ${row.minibatch}, learner-${row.rank}, microbatch ${row.microbatch}`;
  return el(
    "article", { class: chosen ? "answer chosen" : "answer" },
    el("p", {}, `${row.index}: reward ${number(row.reward)}, advantage ${number(row.advantage)}, `, statusOf(row.status)),
    el("p", { class: "note" }, visible((row.reason || "") + level)),
    el("p", { class: "note" }, visible(parts.join(", "))),
    el("p", { class: "note" }, visible(
      `${row.tokens.length} tokens, ended by ${row.finish}, KL ${number(row.kl)}, ${row.worker}${place}`)),
    el("p", { class: "note command" }, visible(
      `rlsys trace ${DATA.runs[hit.run].name} ${group.step} ${group.group} ${row.index}`)),
    button, body,
  );
}

// The group of a hit, and in it the completion that was asked for.
function showGroup(hit, onPrompt) {
  const { group } = hit;
  const dropped = group.dropped ? `; dropped: ${group.dropped}` : "";
  const expected = group.expected === undefined || group.expected === null ? "\u2013" : group.expected;
  const answers = group.rows.map((row) => showAnswer({ ...hit, group, row }, row === hit.row));
  const shown = el(
    "section", { class: "group", tabindex: -1 },
    el("h3", {}, visible(
      `Step ${group.step}, ${KINDS[group.kind] || group.kind}, group ${group.group}, ${group.source}${dropped}`)),
    el("p", { class: "text", dir: "auto" }, visible(group.prompt)),
    el("p", { class: "note" }, visible(`expected: ${expected}; prompt ${group.prompt_id}`)),
    onPrompt ? el("button", { type: "button", click: () => onPrompt(group.prompt_id) }, "this prompt at every step") : [],
    el("div", { class: "answers" }, answers),
  );
  return { shown, chosen: answers[group.rows.indexOf(hit.row)] };
}
