// One detector, every threshold. Arithmetic of core/cascade/threshold_table.py and core/cascade/base_rate.py.
const RATES = 200;
const rateOf = (step) => 1 / (1 + Math.exp(-(-7 + (11.6 * step) / RATES)));  // 0.09 % to 99 %, even in log-odds
const stepOf = (rate) => Math.max(0, Math.min(RATES, Math.round(((Math.log(rate / (1 - rate)) + 7) / 11.6) * RATES)));
const CURVES = { roc: "ROC", det: "DET" };

// Figures of a decision where `pi` of the items are fakes: null where a class that it needs is not there.
function rates({ tp, fp, fn, tn }, pi) {
  const recall = share(tp, tp + fn), specificity = share(tn, tn + fp);
  const own = { recall, specificity, balanced: recall === null || specificity === null ? null :
    (recall + specificity) / 2 };
  if ((pi > 0 && recall === null) || (pi < 1 && specificity === null))
    return { ...own, accuracy: null, f1: null, mcc: null, right: null, released: null, alarms: null, wrong: null,
      missed: null };
  const hit = pi * (recall ?? 0), missed = pi - hit, kept = (1 - pi) * (specificity ?? 0), alarm = 1 - pi - kept;
  const root = Math.sqrt((hit + alarm) * pi * (1 - pi) * (kept + missed));
  return {
    ...own, accuracy: hit + kept, f1: pi > 0 ? share(2 * hit, 2 * hit + alarm + missed) : null,
      right: share(hit, hit + alarm),
    released: share(kept, kept + missed), mcc: root > 1e-15 ? (hit * kept - alarm * missed) / root : null,
    alarms: 1000 * (hit + alarm), wrong: 1000 * alarm, missed: 1000 * missed,
  };
}

// The share p among items of which `from` are fakes, were `to` of them fakes.
function shifted(p, from, to) {
  if (p === null) return null;
  const k = p * to * (1 - from), r = (1 - p) * (1 - to) * from;
  return k + r > 0 ? k / (k + r) : p;
}

// Quantile of the standard normal: Abramowitz & Stegun 26.2.23, error below 4.5e-4, enough for an axis.
function probit(p) {
  if (p > 0.5) return -probit(1 - p);
  const t = Math.sqrt(-2 * Math.log(Math.max(p, 1e-300)));
  return (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
}
const DEVIATES = [0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99];
const deviateAxis = (title) => ({ title, low: probit(0.001), high: probit(0.995), of: probit, ticks: DEVIATES,
  text: (v) => +(100 * v).toPrecision(3) + " %" });

// Where false alarms (rising with i) meet misses (falling), linear between points.
function equalError(alarms, misses) {
  const i = alarms.findIndex((a, k) => a >= misses[k]);
  if (i <= 0) return alarms[0];
  const up = alarms[i] - misses[i], down = misses[i - 1] - alarms[i - 1];
  return alarms[i - 1] + ((alarms[i] - alarms[i - 1]) * down) / (up + down);
}

function build(host, data) {
  const counts = decode(data.table.counts, Uint32Array), { edges } = data.table, { groups } = data,
    size = edges.length - 1;
  const below = new Float64Array(2 * size + 2);
  for (let i = 0; i < size; i++) for (const k of [0, 1]) below[2 * i + 2 + k] = below[2 * i + k] + counts[2 * i + k];
  const reals = below[2 * size], fakes = below[2 * size + 1], n = reals + fakes, own = fakes / n,
    scale = groups.all / n;
  const two = reals > 0 && fakes > 0;
  const look = { index: data.start, prevalence: data.prevalence, curve: data.curve };
  host.innerHTML = `<div class="controls">
    <div class="stage"><h4><em>Called fake</em><span></span></h4>
      ${slider("from p_fake", "fake", size, "threshold: called fake from p_fake")}</div>
    <div class="stage"><h4><em>What if</em><span></span></h4>
      ${slider("share of fakes", "real", RATES, "what if: share of fakes among all items")}
      <div class="buttons"><button type="button">As in these items</button></div></div>
    <table class="confusion" aria-label="Confusion at this threshold"><thead><tr><th></th><th>called real</th>
      <th>called fake</th></tr></thead><tbody><tr><th>real</th><td></td><td></td></tr>
      <tr><th>fake</th><td></td><td></td></tr></tbody></table>
    <p class="foot">${whole(n)} items, ${whole(fakes)} fake. Intervals: 95 %, as if the items of one group agreed wholly:
      ${whole(groups.fake)} effective groups of fakes, ${whole(groups.real)} of reals. Drawing whole groups, as the
      tables do, gives narrower ones where they do not agree.</p></div>
    <div class="view"><div class="figures"></div><div class="plots">
    ${chart("Items by p_fake", [key(REAL, "real, with 95 % band"), key(FAKE, "fake, with 95 % band")])}
    ${chart(`Errors of every threshold${choices("curve", CURVES)}`, [key(REAL, "every threshold, with 95 % band"), key(FAKE, "this one, with 95 % intervals", true)])}
    ${chart("Precision against recall", [key(REAL, "every threshold, with 95 % band"), key(FAKE, "this one", true)])}
    ${chart("Reliability", [key(REAL, "share of fakes, with 95 % interval"), key(QUIET, "as stated")])}</div></div>`;
  const [cut, base] = host.querySelectorAll("input[type=range]"), [at, rate] = host.querySelectorAll(".typed");
  const cells = host.querySelectorAll("td"), svgs = host.querySelectorAll("svg"),
    readings = host.querySelectorAll(".plot p");
  const heads = host.querySelectorAll("h4 span"), sections = host.querySelectorAll(".plot");
  const rest = rested(() => host.send({ ...look }));
  const set = (change) => { Object.assign(look, change); draw(); rest(); };
  cut.oninput = () => { look.index = +cut.value; draw(); };
  base.oninput = () => { look.prevalence = rateOf(+base.value); draw(); };
  cut.onchange = base.onchange = rest;
  onTyped(at, (value, text) => set(text === "never" || value > 1 ? { index: size } : text === "all" ? { index: 0 }
    : value === null ? {} : { index: Math.max(0, edges.findIndex((e) => e >= value - 1e-12)) }));
  // a bare number over 1 means percent, as the field shows it
  onTyped(rate, (value, text) => {
    const asked = value === null || text.includes("%") ? value : value / 100;
    set(asked === null ? {} : { prevalence: Math.min(rateOf(RATES), Math.max(rateOf(0), asked)) });
  });
  host.querySelector(".buttons button").onclick = () => set({ prevalence: null });
  onChoice(host, "curve", (curve) => set({ curve }));

  // At each threshold: false alarms and fakes found, each with its interval.
  const every = edges.map((edge, i) => {
    const fp = reals - below[2 * i], tp = fakes - below[2 * i + 1], alarms = share(fp, reals) ?? 0,
      hits = share(tp, fakes) ?? 0;
    return { edge, fp, tp, alarms, hits, high: wilson(hits, groups.fake) ?? [hits, hits] };
  });
  const down = [...every].reverse(), auroc = area(counts), span = areaInterval(auroc, groups.real, groups.fake);
  const eer = two ? equalError(down.map((e) => e.alarms), down.map((e) => 1 - e.hits)) : null;
  const bars = n < 2000 ? 20 : 40, tall = [new Float64Array(bars), new Float64Array(bars)];
  for (let i = 0; i < size; i++) {
    const bar = Math.min(bars - 1, Math.floor(((edges[i] + edges[i + 1]) / 2) * bars));
    for (const k of [0, 1]) tall[k][bar] += counts[2 * i + k];
  }
  const heaps = tall.map((t, k) => Array.from(t, (v, i) => {
    const p = v / ((k ? fakes : reals) || 1);
    return [i / bars, (i + 1) / bars, p, ...(wilson(p, k ? groups.fake : groups.real) ?? [p, p])];
  }));
  const unit = { title: "p_fake", low: 0, high: 1, of: (v) => v, ticks: [0, 0.25, 0.5, 0.75, 1], text: String };
  const histogram = plot(svgs[0], unit, shareAxis("share of its class", Math.max(...heaps.flat().map((h) => h[2]),
    0.01) * 1.15), "Items by p_fake, reals and fakes");
  const bands = heaps.map((heap, k) => shade(histogram.band(heap.flatMap(([a, b, , low, high]) =>
    [[a, low, high], [b, low, high]])), k ? FAKE : REAL) +
    stroke(histogram.line(heap.flatMap(([a, b, p]) => [[a, p], [b, p]])), k ? FAKE : REAL)).join("");
  const drawn = { curve: "", prevalence: undefined };
  let errors = null, still = "", precision = null, points = [], stated = [];
  const chosen = (i) => (i === look.index ? 1 : 0), when = (i) => edges[i];
  saves(sections[0], "scores", () => [["class", "p_fake_from", "p_fake_to", "share", "low", "high"],
    ...heaps.flatMap((heap, k) => heap.map((h) => [k ? "fake" : "real", ...h]))]);
  saves(sections[1], "errors", () => [["called_fake_above", "false_alarm_rate", "hit_rate", "hit_low", "hit_high",
    "chosen"],
    ...every.map((e, i) => [when(i), e.alarms, e.hits, ...e.high, chosen(i)])]);
  saves(sections[2], "precision_recall", () => [["called_fake_above", "recall", "precision", "low", "high", "chosen"],
    ...points.map(([i, r, p, low, high]) => [when(i), r, p, low, high, chosen(i)])]);
  saves(sections[3], "reliability", () => [["stated", "observed", "low", "high", "items"], ...stated]);

  // The curve of every threshold; redrawn only when ROC gives way to DET.
  function frameErrors() {
    if (drawn.curve === look.curve) return;
    drawn.curve = look.curve;
    press(host, "curve", look.curve);
    const det = look.curve === "det", of = (e) => (det ? 1 - e.hits : e.hits), ends = (e) =>
      (det ? [1 - e.high[1], 1 - e.high[0]] : e.high);
    const alarms = "false alarms: reals called fake / reals";
    errors = det ? plot(svgs[1], deviateAxis(alarms), deviateAxis("misses: fakes called real / fakes"),
      "DET curve, both axes in normal deviates")
      : plot(svgs[1], shareAxis(alarms), shareAxis("fakes found / fakes"), "ROC curve");
    still = det ? rule(errors.left, errors.bottom, errors.right, errors.top, QUIET, DASHED) : diagonal(errors);
    if (two) still += shade(errors.band(down.map((e) => [e.alarms, ...ends(e)])), REAL) +
      stroke(errors.line(down.map((e) => [e.alarms, of(e)])), REAL);
  }

  // What depends on the share of fakes asked about alone: precision at every threshold, and reliability.
  function framePrevalence(pi) {
    if (drawn.prevalence === pi) return;
    drawn.prevalence = pi;
    points = !two ? [] : every.flatMap(({ tp, fp, hits }, i) => {
      const p = share(tp, tp + fp);
      return p === null ? [] : [[i, hits, ...[p, ...wilson(p, (tp + fp) * scale)].map((v) => shifted(v, own, pi))]];
    });
    const pr = plot(svgs[2], shareAxis("recall: fakes found / fakes"), shareAxis("precision: fakes / called fake"),
      "Precision against recall");
    const back = rule(pr.left, pr.y(pi), pr.right, pr.y(pi), QUIET, DASHED) + 
      (two ? shade(pr.band(points.map((p) => [p[1], p[3], p[4]])), REAL) +
        stroke(pr.line(points.map((p) => [p[1], p[2]])), REAL) : "");
    precision = { pr, back };
    const bins = Array.from({ length: 10 }, () => [0, 0, 0]);
    const weigh = two ? [(1 - pi) / (1 - own), pi / own] : [1, 1];
    for (let i = 0; i < size; i++) {
      const middle = (edges[i] + edges[i + 1]) / 2, of = bins[Math.min(9, Math.floor(middle * 10))];
      of[0] += counts[2 * i]; of[1] += counts[2 * i + 1];
      of[2] += (weigh[0] * counts[2 * i] + weigh[1] * counts[2 * i + 1]) * middle;
    }
    const frame = plot(svgs[3], shareAxis("stated p_fake"), shareAxis("share of fakes"),
      "Share of fakes against stated probability");
    let marks = diagonal(frame), gap = 0;
    stated = [];
    for (const [r, k, sum] of bins) {
      if (!(r + k)) continue;
      const mass = weigh[0] * r + weigh[1] * k, x = sum / mass, [y, low, high] = [k / (r + k),
        ...wilson(k / (r + k), (r + k) * scale)].map((v) => (two ? shifted(v, own, pi) : v));
      gap += (mass / n) * Math.abs(x - y);
      stated.push([x, y, low, high, r + k]);
      marks += rule(frame.x(x), frame.y(low), frame.x(x), frame.y(high), REAL, 'stroke-width="2"') +
        spot(frame.x(x), frame.y(y), REAL, `${whole(r + k)} items`);
    }
    frame.marks.innerHTML = marks;
    readings[3].textContent = `Points on the diagonal say what they mean; mean gap (ECE, 10 even bins) ${gap.toFixed(3)}` +
      `${look.prevalence === null ? "" : ` where ${percent(pi)} are fakes`}. Under the diagonal: fakes are rarer than stated. n = ${whole(n)}.`;
  }

  function cards(c, f, pi) {
    const ci = (p, m) => between(wilson(p, m)), alarms = f.specificity === null ? null : 1 - f.specificity;
    const number = (v, digits) => (v === null ? "unknown" : v.toFixed(digits)), asked = `at ${percent(pi)} fakes`;
    const moved = (part, of, back) => {
      const w = wilson(share(part, of), of * scale);
      return w && two ? between(w.map((v) => (back ? 1 - shifted(1 - v, own, pi) : shifted(v, own, pi)))) : "";
    };
    fillCards(host.querySelector(".figures"), [
      ["recall", percent(f.recall), `${whole(c.tp)} of ${whole(fakes)} fakes found. ${ci(f.recall, groups.fake)}`],
      ["false alarms", percent(alarms), `${whole(c.fp)} of ${whole(reals)} reals. ${ci(alarms, groups.real)}`],
      ["balanced accuracy", percent(f.balanced), "mean of both classes"],
      ["F1", number(f.f1, 4), asked], ["MCC", number(f.mcc, 4), asked],
      ["accuracy", percent(f.accuracy), asked + (look.prevalence === null ? `. ${ci(f.accuracy, groups.all)}` : "")],
      ["an alarm is right", percent(f.right), `${asked} (precision). ${moved(c.tp, c.tp + c.fp, false)}`],
      ["a release is right", percent(f.released), `${asked} (NPV). ${moved(c.tn, c.tn + c.fn, true)}`],
      ["false alarms in 1,000", number(f.wrong, 1), `of ${number(f.alarms, 1)} alarms, ${asked}`],
      ["missed in 1,000", number(f.missed, 1), `fakes called real, ${asked}`],
    ]);
  }

  function draw() {
    const started = performance.now(), { index, prevalence } = look, pi = prevalence ?? own,
      { tp, fp, alarms, hits } = every[index];
    const c = { tp, fp, fn: fakes - tp, tn: reals - fp }, f = rates(c, pi), missed = 1 - hits;
    cut.value = index; base.value = stepOf(Math.min(rateOf(RATES), Math.max(rateOf(0), pi)));
    at.value = index === 0 ? "all" : index === size ? "never" : short(edges[index]); rate.value = percent(pi);
    cut.setAttribute("aria-valuetext", at.value); base.setAttribute("aria-valuetext", rate.value);
    heads[0].textContent = `${whole(tp + fp)} of ${whole(n)} items`;
    heads[1].textContent = prevalence === null ? "as in these items" : "";
    [c.tn, c.fp, c.fn, c.tp].forEach((v, i) => (cells[i].textContent = whole(v)));
    cards(c, f, pi);
    frameErrors();
    framePrevalence(pi);
    const where = histogram.x(edges[index]);
    histogram.marks.innerHTML = bands + rule(where, histogram.top, where, histogram.bottom, INK, DASHED);
    readings[0].textContent = `What lies right of the line is called fake: ${percent(f.recall)} of the fakes and ${percent(f.specificity === null ? null : 1 - f.specificity)} of the reals. n = ${whole(n)}.`;
    const det = look.curve === "det", tall_ = wilson(hits, groups.fake);
    errors.marks.innerHTML = still + cross(errors, [alarms, det ? missed : hits], wilson(alarms, groups.real), det &&
      tall_ ? [1 - tall_[1], 1 - tall_[0]] : tall_, FAKE, "this threshold");
    readings[1].textContent = !two ? "One class only: no curve."
      : det ? `Nearer the lower left is better; on the diagonal both errors are ${percent(eer)} (equal error rate). Here ${percent(alarms)} false alarms, ${percent(missed)} missed. n = ${whole(n)}.`
        : `AUROC ${auroc.toFixed(4)}${span ? ` (95 %: ${span[0].toFixed(3)} to ${span[1].toFixed(3)})` : ""}: the chance that a fake scores above a real; the diagonal is a coin. n = ${whole(n)}.`;
    const { pr, back } = precision;
    pr.marks.innerHTML = back + (!two || f.right === null ? "" : spot(pr.x(hits), pr.y(f.right), FAKE,
      "this threshold"));
    readings[2].textContent = !two ? "One class only: no curve."
      : `At ${percent(pi)} fakes an alarm is right in ${percent(f.right)} of cases; the dashed line is what calling everything fake would give. n = ${whole(n)}.`;
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}

export default board(build);
