// Before, at any temperature, and as calibrated, over the cells of core/calibrate/scale_table.py; the figures are those
// of core/evaluate/metrics.py and core/evaluate/reliability.py.
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

// Mean NLL and Brier score of cells at p, each with half of its 95 % interval over `worth` groups.
function losses(p, { counts, n }, worth) {
  let nll = 0, nll2 = 0, brier = 0, brier2 = 0;
  for (let i = 0; i < p.length; i++) {
    const q = Math.min(1 - CLIP, Math.max(CLIP, p[i])), reals = counts[2 * i], fakes = counts[2 * i + 1];
    const lost = -Math.log(q), kept = -Math.log1p(-q), up = (1 - p[i]) ** 2, down = p[i] ** 2;
    nll += fakes * lost + reals * kept; nll2 += fakes * lost * lost + reals * kept * kept;
    brier += fakes * up + reals * down; brier2 += fakes * up * up + reals * down * down;
  }
  const half = (sum, squares) => Z * Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2) / worth);
  return { nll: [nll / n, half(nll, nll2)], brier: [brier / n, half(brier, brier2)] };
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

// ECE with half of its 95 % interval (bins independent, to first order), MCE, and the ECE that chance alone would give.
function gaps(sums, n, scale) {
  let ece = 0, mce = 0, spread = 0, chance = 0;
  for (const [items, stated, hits] of sums) {
    if (!items) continue;
    const w = items / n, worth = items * scale, s = stated / items, r = (hits * scale + 0.5) / (worth + 1);
    ece += Math.abs(stated - hits) / n; mce = Math.max(mce, Math.abs(stated - hits) / items);
    spread += (w * w * r * (1 - r)) / worth; chance += w * Math.sqrt((2 / Math.PI) * s * (1 - s) / worth);
  }
  return { ece: [ece, Z * Math.sqrt(spread)], mce, chance };
}

const range = ([value, half], high = Infinity) =>
  `${Math.max(0, value - half).toFixed(4)} to ${Math.min(high, value + half).toFixed(4)}`;

function build(host, data) {
  const before = cellsOf(data.table.before, 0), after = cellsOf(data.table.after, 0.5), n = before.n;
  const worth = data.groups.all, scale = worth / n, heats = Array.from({ length: STEPS + 1 }, (_, i) =>
    temperatureOf(i));
  const at = (t) => Float64Array.from(before.x, (z) => sigmoid(z / t));
  const grid = heats.map(at), walk = grid.map((p) => losses(p, before, worth)), raw = losses(grid[100], before, worth);
  const kept = losses(after.x, after, worth), best = leastNll();
  const look = { ...data.start };
  let hill = null, binsDrawn = "";
  host.innerHTML = `<div class="controls">
    <div class="stage"><h4><em>What if</em><span>p_fake = sigmoid(log-odds / T)</span></h4>
      ${slider("temperature", "fake", STEPS)}
      <div class="buttons"><button type="button">As scored (T = 1)</button>
        <button type="button">Least NLL here</button></div></div>
    <div class="stage"><h4><em>Bins</em><span></span></h4>${slider("how many", "real", 50, "number of bins", 2)}
      <div class="buttons">${choices("which", WHICH)} ${choices("binning", BINS)}</div></div>
    <p class="foot">${whole(n)} items. Intervals: 95 %, as if the items of one group agreed wholly:
      ${whole(worth)} effective groups.</p></div>
    <div class="view"><div class="figures"></div><div class="plots">
    ${chart("Reliability", [key(QUIET, "as scored", true), key(FAKE, "at this temperature", true), key(REAL, "as calibrated", true)])}
    ${chart(`By temperature${choices("loss", LOSSES)}`, [key(FAKE, "at each temperature, with 95 % band"), key(REAL, "as calibrated")])}
    ${chart("Items by stated p_fake", [key(FAKE, "at this temperature, with 95 % band"), key(REAL, "as calibrated")])}
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
  const curve = () => (look.loss === "ece" ? hill : walk).map((of, i) => [heats[i], ...of[look.loss]]);
  saves(sections[0], "reliability", () => [["series", "items", "stated", "observed", "low", "high"], ...points]);
  saves(sections[1], "by_temperature", () => [["temperature", look.loss, "low", "high"],
    ...curve().map(([t, v, half]) => [t, v, Math.max(0, v - half), v + half])]);
  saves(sections[2], "items_by_p_fake", () => [["series", "from", "to", "share", "low", "high"], ...bars]);

  // Golden section between the neighbours of the best step: NLL has one valley in log T.
  function leastNll() {
    const i = walk.reduce((least, of, k) => (of.nll[0] < walk[least].nll[0] ? k : least), 0);
    let low = Math.max(0, i - 1) / 100 - 1, high = Math.min(STEPS, i + 1) / 100 - 1;
    const nll = (x) => losses(at(10 ** x), before, worth).nll[0], part = (Math.sqrt(5) - 1) / 2;
    while (high - low > 1e-4) {
      const a = high - part * (high - low), b = low + part * (high - low);
      if (nll(a) < nll(b)) high = b; else low = a;
    }
    return 10 ** ((low + high) / 2);
  }

  function cards(series, here) {
    const [ece0, ece1, ece2] = series.map((s) => s.gaps), four = (a, b) =>
      `${a.toFixed(4)} as scored, ${b.toFixed(4)} as calibrated`;
    const flat = Math.max(...walk.map((w) => w.nll[0])) - Math.min(...walk.map((w) => w.nll[0])) < 1e-9;
    const limit = flat ? "; no temperature changes it" : Math.abs(Math.log10(best)) > 0.999 ?
      " or beyond: the slider ends" : "";
    fillCards(host.querySelector(".figures"), [
      [`ECE, ${WHICH[look.which]}`, ece1.ece[0].toFixed(4),
        `95 %: ${range(ece1.ece, 1)}; ${four(ece0.ece[0], ece2.ece[0])}`],
      [`MCE, ${WHICH[look.which]}`, ece1.mce.toFixed(4), four(ece0.mce, ece2.mce)],
      ["NLL", here.nll[0].toFixed(4), `95 %: ${range(here.nll)}; ${four(raw.nll[0], kept.nll[0])}`],
      ["Brier", here.brier[0].toFixed(4), `95 %: ${range(here.brier, 1)}; ${four(raw.brier[0], kept.brier[0])}`],
      ["least NLL at", flat ? "any T" : "T = " + best.toPrecision(3),
        `NLL ${losses(at(best), before, worth).nll[0].toFixed(4)} on these items${limit}`],
    ]);
  }

  function reliability(series) {
    const top = look.which === "top_label", low = top ? 0.5 : 0, ticks = [0, 0.25, 0.5, 0.75, 1].filter((v) =>
      v >= low);
    const axis = { title: top ? "stated confidence" : "stated p_fake", low, high: 1, of: (v) => v, ticks,
      text: String };
    const frame = plot(svgs[0], axis, shareAxis(top ? "share right" : "share of fakes"), "Observed against stated");
    let marks = rule(frame.x(low), frame.y(low), frame.x(1), frame.y(1), QUIET, DASHED), dots = "";
    points = [];
    for (const { name, colour, sums } of series) for (const [items, stated, hits] of sums) {
      if (!items) continue;
      const x = stated / items, y = hits / items, w = wilson(y, items * scale) ?? [y, y];
      points.push([name, items, x, y, ...w]);
      marks += rule(frame.x(x), frame.y(w[0]), frame.x(x), frame.y(w[1]), colour,
        `stroke-width="${colour === REAL ? 2 : 1}"`);
      dots += spot(frame.x(x), frame.y(y), colour,
        `${name}: ${whole(items)} items, stated ${x.toFixed(3)}, observed ${y.toFixed(3)}`);
    }
    frame.marks.innerHTML = marks + dots;
    const [gap0, gap1, gap2] = series.map((s) => s.gaps.ece[0].toFixed(3));
    readings[0].textContent = `On the diagonal what is stated is what happens: mean gap ${gap0} as scored, ${gap1} at T = ${hot.value}, ` +
      `${gap2} as calibrated; chance alone gives at most ${series[1].gaps.chance.toFixed(3)}. Bars: 95 % intervals. n = ${whole(n)}.`;
  }

  function byTemperature(here, calibrated) {
    const { loss } = look, rows = curve(), [low, value] = rows.reduce((a, b) => (b[1] < a[1] ? b : a));
    const level = calibrated[loss][0], top = Math.max(1e-3, Math.min(Math.max(...rows.map((r) => r[1] + r[2])),
      3 * Math.max(value, rows[100][1], level)));
    const axis = { title: "temperature T", low: -1, high: 1, of: Math.log10, ticks: [0.1, 0.3, 1, 3, 10],
      text: String };
    const frame = plot(svgs[1], axis, numberAxis(loss === "nll" ? "NLL (nats an item)" : LOSSES[loss], 0, top),
      `${LOSSES[loss]} by temperature`);
    const seen = rows.filter((r) => r[1] <= top), [now, half] = here[loss];
    frame.marks.innerHTML = shade(frame.band(seen.map(([t, v, h]) => [t, Math.max(0, v - h), v + h])), FAKE) +
      rule(frame.left, frame.y(level), frame.right, frame.y(level), REAL, DASHED) + stroke(frame.line(seen), FAKE) +
      cross(frame, [look.temperature, now], null, [Math.max(0, now - half), now + half], FAKE, "this temperature");
    const fits = loss === "nll" ? best : low;
    readings[1].textContent = `The lowest point is the temperature that fits these items best (T = ${fits.toPrecision(3)}); the calibrator, ` +
      `which never saw the group it is judged on, stands at ${level.toFixed(3)}. Band: 95 %. n = ${whole(n)}.`;
  }

  function heaps(now) {
    const { bins, which } = look, top = which === "top_label", low = top ? 0.5 : 0;
    const kinds = [["temperature", FAKE, binned(now, before, { bins, which, binning: "width" })],
      ["calibrated", REAL, binned(after.x, after, { bins, which, binning: "width" })]];
    bars = kinds.flatMap(([name, , sums]) => sums.map(([items], i) => [name, i / bins, (i + 1) / bins, items / n,
      ...(wilson(items / n, worth) ?? [items / n, items / n])]));
    const tallest = Math.max(...bars.map((b) => (b[0] === "temperature" ? b[5] : b[3])));
    const axis = { title: top ? "stated confidence" : "stated p_fake", low, high: 1, of: (v) => v,
      ticks: [0, 0.25, 0.5, 0.75, 1].filter((v) => v >= low), text: String };
    const frame = plot(svgs[2], axis, shareAxis("share of the items", tallest), "Items by what is stated");
    const outline = (name, of) => bars.filter((b) => b[0] === name && b[2] > low).flatMap((b) =>
      [[b[1], ...of(b)], [b[2], ...of(b)]]);
    frame.marks.innerHTML = shade(frame.band(outline("temperature", (b) => [b[4], b[5]])), FAKE) +
      kinds.map(([name, colour]) => stroke(frame.line(outline(name, (b) => [b[3]])), colour)).join("");
    readings[2].textContent = `Heaps at the ends are certainty: a temperature over 1 moves items to the middle, one under 1 to the ends. ` +
      `${bins} bins of equal width; band: 95 %. n = ${whole(n)}.`;
  }

  function draw() {
    const started = performance.now(), { temperature, bins, which, binning, loss } = look;
    const step = stepOf(temperature), now = heats[step] === temperature ? grid[step] : at(temperature);
    heat.value = step; many.value = bins;
    hot.value = temperature.toPrecision(3); count.value = bins;
    heat.setAttribute("aria-valuetext", hot.value);
    Object.entries({ which, binning, loss }).forEach(([name, value]) => press(host, name, value));
    const series = [["as scored", QUIET, grid[100], before], ["temperature", FAKE, now, before],
      ["calibrated", REAL, after.x, after]]
      .map(([name, colour, p, cells]) => ({ name, colour, sums: binned(p, cells, look) }));
    series.forEach((s) => (s.gaps = gaps(s.sums, n, scale)));
    const here = { ...losses(now, before, worth), ece: series[1].gaps.ece };
    if (loss === "ece" && binsDrawn !== `${bins}|${which}|${binning}`) {
      hill = grid.map((p) => gaps(binned(p, before, look), n, scale));
      binsDrawn = `${bins}|${which}|${binning}`;
    }
    cards(series, here);
    reliability(series);
    byTemperature(here, { ...kept, ece: series[2].gaps.ece });
    heaps(now);
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}

export default board(build);
