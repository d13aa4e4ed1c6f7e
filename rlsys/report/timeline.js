// Where time went: a band per role, and per member where a role has several; all of a run zoom together.

const LEAST_VIEW = 0.002;

// States with their shares in each step; busy first, then the longest waits.
function statesOf(shares, seconds) {
  const states = Object.entries(shares).map(([state, values]) => ({
    state, values, total: values.reduce((sum, share, i) => sum + (share || 0) * seconds[i], 0),
  }));
  return states.sort((a, b) => (b.state === "busy") - (a.state === "busy") || b.total - a.total);
}

// A run's bands: its roles, each followed by those of its members that have one.
function bandsOf(times) {
  const all = Object.entries(times.bands).map(([name, shares]) => ({ name, shares, of: name.replace(/-\d+$/, "") }));
  const roles = all.filter((band) => band.of === band.name);
  return roles.map((role) => ({ ...role, members: all.filter((band) => band.of === role.name && band !== role) }));
}

// What is seen of a run's time, in shares of it; whoever draws is told of a change.
function makeView() {
  const listeners = [];
  const view = {
    from: 0, to: 1, onChange: (act) => listeners.push(act),
    show: (from, to) => {
      const width = Math.min(1, Math.max(LEAST_VIEW, to - from));
      view.from = Math.min(1 - width, Math.max(0, from));
      view.to = view.from + width;
      listeners.forEach((act) => act());
    },
    zoom: (by, at) => {
      const middle = at === undefined ? (view.from + view.to) / 2 : at;
      view.show(middle - (middle - view.from) * by, middle + (view.to - middle) * by);
    },
    move: (by) => {
      const far = (view.to - view.from) * by;
      view.show(view.from + far, view.to + far);
    },
  };
  return view;
}

function edgesOf(seconds) {
  const edges = [0];
  seconds.forEach((s) => edges.push(edges[edges.length - 1] + s));
  return edges;
}

// The column at a share of the whole time.
function columnAt(edges, share) {
  const at = share * edges[edges.length - 1];
  return Math.max(0, edges.findLastIndex((edge, i) => i < edges.length - 1 && edge <= at));
}

// A path per state: its columns, as wide as they took, the states on top of each other.
function pathsOf(states, seconds, edges) {
  const whole = edges[edges.length - 1] || 1, floor = seconds.map(() => 0);
  return states.map((one, index) => {
    let path = "";
    one.values.forEach((share, i) => {
      if (!share) return;
      const x = (edges[i] / whole) * 1000, width = (seconds[i] / whole) * 1000;
      const y = 100 - (floor[i] + share) * 100;
      path += `M${x.toFixed(3)} ${y.toFixed(2)}h${width.toFixed(3)}v${(share * 100).toFixed(2)}h${(-width).toFixed(3)}Z`;
      floor[i] += share;
    });
    return svg("path", { class: `f${color(index)}`, d: path });
  });
}

// Let a drag choose what is seen, and the keys zoom and move.
function zoomable(drawing, view) {
  const shareOf = (event) => {
    const box = drawing.getBoundingClientRect();
    return view.from + ((event.clientX - box.left) / box.width) * (view.to - view.from);
  };
  let begin = null;
  drawing.addEventListener("pointerdown", (event) => { begin = { x: event.clientX, share: shareOf(event) }; });
  drawing.addEventListener("pointerup", (event) => {
    if (begin && Math.abs(event.clientX - begin.x) > 8) {
      const end = shareOf(event);
      view.show(Math.min(begin.share, end), Math.max(begin.share, end));
    }
    begin = null;
  });
  drawing.addEventListener("dblclick", () => view.show(0, 1));
  drawing.addEventListener("keydown", (event) => {
    const act = {
      "+": () => view.zoom(0.5), "-": () => view.zoom(2), 0: () => view.show(0, 1),
      PageUp: () => view.move(-0.5), PageDown: () => view.move(0.5),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  return shareOf;
}

// The steps that a column of a band tells of, and which part of one.
function stretchOf(times, i) {
  const step = times.step[i], first = times.step.indexOf(step), parts = times.step.lastIndexOf(step) - first + 1;
  return parts > 1 ? `step ${step}, part ${i - first + 1} of ${parts}` : `step ${step}`;
}

function showBand(times, band, view) {
  const seconds = times.s, edges = edgesOf(seconds), whole = edges[edges.length - 1] || 1;
  const states = statesOf(band.shares, seconds);
  const cursor = svg("line", { class: "cursor", x1: -9, x2: -9, y1: 0, y2: 100 });
  const drawing = svg(
    "svg",
    {
      class: band.name === band.of ? "role" : "role member", viewBox: "0 0 1000 100", preserveAspectRatio: "none",
      role: "img", tabindex: 0, "aria-label": visible(`time of ${band.name}`),
    },
    pathsOf(states, seconds, edges), cursor,
  );
  view.onChange(() => drawing.setAttribute("viewBox", `${view.from * 1000} 0 ${(view.to - view.from) * 1000} 100`));
  const reading = el("p", { class: "reading" });
  zoomable(drawing, view);
  walk(drawing, seconds.length, (share) => columnAt(edges, view.from + share * (view.to - view.from)), (i) => {
    const x = ((edges[i] + seconds[i] / 2) / whole) * 1000;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    const parts = states.filter((s) => s.values[i]).map((s) => `${s.state} ${percent(s.values[i])}`);
    reading.textContent = visible(`${stretchOf(times, i)}, ${number(seconds[i])} s: ${parts.join(", ")}`);
  });
  const shown = states.filter((s) => s.total > whole * 0.001);
  const legend = shown.map((s) => swatch(
    states.indexOf(s), `${s.state === "busy" ? "busy" : "waits: " + s.state} ${percent(s.total / whole)}`));
  return [el("p", { class: "role-name" }, visible(band.name)), drawing, el("p", { class: "legend" }, legend), reading];
}

function showTimes(run) {
  const times = run.times, bands = bandsOf(times);
  if (!bands.length) return null;
  const view = makeView(), edges = edgesOf(times.s), whole = edges[edges.length - 1];
  const seen = el("p", { class: "reading", role: "status" });
  const tell = () => {
    const first = columnAt(edges, view.from), last = columnAt(edges, view.to - 1e-9);
    seen.textContent = `${number(view.from * whole)} s to ${number(view.to * whole)} s: steps ${times.step[first]} to ${times.step[last]}`;
  };
  view.onChange(tell);
  tell();
  const button = (label, act) => el("button", { type: "button", click: act }, label);
  return el(
    "figure", {}, el("h3", {}, visible(run.name)),
    el("p", { class: "faint" }, "a column is a part of a step, or a step of an older one, as wide as it took; drag over what is to be seen, double-click for all; keys + \u2212 0 Page Up Page Down"),
    el("p", { class: "buttons" },
      button("zoom in", () => view.zoom(0.5)), button("zoom out", () => view.zoom(2)),
      button("earlier", () => view.move(-0.5)), button("later", () => view.move(0.5)), button("all", () => view.show(0, 1))),
    seen,
    bands.map((role) => [
      showBand(times, role, view),
      role.members.length ? el("details", {}, el("summary", {}, visible(`each ${role.name} (${role.members.length})`)),
        role.members.map((band) => showBand(times, band, view))) : [],
    ]),
  );
}

addSection("Where time goes", "times", DATA.runs.map(showTimes));
