// The cascade's sliders. All arithmetic is that of core/cascade/joint.py: the server is asked only to save.
const decode = (text, kind) => new kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const share = (part, whole) => (whole > 0 ? part / whole : null);
const percent = (value) => (value === null ? "unknown" : (100 * value).toFixed(value < 0.1 ? 2 : 1) + " %");

// tally[stage] = [left as real, left as fake, arrived], each [reals, fakes]; the last stage holds what nobody decided.
export function tally(table, cuts) {
  const stages = table.members.length;
  const out = Array.from({ length: stages + 1 }, () => [[0, 0], [0, 0], [0, 0]]);
  for (let row = 0; row < table.rows; row++) {
    const real = table.counts[2 * row], fake = table.counts[2 * row + 1];
    let stage = 0;
    for (; stage < stages; stage++) {
      const bin = table.bins[row * stages + stage];
      const cell = out[stage];
      cell[2][0] += real; cell[2][1] += fake;
      const exit = bin < cuts[stage][0] ? 0 : bin >= cuts[stage][1] ? 1 : -1;
      if (exit >= 0) { cell[exit][0] += real; cell[exit][1] += fake; break; }
    }
    if (stage === stages) { out[stages][2][0] += real; out[stages][2][1] += fake; }
  }
  return out;
}

export function figures(counts, costs) {
  const arrived = counts[0][2], n = arrived[0] + arrived[1];
  const sum = (exit, label) => counts.reduce((total, stage) => total + stage[exit][label], 0);
  const realReal = sum(0, 0), realFake = sum(0, 1), fakeReal = sum(1, 0), fakeFake = sum(1, 1);
  const first = counts[0], both = (pair) => pair[0] + pair[1];
  const cost = costs.reduce((total, c, i) => total + c * both(counts[i][2]), 0) / n;
  const rest = costs.slice(1).reduce((total, c) => total + c, 0);
  return {
    n, fakes: arrived[1], reals: arrived[0], cost, realFake, fakeReal, realReal, fakeFake,
    filtered: both(first[0]), open: both(counts[counts.length - 1][2]), leaked1: first[0][1],
    filtration: both(first[0]) / n, coverage: 1 - (both(first[0]) + both(first[1])) / n,
    leakage1: share(first[0][1], arrived[1]), leakage: share(realFake, arrived[1]),
    false_alarms: share(fakeReal, arrived[0]), precision_real: share(realReal, realReal + realFake),
    precision_fake: share(fakeFake, fakeReal + fakeFake), uncertain: both(counts[counts.length - 1][2]) / n,
    speed_up: share(rest, cost),
  };
}

// Filtration and leakage of stage 1 at every edge, from cumulative sums over its bins.
export function curve(table) {
  const size = table.edges.length - 1, stages = table.members.length;
  const bins = [new Float64Array(size + 1), new Float64Array(size + 1)];
  for (let row = 0; row < table.rows; row++)
    for (const label of [0, 1]) bins[label][table.bins[row * stages] + 1] += table.counts[2 * row + label];
  for (let i = 1; i <= size; i++) for (const label of [0, 1]) bins[label][i] += bins[label][i - 1];
  const n = bins[0][size] + bins[1][size];
  return Array.from({ length: size + 1 }, (_, i) => ({
    edge: table.edges[i], filtration: (bins[0][i] + bins[1][i]) / n, leakage: share(bins[1][i], bins[1][size]),
  }));
}

const W = 640, H = 260, L = 46, R = 12, T = 10, B = 40;
const logit = (p) => Math.log(p / (1 - p));
const SPAN = 8;
const x = (edge) => L + ((Math.max(-SPAN, Math.min(SPAN, edge <= 0 ? -SPAN : edge >= 1 ? SPAN : logit(edge))) + SPAN) / (2 * SPAN)) * (W - L - R);
const y = (value) => T + (1 - value) * (H - T - B);

function frame() {
  const ticksX = [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999];
  const gridY = [0, 0.25, 0.5, 0.75, 1].map((v) => `<line x1="${L}" x2="${W - R}" y1="${y(v)}" y2="${y(v)}" stroke="#eef1f1"/><text x="${L - 6}" y="${y(v) + 4}" text-anchor="end">${v * 100} %</text>`);
  const gridX = ticksX.map((v) => `<line x1="${x(v)}" x2="${x(v)}" y1="${H - B}" y2="${H - B + 4}" stroke="#66727c"/><text x="${x(v)}" y="${H - B + 16}" text-anchor="middle">${v}</text>`);
  return gridY.join("") + gridX.join("") + `<text x="${(L + W - R) / 2}" y="${H - 6}" text-anchor="middle">stage 1 releases as real when p_fake is at most this (log-odds scale)</text>`;
}

const path = (points, key) => points.filter((p) => p[key] !== null).map((p, i) => `${i ? "L" : "M"}${x(p.edge).toFixed(1)},${y(p[key]).toFixed(1)}`).join("");

export default function ({ parentElement, data, setTriggerValue }) {
  const host = parentElement.querySelector(".board");
  const table = { ...data.table, bins: decode(data.table.bins, Uint8Array), counts: decode(data.table.counts, Uint32Array) };
  const size = table.edges.length - 1, costs = table.costs;
  if (!host.cuts || host.identity !== data.identity) { host.cuts = data.cuts.map((c) => [...c]); host.identity = data.identity; }
  const cuts = host.cuts;
  const points = curve(table);

  host.innerHTML = `<div class="controls"></div><div class="view"><div class="figures"></div><div class="plot">
    <svg viewBox="0 0 ${W} ${H}" role="img" aria-label="Filtration and leakage of stage 1 over all thresholds"></svg>
    <div class="keys"><span><i style="background:#17616b"></i>filtration: released / all</span>
    <span><i style="background:#b3541e"></i>leakage: fakes released / all fakes</span></div>
    <p class="reading"></p></div></div>`;
  const controls = host.querySelector(".controls");
  const svg = host.querySelector("svg");
  svg.innerHTML = frame() + `<path d="${path(points, "filtration")}" fill="none" stroke="#17616b" stroke-width="2"/>
    <path d="${path(points, "leakage")}" fill="none" stroke="#b3541e" stroke-width="2"/><g class="chosen"></g>`;

  table.members.forEach((member, stage) => {
    const box = document.createElement("div");
    box.className = "stage";
    box.innerHTML = `<h4><em style="font-style:normal"></em><span></span></h4>
      <div class="line"><label>real up to</label><input class="real" type="range" min="0" max="${size}" step="1"><output></output></div>
      <div class="line"><label>fake from</label><input class="fake" type="range" min="0" max="${size}" step="1"><output></output></div>
      <div class="flow" title="What becomes of the items that arrive here"><i style="background:#17616b"></i><i style="background:#b3541e"></i></div>`;
    box.querySelector("em").textContent = table.titles[stage];
    const [real, fake] = box.querySelectorAll("input");
    real.setAttribute("aria-label", `${table.titles[stage]}: real up to`);
    fake.setAttribute("aria-label", `${table.titles[stage]}: fake from`);
    real.oninput = () => { cuts[stage][0] = Math.min(+real.value, cuts[stage][1]); draw(); };
    fake.oninput = () => { cuts[stage][1] = Math.max(+fake.value, cuts[stage][0]); draw(); };
    controls.append(box);
  });
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  buttons.innerHTML = `<button class="main">Save as policy</button><button>Back to the policy in force</button>`;
  controls.append(buttons);
  const [save, reset] = buttons.children;
  save.onclick = () => setTriggerValue("saved", cuts.map((c) => [...c]));
  reset.onclick = () => { data.cuts.forEach((c, i) => { cuts[i][0] = c[0]; cuts[i][1] = c[1]; }); draw(); };

  function draw() {
    const started = performance.now();
    const counts = tally(table, cuts), f = figures(counts, costs);
    controls.querySelectorAll(".stage").forEach((box, stage) => {
      const [real, fake] = box.querySelectorAll("input"), [below, above] = box.querySelectorAll("output");
      real.value = cuts[stage][0]; fake.value = cuts[stage][1];
      below.textContent = cuts[stage][0] > 0 ? "≤ " + (+table.edges[cuts[stage][0]].toPrecision(3)) : "never";
      above.textContent = cuts[stage][1] < size ? "> " + (+table.edges[cuts[stage][1]].toPrecision(3)) : "never";
      const [asReal, asFake, came] = counts[stage].map((pair) => pair[0] + pair[1]);
      box.querySelector("h4 span").textContent = `${came} arrive, ${asReal} leave as real, ${asFake} as fake`;
      const [a, b] = box.querySelectorAll(".flow i");
      a.style.width = came ? (100 * asReal) / came + "%" : 0; b.style.width = came ? (100 * asFake) / came + "%" : 0;
    });
    const cards = [
      ["filtration", percent(f.filtration), `${f.filtered} of ${f.n} released by stage 1`],
      ["stage-1 leakage", percent(f.leakage1), `${f.leaked1} of ${f.fakes} fakes`],
      ["leakage, cascade", percent(f.leakage), `${f.realFake} of ${f.fakes} fakes called real`],
      ["false alarms", percent(f.false_alarms), `${f.fakeReal} of ${f.reals} reals called fake`],
      ["coverage", percent(f.coverage), "passed on by stage 1"],
      ["precision of real", percent(f.precision_real), `${f.realReal} of ${f.realReal + f.realFake}`],
      ["precision of fake", percent(f.precision_fake), `${f.fakeFake} of ${f.fakeReal + f.fakeFake}`],
      ["uncertain", percent(f.uncertain), `${f.open} of ${f.n} stay open`],
      ["expected cost", f.cost.toPrecision(2) + " GFLOP", "an item, networks only"],
      ["speed-up", f.speed_up === null ? "unknown" : f.speed_up.toFixed(2) + " ×", "against all experts always"],
    ];
    const place = host.querySelector(".figures");
    if (place.children.length !== cards.length)
      place.innerHTML = cards.map(() => `<div class="figure"><em></em><b></b><small></small></div>`).join("");
    cards.forEach(([name, value, note], i) => {
      const [title, number, small] = place.children[i].children;
      title.textContent = name; number.textContent = value; small.textContent = note;
    });
    const p = points[cuts[0][0]], at = x(p.edge);
    svg.querySelector(".chosen").innerHTML = `<line x1="${at}" x2="${at}" y1="${T}" y2="${H - B}" stroke="#1f2933" stroke-dasharray="4 4"/>
      <circle cx="${at}" cy="${y(p.filtration)}" r="5" fill="#17616b"/><circle cx="${at}" cy="${y(p.leakage ?? 0)}" r="5" fill="#b3541e"/>`;
    const leaks = p.leakage > 0 ? "move left until the lower curve is where you can live with it." : "move right until the lower curve begins to rise.";
    host.querySelector(".reading").textContent =
      `At the chosen exit stage 1 releases ${percent(p.filtration)} of ${f.n} items and with them ${percent(p.leakage)} of ${f.fakes} fakes: ${leaks}`;
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}
