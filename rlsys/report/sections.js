// Questions about runs: what they came to, with the completions that show it.

function showShown(run, r, shown) {
  const { step, group, sample } = shown;
  const hit = findHit(r, step, group, sample);
  const place = hit
    ? el("button", { type: "button", click: () => openHit(hit) }, `step ${step}, group ${group}, sample ${sample}`)
    : el("span", { class: "command" }, visible(`rlsys trace ${run.name} ${step} ${group} ${sample}`));
  return el("li", {}, place, " ", el("bdi", {}, visible(shown.text)));
}

function showPoint(run, r, point) {
  const shown = point.completions.map((one) => showShown(run, r, one));
  return el(
    "li", {}, el("span", { class: point.is_bad && "wrong" }, visible(point.told)),
    shown.length ? el("ul", { class: "note" }, shown) : [],
  );
}

function showSection(run, r, title) {
  const n = run.sections.findIndex((one) => one.title === title);
  if (n < 0) return null;
  const told = run.sections[n];
  return el(
    "article", { class: "told", id: sectionId(r, n) },
    el("h3", {}, visible(run.name)),
    el("p", { class: told.is_bad && "wrong" }, visible(told.line)),
    el("ul", {}, told.sentences.map((one) => el("li", { class: "note" }, visible(one))),
      told.points.map((point) => showPoint(run, r, point))),
  );
}

for (const title of new Set(DATA.runs.flatMap((run) => run.sections.map((one) => one.title)))) {
  addSection(title, "times", DATA.runs.map((run, r) => showSection(run, r, title)));
}
