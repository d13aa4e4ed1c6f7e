// Completions lie in the page packed, a chunk for some groups of a step; unpacked when they are asked for.

const KEPT_CHUNKS = 24;
const UNPACKED = new Map();

// Every completion of the page by what it is found by; `g` and `r` are its places in the run's index,
// `place` its group's and `at` its own among the texts.
const HITS = [];
DATA.runs.forEach((run, r) => {
  const { index } = run.samples;
  let first = 0, inChunk = 0, at = 0;
  index.size.forEach((size, g) => {
    inChunk = g && index.chunk[g] === index.chunk[g - 1] ? inChunk + 1 : 0;
    if (g && index.texts[g] !== index.texts[g - 1]) at = 0;
    for (let i = 0; i < size; i++) HITS.push({ run: r, g, r: first + i, row: i, place: inChunk, at: at + i });
    first += size;
    at += size;
  });
});

function of(hit, name) {
  const column = DATA.runs[hit.run].samples.index[name];
  return column[["index", "status", "reward", "finish", "length"].includes(name) ? hit.r : hit.g];
}

// The completion of a place that people and commands name it by; undefined where it is not in the page.
function findHit(run, step, group, sample) {
  const { index } = DATA.runs[run].samples;
  return HITS.find((hit) => hit.run === run && index.step[hit.g] === step &&
    index.group[hit.g] === group && index.index[hit.r] === sample);
}

async function unpack(id) {
  const text = atob(document.getElementById(id).textContent), packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// The groups of a hit's chunk; the newest chunks are kept, so walking through a step unpacks it once.
function chunkOf(hit) {
  const id = `chunk-${hit.run}-${of(hit, "chunk")}`;
  const groups = UNPACKED.get(id) || unpack(id);
  UNPACKED.delete(id);
  UNPACKED.set(id, groups);
  if (UNPACKED.size > KEPT_CHUNKS) UNPACKED.delete(UNPACKED.keys().next().value);
  return groups;
}

// A hit with its group and its row.
async function whole(hit) {
  const group = (await chunkOf(hit))[hit.place];
  return { ...hit, group, row: group.rows[hit.row] };
}

// What texts are sought in, a string a completion, of all texts that were sought in before.
const SOUGHT = new Map();

function soughtIn(id) {
  if (!SOUGHT.has(id)) {
    SOUGHT.set(id, unpack(id).then((groups) => groups.flatMap(([prompt, rows]) =>
      rows.map(([text, reason]) => [text, prompt, reason].map((one) => one ?? "").join("\n").toLowerCase()))));
  }
  return SOUGHT.get(id);
}

// Those hits that have a text in lower case; `tell` hears how far it is, and says whether to go on.
async function thatSay(hits, text, tell) {
  const found = [], ids = hits.map((hit) => `texts-${hit.run}-${of(hit, "texts")}`);
  for (const id of new Set(ids)) soughtIn(id); // all at once: a browser unpacks beside this script
  let last = null, texts = [];
  for (let i = 0; i < hits.length; i++) {
    if (ids[i] !== last) {
      texts = await soughtIn(last = ids[i]);
      if (!tell(i, found.length)) return null;
    }
    if (texts[hits[i].at].includes(text)) found.push(hits[i]);
  }
  return found;
}
