// Curves over the steps.

const DASHES = 5;
const WIDTH = 420, HEIGHT = 220, LEFT = 52, RIGHT = 8, TOP = 10, BOTTOM = 24;

// Round values that cover a range, four or five of them.
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

// Every curve of a chart: one per run and metric that is there.
function curvesOf(chart) {
  const several = DATA.runs.length > 1;
  const curves = [];
  DATA.runs.forEach((run, r) => {
    chart.lines.forEach(([metric, label], m) => {
      const ys = run.series[metric];
      if (!ys || ys.every((y) => y === null)) return;
      curves.push({
        label: several ? `${run.name}: ${label}` : label,
        xs: run.series.step, ys, color: several ? r : m,
        dash: (several ? m : Math.floor(m / COLORS)) % DASHES,
      });
    });
    if (chart.checks && run.checks.length) {
      curves.push({
        label: several ? `${run.name}: held-out` : "held-out",
        xs: run.checks.map((c) => c.step), ys: run.checks.map((c) => c.pass_at_1),
        low: run.checks.map((c) => c.low), high: run.checks.map((c) => c.high),
        color: several ? r : chart.lines.length, dash: 0, dots: true,
      });
    }
  });
  return curves;
}

function rangeOf(curves) {
  const xs = curves.flatMap((c) => c.xs);
  const ys = curves.flatMap((c) => [...c.ys, ...(c.low || []), ...(c.high || [])]).filter((y) => y !== null);
  const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  const x0 = least(xs), x1 = Math.max(most(xs), x0 + 1);
  let y0 = least(ys), y1 = most(ys);
  const pad = (y1 - y0) * 0.05 || Math.abs(y1) * 0.1 || 1;
  y1 += pad;
  y0 = y0 >= 0 && y0 - pad < 0 ? 0 : y0 - pad;
  return {
    x0, x1, y0, y1,
    x: (v) => LEFT + ((v - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT),
    y: (v) => HEIGHT - BOTTOM - ((v - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM),
  };
}

// A path through the points; it is broken where a step has no value.
function pathOf(xs, ys, at) {
  let path = "", pen = "M";
  xs.forEach((x, i) => {
    if (ys[i] === null) { pen = "M"; return; }
    path += `${pen}${at.x(x).toFixed(1)} ${at.y(ys[i]).toFixed(1)}`;
    // A point with a gap on both sides is drawn as a dot, by its round end.
    if (pen === "M" && (ys[i + 1] === null || i + 1 === xs.length)) path += "h.1";
    pen = "L";
  });
  return path;
}

function axes(at) {
  const parts = [];
  for (const y of ticks(at.y0, at.y1)) {
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: at.y(y), y2: at.y(y) }));
    parts.push(svg("text", { x: LEFT - 5, y: at.y(y) + 4, "text-anchor": "end" }, number(y)));
  }
  for (const x of ticks(at.x0, at.x1).filter(Number.isInteger)) {
    parts.push(svg("text", { x: at.x(x), y: HEIGHT - 7, "text-anchor": "middle" }, String(x)));
  }
  return parts;
}

function draw(curve, at) {
  const parts = [];
  if (curve.low) {
    const up = curve.xs.map((x, i) => `${at.x(x)} ${at.y(curve.high[i])}`);
    const down = curve.xs.map((x, i) => `${at.x(x)} ${at.y(curve.low[i])}`).reverse();
    parts.push(svg("path", { class: `band f${color(curve.color)}`, d: `M${up.concat(down).join("L")}Z` }));
  }
  const look = `curve s${color(curve.color)} d${curve.dash}`;
  parts.push(svg("path", { class: look, "stroke-linecap": "round", d: pathOf(curve.xs, curve.ys, at) }));
  if (curve.dots) {
    curve.xs.forEach((x, i) => parts.push(
      svg("circle", { class: `f${color(curve.color)}`, cx: at.x(x), cy: at.y(curve.ys[i]), r: 3 }),
    ));
  }
  return parts;
}

// A curve's name behind a piece of it: of several runs, its dashes and dots alone tell two of one run apart.
function legendEntry(curve) {
  const line = svg("path", { class: `curve s${color(curve.color)} d${curve.dash}`, d: "M1 5H27" });
  const dot = curve.dots ? svg("circle", { class: `f${color(curve.color)}`, cx: 14, cy: 5, r: 3 }) : [];
  const drawn = svg("svg", { class: "key", viewBox: "0 0 28 10", "aria-hidden": "true" }, line, dot);
  return el("span", {}, drawn, visible(curve.label));
}

// The position of the value that is nearest to x.
function nearest(xs, x) {
  let best = 0;
  xs.forEach((one, i) => { if (Math.abs(one - x) < Math.abs(xs[best] - x)) best = i; });
  return best;
}

// Let a pointer or the arrow keys walk over a drawing; `show` gets a position in 0 .. count - 1.
function walk(drawing, count, positionAt, show) {
  let now = count - 1;
  const move = (event) => {
    const box = drawing.getBoundingClientRect();
    now = positionAt((event.clientX - box.left) / box.width);
    show(now);
  };
  drawing.addEventListener("pointermove", move);
  drawing.addEventListener("pointerdown", move);
  drawing.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    now = Math.min(count - 1, Math.max(0, now + by));
    show(now);
  });
}

function showChart(chart) {
  const curves = curvesOf(chart);
  if (!curves.length) return null;
  const at = rangeOf(curves);
  const cursor = svg("line", { class: "cursor", x1: -9, x2: -9, y1: TOP, y2: HEIGHT - BOTTOM });
  const marks = DATA.runs.flatMap((run) => run.alarms[chart.alarm] || []).map((step) =>
    svg("line", { class: "alarm", x1: at.x(step), x2: at.x(step), y1: TOP, y2: HEIGHT - BOTTOM }));
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0, "aria-label": visible(chart.title) },
    axes(at), marks, curves.map((curve) => draw(curve, at)), cursor,
  );
  const reading = el("p", { class: "reading" });
  const steps = [...new Set(curves.flatMap((c) => c.xs))].sort((a, b) => a - b);
  const stepAt = (share) => {
    const x = at.x0 + ((share * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT)) * (at.x1 - at.x0);
    return nearest(steps, x);
  };
  walk(drawing, steps.length, stepAt, (position) => {
    const step = steps[position];
    cursor.setAttribute("x1", at.x(step));
    cursor.setAttribute("x2", at.x(step));
    const values = curves.map((c) => {
      const i = nearest(c.xs, step);
      const where = c.xs[i] === step ? "" : ` (step ${c.xs[i]})`;
      const between = c.low ? ` [${number(c.low[i])}, ${number(c.high[i])}]` : "";
      return `${c.label} ${number(c.ys[i])}${between}${where}`;
    });
    reading.textContent = visible(`step ${step}: ${values.join(", ")}`);
  });
  const legend = curves.map(legendEntry);
  if (marks.length) legend.push(el("span", { class: "wrong" }, "\u2506 alarm"));
  return el(
    "figure", {},
    el("h3", {}, visible(chart.title)), el("p", { class: "faint" }, visible(chart.help)),
    drawing, el("p", { class: "legend" }, legend), reading,
  );
}

function percent(share) {
  return share === null || share === undefined ? "\u2013" : `${Math.round(share * 100)} %`;
}

function addSection(title, className, parts) {
  const shown = parts.filter((part) => part !== null);
  if (shown.length) REPORT.append(el("section", {}, el("h2", {}, title), el("div", { class: className }, shown)));
}

addSection("Curves", "charts", DATA.charts.map(showChart));
