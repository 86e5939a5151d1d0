// One detector, every threshold. Arithmetic of core/cascade/threshold_table.py and core/cascade/base_rate.py.
const RATES = 200;
const rateOf = (step) => 1 / (1 + Math.exp(-(-7 + (11.6 * step) / RATES)));  // 0.09 % to 99 %, even in log-odds
const stepOf = (rate) => Math.round(((Math.log(rate / (1 - rate)) + 7) / 11.6) * RATES);

function confusion(below, index) {
  const size = below.length / 2 - 1, fn = below[2 * index + 1], tn = below[2 * index];
  return { tp: below[2 * size + 1] - fn, fp: below[2 * size] - tn, fn, tn };
}

function rates({ tp, fp, fn, tn }, prevalence) {
  const recall = share(tp, tp + fn), specificity = share(tn, tn + fp), n = tp + fp + fn + tn;
  const pi = prevalence ?? share(tp + fn, n), hit = pi * (recall ?? 0), alarm = (1 - pi) * (1 - (specificity ?? 1));
  const root = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  return {
    n, pi, recall, specificity, accuracy: share(tp + tn, n), precision: share(tp, tp + fp), npv: share(tn, tn + fn),
    balanced: recall === null || specificity === null ? null : (recall + specificity) / 2,
    f1: share(2 * tp, 2 * tp + fp + fn), mcc: root > 0 ? (tp * tn - fp * fn) / root : null,
    right: share(hit, hit + alarm), released: share((1 - pi) * (specificity ?? 0), (1 - pi) * (specificity ?? 0) + pi * (1 - (recall ?? 1))),
    alarms: 1000 * (hit + alarm), wrong: 1000 * alarm, missed: 1000 * pi * (1 - (recall ?? 1)),
  };
}

function build(host, data) {
  const counts = decode(data.table.counts, Uint32Array), edges = data.table.edges, size = edges.length - 1, groups = data.groups;
  const below = new Float64Array(2 * size + 2);
  for (let i = 0; i < size; i++) for (const k of [0, 1]) below[2 * i + 2 + k] = below[2 * i + k] + counts[2 * i + k];
  const reals = below[2 * size], fakes = below[2 * size + 1], n = reals + fakes;
  let index = data.start, prevalence = data.prevalence;
  host.innerHTML = `<div class="controls"><div class="stage"><h4><em>Called fake</em><span></span></h4>
      <div class="line"><label>from p_fake</label><input class="fake" type="range" min="0" max="${size}" step="1" aria-label="threshold: called fake from p_fake"><output></output></div></div>
    <div class="stage"><h4><em>What if</em><span></span></h4>
      <div class="line"><label>share of fakes</label><input class="real" type="range" min="0" max="${RATES}" step="1" aria-label="what if: share of fakes among all items"><output></output></div>
      <div class="buttons"><button type="button">As in these items</button></div></div>
    <table class="confusion" aria-label="Confusion at this threshold"><thead><tr><th></th><th>called real</th><th>called fake</th></tr></thead>
      <tbody><tr><th>real</th><td></td><td></td></tr><tr><th>fake</th><td></td><td></td></tr></tbody></table></div>
    <div class="view"><div class="figures"></div><div class="plots">
    <section class="plot"><h5>Items by p_fake</h5><svg></svg><div class="keys">${key(REAL, "real")}${key(FAKE, "fake")}</div><p></p></section>
    <section class="plot"><h5>ROC</h5><svg></svg><div class="keys">${key(REAL, "every threshold")}${key(FAKE, "this one, with 95 % intervals", true)}</div><p></p></section>
    <section class="plot"><h5>Precision against recall</h5><svg></svg><div class="keys">${key(REAL, "every threshold, at the share of fakes asked about")}${key(FAKE, "this one", true)}</div><p></p></section>
    <section class="plot"><h5>Reliability</h5><svg></svg><div class="keys">${key(REAL, "share of fakes, with 95 % interval")}${key(QUIET, "as stated")}</div><p></p></section></div></div>`;
  const [slider, base] = host.querySelectorAll("input"), [at, rate] = host.querySelectorAll("output");
  const cells = host.querySelectorAll("td"), svgs = host.querySelectorAll("svg"), readings = host.querySelectorAll(".plot p");
  const heads = host.querySelectorAll("h4 span");
  const rest = rested(() => host.send({ index, prevalence }));
  slider.oninput = () => { index = +slider.value; draw(); };
  base.oninput = () => { prevalence = rateOf(+base.value); draw(); };
  slider.onchange = base.onchange = rest;
  host.querySelector(".buttons button").onclick = () => { prevalence = null; draw(); rest(); };

  const bars = 40, tall = [new Float64Array(bars), new Float64Array(bars)];
  for (let i = 0; i < size; i++) {
    const cell = Math.min(bars - 1, Math.floor(((edges[i] + edges[i + 1]) / 2) * bars));
    for (const k of [0, 1]) tall[k][cell] += counts[2 * i + k];
  }
  const tops = tall.map((t, k) => t.map((v) => v / ((k ? fakes : reals) || 1)));
  const unit = { title: "p_fake", low: 0, high: 1, of: (v) => v, ticks: [0, 0.25, 0.5, 0.75, 1], text: String };
  const histogram = plot(svgs[0], unit, shareAxis("share of its class", Math.max(...tops[0], ...tops[1], 0.01)), "Items by p_fake, reals and fakes");
  const outline = (top) => Array.from(top).flatMap((v, i) => [[i / bars, v], [(i + 1) / bars, v]]);
  const bands = [REAL, FAKE].map((c, k) => shade(histogram.band(outline(tops[k]).map(([a, v]) => [a, v, 0])), c) + stroke(histogram.line(outline(tops[k])), c)).join("");
  const roc = plot(svgs[1], shareAxis("false alarms: reals called fake / reals"), shareAxis("fakes found / fakes"), "ROC curve");
  const auroc = area(counts), span = areaInterval(auroc, groups.real, groups.fake);
  const rocLine = `<line x1="${roc.left}" y1="${roc.bottom}" x2="${roc.right}" y2="${roc.top}" stroke="${QUIET}" stroke-dasharray="4 4"/>` + (auroc === null ? "" : stroke(roc.line(rocPoints(counts)), REAL));
  const pr = plot(svgs[2], shareAxis("recall: fakes found / fakes"), shareAxis("precision: fakes / called fake"), "Precision against recall");
  const reliable = plot(svgs[3], shareAxis("stated p_fake"), shareAxis("share of fakes"), "Share of fakes against stated probability");
  const sections = host.querySelectorAll(".plot"), bins_ = [];
  let points = [];
  saves(sections[0], "scores", () => [["p_fake_from", "p_fake_to", "reals", "fakes"], ...Array.from({ length: size }, (_, i) => [edges[i], edges[i + 1], counts[2 * i], counts[2 * i + 1]])]);
  saves(sections[1], "roc", () => [["false_alarm_rate", "hit_rate"], ...rocPoints(counts)]);
  saves(sections[2], "precision_recall", () => [["recall", "precision"], ...points]);
  saves(sections[3], "reliability", () => [["stated", "observed", "low", "high", "items"], ...bins_]);
  calibration();

  function calibration() {
    const bins = Array.from({ length: 10 }, () => [0, 0, 0]);
    for (let i = 0; i < size; i++) {
      const middle = (edges[i] + edges[i + 1]) / 2, of = bins[Math.min(9, Math.floor(middle * 10))];
      of[0] += counts[2 * i]; of[1] += counts[2 * i + 1]; of[2] += (counts[2 * i] + counts[2 * i + 1]) * middle;
    }
    let marks = `<line x1="${reliable.left}" y1="${reliable.bottom}" x2="${reliable.right}" y2="${reliable.top}" stroke="${QUIET}" stroke-dasharray="4 4"/>`, gap = 0;
    for (const [r, k, sum] of bins) {
      if (!(r + k)) continue;
      const stated = sum / (r + k), seen = k / (r + k), w = wilson(seen, (r + k) * (groups.all / n));
      gap += ((r + k) / n) * Math.abs(stated - seen);
      bins_.push([stated, seen, ...w, r + k]);
      marks += `<line x1="${reliable.x(stated)}" x2="${reliable.x(stated)}" y1="${reliable.y(w[0])}" y2="${reliable.y(w[1])}" stroke="${REAL}" stroke-width="2"/>` + spot(reliable.x(stated), reliable.y(seen), REAL, `${whole(r + k)} items`);
    }
    reliable.marks.innerHTML = marks;
    readings[3].textContent = `Points on the diagonal say what they mean; mean gap (ECE, 10 even bins) ${gap.toFixed(3)}. Under the diagonal: fakes are rarer than stated. n = ${whole(n)}.`;
  }

  function draw() {
    const started = performance.now();
    const c = confusion(below, index), f = rates(c, prevalence);
    const words = index === 0 ? "all" : index === size ? "never" : "> " + short(edges[index]);
    slider.value = index; base.value = stepOf(f.pi || 0.0009);
    at.textContent = words; rate.textContent = percent(f.pi);
    slider.setAttribute("aria-valuetext", words); base.setAttribute("aria-valuetext", rate.textContent);
    heads[0].textContent = `${whole(c.tp + c.fp)} of ${whole(n)} items`;
    heads[1].textContent = prevalence === null ? "as in these items" : "";
    [c.tn, c.fp, c.fn, c.tp].forEach((v, i) => (cells[i].textContent = whole(v)));
    const ci = (p, m) => between(wilson(p, m));
    fillCards(host.querySelector(".figures"), [
      ["recall", percent(f.recall), `${whole(c.tp)} of ${whole(fakes)} fakes found. ${ci(f.recall, groups.fake)}`],
      ["false alarms", percent(f.specificity === null ? null : 1 - f.specificity), `${whole(c.fp)} of ${whole(reals)} reals. ${ci(f.specificity === null ? null : 1 - f.specificity, groups.real)}`],
      ["balanced accuracy", percent(f.balanced), "mean of both classes"],
      ["F1", f.f1 === null ? "unknown" : f.f1.toFixed(4), "on these items"],
      ["MCC", f.mcc === null ? "unknown" : f.mcc.toFixed(4), "on these items"],
      ["accuracy", percent(f.accuracy), "on these items"],
      ["an alarm is right", percent(f.right), `at ${percent(f.pi)} fakes (precision)`],
      ["a release is right", percent(f.released), `at ${percent(f.pi)} fakes (NPV)`],
      ["false alarms in 1,000", f.wrong.toFixed(1), `of ${f.alarms.toFixed(1)} alarms, at ${percent(f.pi)} fakes`],
      ["missed in 1,000", f.missed.toFixed(1), `fakes called real, at ${percent(f.pi)} fakes`],
    ]);
    const where = histogram.x(edges[index]);
    histogram.marks.innerHTML = bands + `<line x1="${where}" x2="${where}" y1="${histogram.top}" y2="${histogram.bottom}" stroke="${INK}" stroke-dasharray="4 4"/>`;
    readings[0].textContent = `What lies right of the line is called fake: ${percent(f.recall)} of the fakes and ${percent(f.specificity === null ? null : 1 - f.specificity)} of the reals. n = ${whole(n)}.`;
    const [a, b] = [1 - (f.specificity ?? 1), f.recall ?? 0], h = wilson(a, groups.real), v = wilson(b, groups.fake);
    roc.marks.innerHTML = rocLine + (h ? `<line x1="${roc.x(h[0])}" x2="${roc.x(h[1])}" y1="${roc.y(b)}" y2="${roc.y(b)}" stroke="${FAKE}"/>` : "") +
      (v ? `<line x1="${roc.x(a)}" x2="${roc.x(a)}" y1="${roc.y(v[0])}" y2="${roc.y(v[1])}" stroke="${FAKE}"/>` : "") + spot(roc.x(a), roc.y(b), FAKE, "this threshold");
    readings[1].textContent = auroc === null ? "One class only: no curve." :
      `AUROC ${auroc.toFixed(4)}${span ? ` (95 %: ${span[0].toFixed(3)} to ${span[1].toFixed(3)})` : ""}: the chance that a fake scores above a real; the diagonal is a coin. n = ${whole(n)}.`;
    points = [];
    for (let i = 0; i <= size; i++) {
      const g = confusion(below, i), r = share(g.tp, fakes) ?? 0, x = f.pi * r, w = (1 - f.pi) * (share(g.fp, reals) ?? 0);
      if (x + w > 0) points.push([r, x / (x + w)]);
    }
    pr.marks.innerHTML = `<line x1="${pr.left}" x2="${pr.right}" y1="${pr.y(f.pi)}" y2="${pr.y(f.pi)}" stroke="${QUIET}" stroke-dasharray="4 4"/>` + stroke(pr.line(points), REAL) +
      (f.right === null ? "" : spot(pr.x(b), pr.y(f.right), FAKE, "this threshold"));
    readings[2].textContent = `At ${percent(f.pi)} fakes an alarm is right in ${percent(f.right)} of cases; the dashed line is what calling everything fake would give. n = ${whole(n)}.`;
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}

export default board(build);
