// What made a run's policy: boxes from what is from outside, on the left, to the run on the right.

const BOX = 190, GAP = 50, ROW = 58;

// What a thing is, and the kind of stage that made it; a stage's own folder is of its kind.
function madeBy(node) {
  return node.name === node.kind ? `stage ${node.kind}` : `${node.name}, by ${node.kind}`;
}

function showLineage(run) {
  const nodes = run.lineage;
  if (nodes.length < 2) return null;
  const deepest = Math.max(...nodes.map((node) => node.depth));
  const used = {};
  const places = nodes.map((node) => {
    const row = used[node.depth] || 0;
    used[node.depth] = row + 1;
    return { x: (deepest - node.depth) * (BOX + GAP), y: row * ROW };
  });
  const width = (deepest + 1) * (BOX + GAP) - GAP, height = Math.max(...Object.values(used)) * ROW;
  const lines = nodes.flatMap((node, i) => node.of.map((to) => {
    const x = places[i].x + BOX, y = places[i].y + 22, end = places[to];
    return svg("path", { class: "curve s0", d: `M${x} ${y}C${x + GAP / 2} ${y} ${end.x - GAP / 2} ${end.y + 22} ${end.x} ${end.y + 22}` });
  }));
  const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);
  const boxes = nodes.map((node, i) => {
    const by = node.kind ? madeBy(node) : `${node.name}, from outside`;
    return svg(
      "g", {}, svg("title", {}, visible(`${node.path}${node.remark ? ` (${node.remark})` : ""}`)),
      svg("rect", { class: node.remark ? "box odd" : "box", x: places[i].x, y: places[i].y, width: BOX, height: 44, rx: 5 }),
      svg("text", { x: places[i].x + 8, y: places[i].y + 18, class: "strong" }, visible(short(node.label, 22))),
      svg("text", { x: places[i].x + 8, y: places[i].y + 35 }, visible(short(by, 28))),
    );
  });
  const told = nodes.map((node) => `${node.label}: ${node.kind ? madeBy(node) : node.name}`).join("; ");
  return el(
    "figure", {}, el("h3", {}, visible(run.name)),
    el("div", { class: "scroll", tabindex: 0 }, svg(
      "svg", { class: "graph", viewBox: `-1 -1 ${width + 2} ${height}`, width: width + 2, height, role: "img", "aria-label": visible(told) },
      lines, boxes)),
  );
}

addSection("What it was made of", "times", DATA.runs.map(showLineage));
