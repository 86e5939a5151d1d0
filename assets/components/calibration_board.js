// Before, at any temperature, and as calibrated. Arithmetic of core/calibrate/scale_table.py.
const STEPS = 200;
const temperatureOf = (step) => 10 ** (step / 100 - 1);  // 0.1 to 10, even in the logarithm
const stepOf = (t) => Math.max(0, Math.min(STEPS, Math.round(100 * (Math.log10(t) + 1))));
const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const WHICH = { binary: "p_fake", top_label: "top label" }, BINS = { width: "equal width", mass: "equal mass" };

const cellsOf = ({ x, counts }) => ({ x: decode(x, Float64Array), counts: decode(counts, Uint32Array) });
const scaled = (cells, t) => ({ x: Float64Array.from(cells.x, (z) => sigmoid(z / t)), counts: cells.counts });

const CLIP = 2 ** -52;  // as core/evaluate/metrics.py keeps p_fake from 0 and 1

// NLL and Brier score of cells of p_fake.
function losses({ x, counts }) {
  let nll = 0, brier = 0, n = 0;
  for (let i = 0; i < x.length; i++) {
    const p = Math.min(1 - CLIP, Math.max(CLIP, x[i])), reals = counts[2 * i], fakes = counts[2 * i + 1];
    nll -= fakes * Math.log(p) + reals * Math.log1p(-p);
    brier += fakes * (1 - x[i]) ** 2 + reals * x[i] ** 2;
    n += reals + fakes;
  }
  return { nll: nll / n, brier: brier / n, n };
}

// [items, sum of stated, sum of hits] by bin, by either convention and binning.
function binned({ x, counts }, bins, which, binning) {
  const rows = Array.from(x, (p, i) => {
    const n = counts[2 * i] + counts[2 * i + 1];
    return which === "binary" ? [p, n, counts[2 * i + 1]] : [Math.max(p, 1 - p), n, counts[2 * i + (p >= 0.5 ? 1 : 0)]];
  });
  if (binning === "mass") rows.sort((a, b) => a[0] - b[0]);
  const sums = Array.from({ length: bins }, () => [0, 0, 0]), total = rows.reduce((s, r) => s + r[1], 0);
  let before = 0;
  for (const [p, n, hits] of rows) {
    const at = binning === "mass" ? (before + n / 2) / total * bins : Math.ceil(p * bins - 1e-9) - 1;
    const of = sums[Math.max(0, Math.min(bins - 1, Math.floor(at)))];
    of[0] += n; of[1] += n * p; of[2] += hits; before += n;
  }
  return sums;
}
const gap = (sums) => sums.reduce((s, [, stated, hits]) => s + Math.abs(stated - hits), 0) / sums.reduce((s, [n]) => s + n, 0);

function build(host, data) {
  const before = cellsOf(data.table.before), after = cellsOf(data.table.after), worth = data.groups.all / losses(after).n;
  let { temperature, bins, which, binning } = data.start;
  const pick = (name, words) => `<div class="choices" data-name="${name}">${Object.entries(words).map(([k, w]) => `<button type="button" data-value="${k}">${w}</button>`).join("")}</div>`;
  host.innerHTML = `<div class="controls"><div class="stage"><h4><em>What if</em><span>p_fake = sigmoid(log-odds / T)</span></h4>
      <div class="line"><label>temperature</label><input class="fake" type="range" min="0" max="${STEPS}" step="1" aria-label="temperature"><output></output></div>
      <div class="buttons"><button type="button">As scored (T = 1)</button><button type="button">Least NLL here</button></div></div>
    <div class="stage"><h4><em>Bins</em><span></span></h4>
      <div class="line"><label>how many</label><input class="real" type="range" min="2" max="50" step="1" aria-label="number of bins"><output></output></div>
      <div class="buttons">${pick("which", WHICH)} ${pick("binning", BINS)}</div></div></div>
    <div class="view"><div class="figures"></div><div class="plots">
    <section class="plot"><h5>Reliability</h5><svg></svg><div class="keys">${key(QUIET, "as scored", true)}${key(FAKE, "at this temperature", true)}${key(REAL, "as calibrated, with 95 % intervals", true)}</div><p></p></section>
    <section class="plot"><h5>NLL by temperature</h5><svg></svg><div class="keys">${key(FAKE, "at each temperature")}${key(REAL, "as calibrated")}</div><p></p></section>
    <section class="plot"><h5>Items by stated p_fake</h5><svg></svg><div class="keys">${key(FAKE, "at this temperature")}${key(REAL, "as calibrated")}</div><p></p></section></div></div>`;
  const [heat, many] = host.querySelectorAll("input"), [hot, count] = host.querySelectorAll("output");
  const svgs = host.querySelectorAll("svg"), readings = host.querySelectorAll(".plot p"), sections = host.querySelectorAll(".plot");
  const rest = rested(() => host.send({ temperature, bins, which, binning }));
  heat.oninput = () => { temperature = temperatureOf(+heat.value); draw(); };
  many.oninput = () => { bins = +many.value; draw(); };
  heat.onchange = many.onchange = rest;
  const walk = Array.from({ length: STEPS + 1 }, (_, i) => [temperatureOf(i), losses(scaled(before, temperatureOf(i))).nll]);
  const least = walk.reduce((a, b) => (b[1] < a[1] ? b : a)), kept = losses(after), raw = losses(scaled(before, 1));
  const [plain, best] = host.querySelectorAll(".buttons > button");
  plain.onclick = () => { temperature = 1; draw(); rest(); };
  best.onclick = () => { temperature = least[0]; draw(); rest(); };
  for (const button of host.querySelectorAll(".choices[data-name] button")) button.onclick = () => {
    if (button.parentElement.dataset.name === "which") which = button.dataset.value; else binning = button.dataset.value;
    draw(); rest();
  };
  const top = Math.min(Math.max(...walk.map((w) => w[1])), 3 * Math.max(least[1], raw.nll, kept.nll));
  const logAxis = { title: "temperature T", low: -1, high: 1, of: (t) => Math.log10(t), ticks: [0.1, 0.3, 1, 3, 10], text: String };
  const hills = plot(svgs[1], logAxis, numberAxis("NLL (nats an item)", 0, top), "NLL by temperature");
  let points = [], bars = [];
  saves(sections[0], "reliability", () => [["series", "items", "stated", "observed", "low", "high"], ...points]);
  saves(sections[1], "nll_by_temperature", () => [["temperature", "nll"], ...walk]);
  saves(sections[2], "items_by_p_fake", () => [["p_fake_from", "p_fake_to", "share_at_temperature", "share_calibrated"], ...bars]);

  function draw() {
    const started = performance.now(), now = scaled(before, temperature), here = losses(now);
    heat.value = stepOf(temperature); many.value = bins;
    hot.textContent = temperature.toPrecision(3); count.textContent = bins;
    heat.setAttribute("aria-valuetext", hot.textContent);
    host.querySelectorAll(".choices[data-name] button").forEach((b) => b.setAttribute("aria-pressed", b.dataset.value === (b.parentElement.dataset.name === "which" ? which : binning)));
    const series = [["as scored", QUIET, binned(scaled(before, 1), bins, which, binning)], ["temperature", FAKE, binned(now, bins, which, binning)], ["calibrated", REAL, binned(after, bins, which, binning)]];
    const [ece0, ece1, ece2] = series.map(([, , sums]) => gap(sums));
    const note = (a, b) => `${a.toFixed(4)} as scored, ${b.toFixed(4)} as calibrated`;
    fillCards(host.querySelector(".figures"), [
      [`ECE, ${WHICH[which]}`, ece1.toFixed(4), note(ece0, ece2)], ["NLL", here.nll.toFixed(4), note(raw.nll, kept.nll)],
      ["Brier", here.brier.toFixed(4), note(raw.brier, kept.brier)], ["least NLL at", "T = " + least[0].toPrecision(3), `NLL ${least[1].toFixed(4)} on these items`],
    ]);
    const low = which === "binary" ? 0 : 0.5, axis = (title) => ({ title, low, high: 1, of: (v) => v, ticks: [0, 0.25, 0.5, 0.75, 1].filter((v) => v >= low), text: String });
    const frame = plot(svgs[0], axis(which === "binary" ? "stated p_fake" : "stated confidence"), shareAxis(which === "binary" ? "share of fakes" : "share right"), "Observed against stated");
    let marks = `<line x1="${frame.x(low)}" y1="${frame.y(low)}" x2="${frame.x(1)}" y2="${frame.y(1)}" stroke="${QUIET}" stroke-dasharray="4 4"/>`;
    points = [];
    for (const [name, colour, sums] of series) for (const [n, stated, hits] of sums) {
      if (!n) continue;
      const x = stated / n, y = hits / n, w = wilson(y, n * worth) ?? [y, y];
      points.push([name, n, x, y, ...w]);
      if (name === "calibrated") marks += `<line x1="${frame.x(x)}" x2="${frame.x(x)}" y1="${frame.y(w[0])}" y2="${frame.y(w[1])}" stroke="${REAL}" stroke-width="2"/>`;
      marks += spot(frame.x(x), frame.y(y), colour, `${name}: ${whole(n)} items, stated ${x.toFixed(3)}, observed ${y.toFixed(3)}`);
    }
    frame.marks.innerHTML = marks;
    readings[0].textContent = `On the diagonal what is stated is what happens: mean gap ${ece0.toFixed(3)} as scored, ${ece1.toFixed(3)} at T = ${hot.textContent}, ${ece2.toFixed(3)} as calibrated. n = ${whole(here.n)}; intervals count groups.`;
    const level = `<line x1="${hills.left}" x2="${hills.right}" y1="${hills.y(kept.nll)}" y2="${hills.y(kept.nll)}" stroke="${REAL}" stroke-dasharray="4 4"/>`;
    hills.marks.innerHTML = level + stroke(hills.line(walk.filter((w) => w[1] <= top)), FAKE) + spot(hills.x(temperature), hills.y(here.nll), FAKE, "this temperature");
    readings[1].textContent = `The lowest point is the temperature that fits these items best (T = ${least[0].toPrecision(3)}); the calibrator, which never saw the group it is judged on, stands at ${kept.nll.toFixed(3)}. n = ${whole(here.n)}.`;
    const shares = [now, after].map(({ x, counts }) => {
      const tall = new Float64Array(20);
      x.forEach((p, i) => { tall[Math.max(0, Math.min(19, Math.ceil(p * 20) - 1))] += (counts[2 * i] + counts[2 * i + 1]) / here.n; });
      return tall;
    });
    bars = Array.from(shares[0], (v, i) => [i / 20, (i + 1) / 20, v, shares[1][i]]);
    const tall = plot(svgs[2], { ...axis("p_fake"), low: 0, ticks: [0, 0.25, 0.5, 0.75, 1] }, shareAxis("share of the items", Math.max(...shares[0], ...shares[1])), "Items by stated p_fake");
    const outline = (heights) => Array.from(heights).flatMap((v, i) => [[i / 20, v], [(i + 1) / 20, v]]);
    tall.marks.innerHTML = shares.map((h, k) => stroke(tall.line(outline(h)), k ? REAL : FAKE)).join("");
    readings[2].textContent = `Heaps at 0 and 1 are certainty: a temperature over 1 moves items to the middle, one under 1 to the ends. n = ${whole(here.n)}.`;
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}

export default board(build);
