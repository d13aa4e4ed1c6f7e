// Completions lie in the page packed, a chunk for some groups of a step; unpacked when they are asked for.

const KEPT_CHUNKS = 24;
const UNPACKED = new Map();

// Every completion of the page by what it is found by; `g` and `r` are its places in the run's index.
const HITS = [];
DATA.runs.forEach((run, r) => {
  const { index } = run.samples;
  let first = 0, inChunk = 0;
  index.size.forEach((size, g) => {
    inChunk = g && index.chunk[g] === index.chunk[g - 1] ? inChunk + 1 : 0;
    for (let i = 0; i < size; i++) HITS.push({ run: r, g, r: first + i, row: i, place: inChunk });
    first += size;
  });
});

function of(hit, name) {
  const column = DATA.runs[hit.run].samples.index[name];
  return column[["index", "status", "reward", "finish", "length"].includes(name) ? hit.r : hit.g];
}

async function unpack(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
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

// Those hits that `keep` says yes to, when it sees them whole; `tell` hears how far it is, and says whether to go on.
async function thatAre(hits, keep, tell) {
  const found = [];
  for (let i = 0; i < hits.length; i++) {
    if (keep(await whole(hits[i]))) found.push(hits[i]);
    if (i % 2000 === 1999 && !tell(i + 1, found.length)) return null;
  }
  return found;
}
