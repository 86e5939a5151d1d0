// Before, at any temperature, and as calibrated, over the cells of core/calibrate/scale_table.py; the figures are those
// of core/metrics/metrics.py and core/metrics/reliability.py, the intervals of core/calibrate/scale_bands.py.
const STEPS = 200;
const temperatureOf = (step) => 10 ** (step / 100 - 1);  // 0.1 to 10, even in the logarithm
const stepOf = (t) => Math.max(0, Math.min(STEPS, Math.round(100 * (Math.log10(t) + 1))));
const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const WHICH = { binary: "p_fake", top_label: "top label" }, BINS = { width: "equal width", mass: "equal mass" };
const LOSSES = { nll: "NLL", brier: "Brier", ece: "ECE" };
const CLIP = 2 ** -52, Z = 1.959963984540054;

// Cells, and their order by p_fake and by the distance from `middle`, which is the order of the top label's confidence
// at any temperature.
function cellsOf({ x, counts }, middle) {
  const at = decode(x, Float64Array), of = decode(counts, Uint32Array), order = Array.from(at, (_, i) => i);
  const far = [...order].sort((a, b) => Math.abs(at[a] - middle) - Math.abs(at[b] - middle));
  return { x: at, counts: of, orders: { binary: order, top_label: far }, n: of.reduce((a, c) => a + c, 0) };
}

// Mean NLL and Brier score of cells at p.
function losses(p, { counts, n }) {
  let nll = 0, brier = 0;
  for (let i = 0; i < p.length; i++) {
    const q = Math.min(1 - CLIP, Math.max(CLIP, p[i])), reals = counts[2 * i], fakes = counts[2 * i + 1];
    nll -= fakes * Math.log(q) + reals * Math.log1p(-q);
    brier += fakes * (1 - p[i]) ** 2 + reals * p[i] ** 2;
  }
  return { nll: nll / n, brier: brier / n };
}

// Items, sum of stated and sum of hits by bin, by either convention; equal mass keeps ties together.
function binned(p, { counts, orders, n }, { bins, which, binning }) {
  const sums = Array.from({ length: bins }, () => [0, 0, 0]), top = which === "top_label", order = orders[which];
  let before = 0, bin = 0, last = -1, edge = false;
  for (let k = 0; k < order.length; k++) {
    const i = order[k], q = p[i], x = top ? Math.max(q, 1 - q) : q, items = counts[2 * i] + counts[2 * i + 1];
    if (binning === "mass") {
      if (x !== last) { if (edge) bin++; edge = false; last = x; }
      const full = (m) => Math.min(bins - 1, Math.floor((m * bins) / n));
      if (full(before + items) > full(before) && x > 0 && x < 1) edge = true;
    } else bin = Math.max(0, Math.min(bins - 1, Math.ceil(x * bins - 1e-9) - 1));
    const of = sums[bin];
    of[0] += items; of[1] += items * x; of[2] += counts[2 * i + (top && q < 0.5 ? 0 : 1)];
    before += items;
  }
  return sums;
}

// ECE with its 95 % interval to first order (bins independent, `worth` independent items), MCE, and the ECE that chance
// alone would give.
function gaps(sums, n, worth) {
  let ece = 0, mce = 0, spread = 0, chance = 0;
  for (const [items, stated, hits] of sums) {
    if (!items) continue;
    const w = items / n, of = w * worth, s = stated / items, r = ((hits / n) * worth + 0.5) / (of + 1);
    ece += Math.abs(stated - hits) / n; mce = Math.max(mce, Math.abs(stated - hits) / items);
    spread += (w * w * r * (1 - r)) / of; chance += w * Math.sqrt((2 / Math.PI) * s * (1 - s) / of);
  }
  const half = Z * Math.sqrt(spread);
  return { ece, mce, chance, pair: [Math.max(0, ece - half), Math.min(1, ece + half)] };
}
const BINS_SHOWN = Array.from({ length: 49 }, (_, i) => i + 2);
const ring = (x, y, colour, words) => `<circle cx="${x}" cy="${y}" r="7.5" fill="none" stroke="${colour}"
  stroke-width="1.5"><title>${words}</title></circle>`;

function build(host, data) {
  const before = cellsOf(data.table.before, 0), after = cellsOf(data.table.after, 0.5), n = before.n;
  const { worth, scaled, calibrated, note } = data.bands, heats = Array.from({ length: STEPS + 1 }, (_, i) =>
    temperatureOf(i));
  const at = (t) => Float64Array.from(before.x, (z) => sigmoid(z / t));
  const grid = heats.map(at), walk = grid.map((p) => losses(p, before)), raw = walk[100];
  const kept = losses(after.x, after), best = leastNll();
  const look = { ...data.start };
  let hill = null, binsDrawn = "", stairs = null, stairsDrawn = "", still = null;
  host.innerHTML = `<div class="controls">
    <div class="stage"><h4><em>What if</em><span>p_fake = sigmoid(log-odds / T)</span></h4>
      ${slider("temperature", "fake", STEPS)}
      <div class="buttons"><button type="button">As scored (T = 1)</button>
        <button type="button">Least NLL here</button></div></div>
    <div class="stage"><h4><em>Bins</em><span></span></h4>${slider("how many", "real", 50, "number of bins", 2)}
      <div class="buttons">${choices("which", WHICH)} ${choices("binning", BINS)}</div></div>
    <p class="foot">${whole(n)} items. Intervals are 95 %, from draws of whole groups, as in the table below. "about"
      marks a first-order approximation: for the gap between stated and observed, the items carry as much information
      as ${whole(worth.before)} independent ones (${whole(worth.after)} as calibrated).</p></div>
    <div class="view"><div class="figures"></div><p class="foot bare"></p><div class="plots">
    ${chart("Reliability", [key(QUIET, "as scored (ring)", true), key(FAKE, "at this temperature", true), key(REAL, "as calibrated", true)])}
    ${chart(`By temperature${choices("loss", LOSSES)}`, [key(FAKE, "at each temperature, with 95 % band"), key(REAL, "as calibrated")])}
    ${chart("Items by stated p_fake", [key(FAKE, "at this temperature, with 95 % band"), key(REAL, "as calibrated")])}
    ${chart("ECE by number of bins", [key(QUIET, "as scored (dashed)"), key(FAKE, "at this temperature, with 95 % band"), key(REAL, "as calibrated")])}
    </div></div>`;
  const [heat, many] = host.querySelectorAll("input[type=range]"), [hot, count] = host.querySelectorAll(".typed");
  const svgs = host.querySelectorAll("svg"), readings = host.querySelectorAll(".plot p");
  const sections = host.querySelectorAll(".plot"), rest = rested(() => host.send({ ...look }));
  const set = (change) => { Object.assign(look, change); draw(); rest(); };
  heat.oninput = () => { look.temperature = heats[+heat.value]; draw(); };
  many.oninput = () => { look.bins = +many.value; draw(); };
  heat.onchange = many.onchange = rest;
  onTyped(hot, (t) => set(t > 0 ? { temperature: Math.min(10, Math.max(0.1, t)) } : {}));
  onTyped(count, (b) => set(b > 0 ? { bins: Math.round(Math.min(50, Math.max(2, b))) } : {}));
  const [plain, least] = host.querySelectorAll(".buttons > button");
  plain.onclick = () => set({ temperature: 1 });
  least.onclick = () => set({ temperature: best });
  for (const name of ["which", "binning", "loss"]) onChoice(host, name, (value) => set({ [name]: value }));
  let points = [], bars = [];
  host.querySelector(".bare").textContent = (note ? `${note} ` : "") +
    `MCE has an interval only in ${data.n_bins} bins, as scored and as calibrated: elsewhere it depends on the bin with ` +
    "the fewest items.";
  const settings = () => `T = ${hot.value}; ${WHICH[look.which]}, ${look.bins} bins of ${BINS[look.binning]}. ${data.about}`;
  const cut = () => [look.temperature, WHICH[look.which], look.bins, BINS[look.binning]];
  const curve = () => (look.loss === "ece" ? hill.map((of, i) => [heats[i], of.ece, ...of.pair])
    : walk.map((of, i) => [heats[i], of[look.loss], ...(limitsAt(look.loss, heats[i]) ?? [null, null])]));
  const files = [
    ["reliability", ["series", "items", "stated", "observed", "low", "high", "temperature", "convention", "bins", "binning"],
      () => points.map((row) => [...row, ...cut()])],
    ["by_temperature", () => ["temperature", look.loss === "nll" ? "nll_nats" : look.loss, "low", "high", "calibrated",
      "n", "convention", "bins", "binning"], () => curve().map((row) => [...row, level(), n, ...cut().slice(1)])],
    ["items_by_p_fake", ["series", "from", "to", "share", "low", "high", "n", "temperature"],
      () => bars.map((row) => [...row, n, look.temperature])],
    ["ece_by_bins", ["bins", "as_scored", "at_temperature", "low", "high", "as_calibrated", "n", "temperature",
      "convention", "binning"], () => stairs.map((row) => [...row, n, look.temperature, WHICH[look.which],
      BINS[look.binning]])],
  ];
  files.forEach(([name, head, rows], i) => saves(sections[i], name, () =>
    [typeof head === "function" ? head() : head, ...rows()], settings));

  // 95 % interval of NLL or Brier at a temperature: that of its neighbours on the grid, moved with the figure.
  function limitsAt(name, t, value) {
    const k = name === "nll" ? 0 : 1, x = Math.max(0, Math.min(STEPS, 100 * (Math.log10(t) + 1))), i = Math.floor(x + 1e-9),
      j = Math.min(STEPS, i + 1), part = Math.max(0, x - i);
    if (scaled[i][k][0] === null || scaled[j][k][0] === null) return null;
    const off = (end) => (1 - part) * (scaled[i][k][end] - walk[i][name]) + part * (scaled[j][k][end] - walk[j][name]);
    const now = value ?? walk[i][name];
    return [Math.max(0, now + off(0)), now + off(1)];
  }
  // Of an ECE: [interval, "" where it is drawn as in the table below, else "about "].
  function reported(error, when) {
    const fixed = data.fixed[when]?.[`${error}_${look.which}_${look.binning}`];
    const same = fixed && look.bins === data.n_bins && (when === "after" || look.temperature === 1);
    return same && fixed.low !== null ? [fixed.low, fixed.high] : null;
  }
  function limitsOfEce(when, of) {
    const pair = reported("ece", when);
    return pair ? [pair, ""] : [of.pair, "about "];
  }
  const level = () => (look.loss === "ece" ? gaps(binned(after.x, after, look), n, worth.after).ece : kept[look.loss]);

  // Golden section between the neighbours of the best step: NLL has one valley in log T.
  function leastNll() {
    const i = walk.reduce((least, of, k) => (of.nll < walk[least].nll ? k : least), 0);
    let low = Math.max(0, i - 1) / 100 - 1, high = Math.min(STEPS, i + 1) / 100 - 1;
    const nll = (x) => losses(at(10 ** x), before).nll, part = (Math.sqrt(5) - 1) / 2;
    while (high - low > 1e-4) {
      const a = high - part * (high - low), b = low + part * (high - low);
      if (nll(a) < nll(b)) high = b; else low = a;
    }
    return 10 ** ((low + high) / 2);
  }

  function cards(series, here) {
    const [ece0, ece1, ece2] = series.map((s) => s.gaps), four = (a, b) =>
      `${a.toFixed(4)} as scored, ${b.toFixed(4)} as calibrated`;
    const values = walk.map((w) => w.nll), flat = Math.max(...values) - Math.min(...values) < 1e-9;
    const limit = flat ? "; no temperature changes it" : Math.abs(Math.log10(best)) > 0.999 ?
      " or outside the range of the slider" : "";
    const [pair, about] = limitsOfEce("before", ece1), atBest = losses(at(best), before).nll;
    fillCards(host.querySelector(".figures"), [
      [`ECE, ${WHICH[look.which]}`, ece1.ece.toFixed(4), `${about}${numbers(pair, 4)}; ${four(ece0.ece, ece2.ece)}`],
      [`MCE, ${WHICH[look.which]}`, ece1.mce.toFixed(4),
        `${reported("mce", "before") ? `${numbers(reported("mce", "before"), 4)}; ` : ""}${four(ece0.mce, ece2.mce)}`],
      ["NLL", here.nll.toFixed(4), `${numbers(here.limits.nll, 4)}; ${four(raw.nll, kept.nll)}`],
      ["Brier", here.brier.toFixed(4), `${numbers(here.limits.brier, 4)}; ${four(raw.brier, kept.brier)}`],
      ["least NLL at", flat ? "any T" : "T = " + best.toPrecision(3),
        `${flat || data.bands.best[0] === null ? "" : `T ${of95(data.bands.best, (t) => t.toPrecision(3))}. `}NLL ` +
          `${atBest.toFixed(4)} on these items${limit}`],
    ]);
  }

  function reliability(series) {
    const top = look.which === "top_label", low = top ? 0.5 : 0, ticks = [0, 0.25, 0.5, 0.75, 1].filter((v) =>
      v >= low);
    const axis = { title: top ? "stated confidence" : "stated p_fake", low, high: 1, of: (v) => v, ticks,
      text: String };
    const frame = plot(svgs[0], axis, shareAxis(top ? "observed share right" : "observed share of fakes"), "Observed against stated");
    let marks = rule(frame.x(low), frame.y(low), frame.x(1), frame.y(1), QUIET, DASHED), dots = "";
    points = [];
    for (const { name, colour, sums, of } of series) for (const [items, stated, hits] of sums) {
      if (!items) continue;
      const x = stated / items, y = hits / items, w = wilson(y, (items / n) * of) ?? [y, y];
      points.push([name, items, x, y, ...w]);
      marks += rule(frame.x(x), frame.y(w[0]), frame.x(x), frame.y(w[1]), colour,
        `stroke-width="${colour === REAL ? 2 : 1}"`);
      dots += (colour === QUIET ? ring : spot)(frame.x(x), frame.y(y), colour,
        `${name}: ${whole(items)} items, stated ${x.toFixed(3)}, observed ${y.toFixed(3)}`);
    }
    frame.marks.innerHTML = marks + dots;
    const [gap0, gap1, gap2] = series.map((s) => s.gaps.ece.toFixed(3));
    readings[0].textContent = `On the dashed line the observed share equals the stated one. Mean gap (ECE): ${gap0} as scored, ${gap1} at ` +
      `T = ${hot.value}, ${gap2} as calibrated; chance alone gives at most ${series[1].gaps.chance.toFixed(3)}. Lines are 95 % intervals. ${counted(n)}`;
  }

  function byTemperature(here) {
    const { loss } = look, rows = curve(), [low, value] = rows.reduce((a, b) => (b[1] < a[1] ? b : a));
    const kept_ = level(), top = Math.max(1e-3, Math.min(Math.max(...rows.map((r) => r[3] ?? r[1])),
      3 * Math.max(value, rows[100][1], kept_)));
    const axis = { title: "temperature T", low: -1, high: 1, of: Math.log10, ticks: [0.1, 0.3, 1, 3, 10],
      text: String };
    const frame = plot(svgs[1], axis, numberAxis(loss === "nll" ? "NLL (nats an item)" : LOSSES[loss], 0, top),
      `${LOSSES[loss]} by temperature`);
    const seen = rows.filter((r) => r[1] <= top);
    frame.marks.innerHTML = shade(frame.band(seen.map(([t, v, a, b]) => [t, a ?? v, b ?? v])), FAKE) +
      rule(frame.left, frame.y(kept_), frame.right, frame.y(kept_), REAL, DASHED) + stroke(frame.line(seen), FAKE) +
      cross(frame, [look.temperature, here[loss]], null, here.limits[loss], FAKE, "this temperature");
    const fits = loss === "nll" ? best : low;
    readings[1].textContent = `The lowest point is the temperature that fits these items best (T = ${fits.toPrecision(3)}). The dashed line is ` +
      `the calibrator, which was not fitted on these groups: ${kept_.toFixed(3)}. The band is ${loss === "ece" ? "about " : ""}95 %. ${counted(n)}`;
  }

  // ECE over the number of bins: how much of it is the choice of bins.
  function byBins(now) {
    const { which, binning, temperature, bins } = look, of = (p, cells, w) => BINS_SHOWN.map((b) =>
      gaps(binned(p, cells, { bins: b, which, binning }), n, w));
    if (stairsDrawn !== `${which}|${binning}|${temperature}`) {
      if (!stairsDrawn.startsWith(`${which}|${binning}|`)) still = [of(grid[100], before, worth.before), of(after.x, after, worth.after)];
      const here = of(now, before, worth.before);
      stairs = BINS_SHOWN.map((b, i) => [b, still[0][i].ece, here[i].ece, ...here[i].pair, still[1][i].ece]);
      stairsDrawn = `${which}|${binning}|${temperature}`;
    }
    const top = Math.max(0.005, ...stairs.flatMap((r) => [r[1], r[4], r[5]]));
    const frame = plot(svgs[3], numberAxis("number of bins", 0, 50), numberAxis(`ECE, ${WHICH[which]}`, 0, top),
      "ECE by number of bins");
    const one = (k) => stairs.map((r) => [r[0], r[k]]), at_ = stairs[bins - 2];
    frame.marks.innerHTML = shade(frame.band(stairs.map((r) => [r[0], r[3], r[4]])), FAKE) +
      stroke(frame.line(one(5)), REAL) + stroke(frame.line(one(2)), FAKE) + stroke(frame.line(one(1)), QUIET, DASHED) +
      spot(frame.x(bins), frame.y(at_[2]), FAKE, "this number of bins");
    readings[3].textContent = `A line that rises with the number of bins counts noise as error: trust a difference only if it holds for all ` +
      `numbers of bins. Bins of ${BINS[binning]}; the band is about 95 %. ${counted(n)}`;
  }

  function heaps(now) {
    const { bins, which } = look, top = which === "top_label", low = top ? 0.5 : 0;
    const kinds = [["temperature", FAKE, binned(now, before, { bins, which, binning: "width" })],
      ["calibrated", REAL, binned(after.x, after, { bins, which, binning: "width" })]];
    bars = kinds.flatMap(([name, , sums]) => sums.map(([items], i) => [name, i / bins, (i + 1) / bins, items / n,
      ...(wilson(items / n, worth.items) ?? [items / n, items / n])]));
    const tallest = Math.max(...bars.map((b) => (b[0] === "temperature" ? b[5] : b[3])));
    const axis = { title: top ? "stated confidence" : "stated p_fake", low, high: 1, of: (v) => v,
      ticks: [0, 0.25, 0.5, 0.75, 1].filter((v) => v >= low), text: String };
    const frame = plot(svgs[2], axis, shareAxis("share of the items", tallest), "Items by what is stated");
    const outline = (name, of) => bars.filter((b) => b[0] === name && b[2] > low).flatMap((b) =>
      [[b[1], ...of(b)], [b[2], ...of(b)]]);
    frame.marks.innerHTML = shade(frame.band(outline("temperature", (b) => [b[4], b[5]])), FAKE) +
      kinds.map(([name, colour]) => stroke(frame.line(outline(name, (b) => [b[3]])), colour)).join("");
    readings[2].textContent = `High steps at the ends: the detector is very sure. A temperature above 1 moves items to the middle, one below 1 ` +
      `to the ends. ${bins} bins of equal width; the band is about 95 %. ${counted(n)}`;
  }

  function draw() {
    const started = performance.now(), { temperature, bins, which, binning, loss } = look;
    const step = stepOf(temperature), now = heats[step] === temperature ? grid[step] : at(temperature);
    heat.value = step; many.value = bins;
    hot.value = temperature.toPrecision(3); count.value = bins;
    heat.setAttribute("aria-valuetext", hot.value);
    Object.entries({ which, binning, loss }).forEach(([name, value]) => press(host, name, value));
    const series = [["as scored", QUIET, grid[100], before, worth.before], ["temperature", FAKE, now, before, worth.before],
      ["calibrated", REAL, after.x, after, worth.after]]
      .map(([name, colour, p, cells, of]) => ({ name, colour, of, sums: binned(p, cells, look) }));
    series.forEach((s) => (s.gaps = gaps(s.sums, n, s.of)));
    const found = losses(now, before), here = { ...found, ece: series[1].gaps.ece, limits: {
      nll: limitsAt("nll", temperature, found.nll), brier: limitsAt("brier", temperature, found.brier),
      ece: limitsOfEce("before", series[1].gaps)[0] } };
    if (loss === "ece" && binsDrawn !== `${bins}|${which}|${binning}`) {
      hill = grid.map((p) => gaps(binned(p, before, look), n, worth.before));
      binsDrawn = `${bins}|${which}|${binning}`;
    }
    cards(series, here);
    reliability(series);
    byTemperature(here);
    byBins(now);
    heaps(now);
    tie(readings);
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}

export default board(build);
