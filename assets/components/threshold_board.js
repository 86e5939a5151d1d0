// One detector, every threshold. Arithmetic of core/policies/boards/threshold_table.py and core/policies/replay/base_rate.py.
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

// Which way the bins lie. A bin [from, to, stated, share, low, high, items] counts where its interval leaves the
// diagonal.
function offDiagonal(bins) {
  const known = bins.filter(([, , , , low]) => typeof low === "number"), of = `of ${known.length} bins`;
  const over = known.filter(([, , x, , low]) => low > x).length;
  const under = known.filter(([, , x, , , high]) => high < x).length;
  if (!known.length) return "No bin has enough groups for an interval.";
  if (!over && !under) return `The interval of every bin contains the dashed line (${of}).`;
  return [[over, "above", "more items are fake than stated"], [under, "below", "fewer items are fake than stated"]]
    .filter(([count]) => count)
    .map(([count, where, what]) => `${count} ${of} ${count === 1 ? "lies" : "lie"} ${where} the dashed line: there ${what}`).join("; ") + ".";
}

function build(host, data) {
  const counts = decode(data.table.counts, Uint32Array), { edges } = data.table, { fixed } = data,
    size = edges.length - 1, band = bandsOf(data.rates);
  const below = new Float64Array(2 * size + 2);
  for (let i = 0; i < size; i++) for (const k of [0, 1]) below[2 * i + 2 + k] = below[2 * i + k] + counts[2 * i + k];
  const reals = below[2 * size], fakes = below[2 * size + 1], n = reals + fakes, own = fakes / n;
  const two = reals > 0 && fakes > 0, known = ({ low, high }) => (low === null ? null : [low, high]);
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
    <p class="foot">${whole(n)} items, ${whole(fakes)} fake. Intervals are 95 %, from the same draws of
      whole groups as the figures above.</p></div>
    <div class="view"><div class="figures"></div><p class="foot bare"></p><div class="plots">
    ${chart("Items by p_fake", [key(REAL, "real, with 95 % band"), key(FAKE, "fake, with 95 % band")])}
    ${chart(`Errors of every threshold${choices("curve", CURVES)}`, [key(REAL, "every threshold, with 95 % band"), key(FAKE, "this one, with 95 % intervals", true)])}
    ${chart("Precision against recall", [key(REAL, "every threshold, with 95 % band"), key(FAKE, "this one, with 95 % intervals", true)])}
    ${chart("Reliability", [key(REAL, "share of fakes, with 95 % interval"), key(QUIET, "as stated")])}</div></div>`;
  const [cut, base] = host.querySelectorAll("input[type=range]"), [at, rate] = host.querySelectorAll(".typed");
  const cells = host.querySelectorAll("td"), svgs = host.querySelectorAll("svg"),
    readings = host.querySelectorAll(".plot p"), bare = host.querySelector(".bare");
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
    return { edge, fp, tp, alarms, hits, found: band("recall", i), alarms95: band("false_alarms", i) };
  });
  const down = [...every].reverse(), ends = (pair, value) => pair ?? [value, value];
  const bars = data.bars.length, tall = [new Float64Array(bars), new Float64Array(bars)];
  for (let i = 0; i < size; i++) {
    const bar = Math.min(bars - 1, Math.floor(((edges[i] + edges[i + 1]) / 2) * bars));
    for (const k of [0, 1]) tall[k][bar] += counts[2 * i + k];
  }
  const heaps = tall.map((t, k) => Array.from(t, (v, i) => {
    const p = v / ((k ? fakes : reals) || 1);
    return { from: i / bars, to: (i + 1) / bars, p, pair: data.bars[i][k], items: v };
  }));
  const unit = { title: "p_fake", low: 0, high: 1, of: (v) => v, ticks: [0, 0.25, 0.5, 0.75, 1], text: String };
  const highest = Math.max(0.01, ...heaps.flat().map((h) => h.pair?.[1] ?? h.p));
  const histogram = plot(svgs[0], unit, shareAxis("share of its class", Math.min(1, highest * 1.05)),
    "Items by p_fake, reals and fakes");
  const bands = heaps.map((heap, k) => shade(histogram.band(heap.flatMap(({ from, to, p, pair }) =>
    [[from, ...ends(pair, p)], [to, ...ends(pair, p)]])), k ? FAKE : REAL) +
    stroke(histogram.line(heap.flatMap(({ from, to, p }) => [[from, p], [to, p]])), k ? FAKE : REAL)).join("");
  const drawn = { curve: "", prevalence: undefined };
  let errors = null, still = "", precision = null, points = [], stated = [];
  const chosen = (i) => (i === look.index ? 1 : 0), when = (i) => edges[i], two_ = (pair) => pair ?? [null, null];
  const settings = () => `Called fake from p_fake ${at.value}; ${rate.value} fakes` +
    `${look.prevalence === null ? "" : " (chosen)"}; ${whole(fakes)} fakes, ${whole(reals)} reals. ${data.about}`;
  const files = [
    ["scores", ["class", "p_fake_from", "p_fake_to", "share_of_class", "low", "high", "items", "class_items"],
      () => heaps.flatMap((heap, k) => heap.map((h) => [k ? "fake" : "real", h.from, h.to, h.p, ...two_(h.pair), h.items,
        k ? fakes : reals]))],
    ["errors", ["called_fake_above", "false_alarm_rate", "false_alarm_low", "false_alarm_high", "recall", "recall_low",
      "recall_high", "false_alarms", "reals", "fakes_found", "fakes", "chosen"],
      () => every.map((e, i) => [when(i), e.alarms, ...two_(e.alarms95), e.hits, ...two_(e.found), e.fp, reals, e.tp,
        fakes, chosen(i)])],
    ["precision_recall", ["called_fake_above", "recall", "recall_low", "recall_high", "precision", "precision_low",
      "precision_high", "fakes_found", "called_fake", "share_of_fakes", "chosen"],
      () => points.map(([i, r, p, pair]) => [when(i), r, ...two_(every[i].found), p, ...two_(pair), every[i].tp,
        every[i].tp + every[i].fp, look.prevalence ?? own, chosen(i)])],
    ["reliability", ["p_fake_from", "p_fake_to", "stated", "observed", "low", "high", "items", "share_of_fakes"],
      () => stated.map((row) => [...row, look.prevalence ?? own])],
  ];
  files.forEach(([name, head, rows], i) => saves(sections[i], name, () => [head, ...rows()], settings));

  // The curve of every threshold; redrawn only when ROC gives way to DET.
  function frameErrors() {
    if (drawn.curve === look.curve) return;
    drawn.curve = look.curve;
    press(host, "curve", look.curve);
    const det = look.curve === "det", of = (e) => (det ? 1 - e.hits : e.hits), limits = (e) => {
      const [low, high] = ends(e.found, e.hits);
      return det ? [1 - high, 1 - low] : [low, high];
    };
    const alarms = "false alarms: reals called fake / reals";
    errors = det ? plot(svgs[1], deviateAxis(alarms), deviateAxis("misses: fakes called real / fakes"),
      "DET curve, both axes in normal deviates")
      : plot(svgs[1], shareAxis(alarms), shareAxis("fakes found / fakes"), "ROC curve");
    still = det ? rule(errors.left, errors.bottom, errors.right, errors.top, QUIET, DASHED) : diagonal(errors);
    if (two) still += shade(errors.band(down.map((e) => [e.alarms, ...limits(e)])), REAL) +
      stroke(errors.line(down.map((e) => [e.alarms, of(e)])), REAL);
  }

  // Of "precision" or "npv" (negative predictive value). At another share of fakes only the rates of the
  // two classes are uncertain: the interval at even shares, moved there.
  function limitsOf(name, index, pi) {
    if (look.prevalence === null) return band(name, index);
    const even = two ? band(`even_${name}`, index) : null, to = name === "npv" ? 1 - pi : pi;
    return even && even.map((v) => shifted(v, 0.5, to));
  }

  // What depends on the share of fakes asked about alone: precision at every threshold, and reliability.
  function framePrevalence(pi) {
    if (drawn.prevalence === look.prevalence) return;
    drawn.prevalence = look.prevalence;
    points = !two ? [] : every.flatMap(({ tp, fp, hits }, i) => {
      const p = share(tp, tp + fp);
      return p === null ? [] : [[i, hits, shifted(p, own, pi), limitsOf("precision", i, pi)]];
    });
    const pr = plot(svgs[2], shareAxis("recall: fakes found / fakes"), shareAxis("precision: fakes / called fake"),
      "Precision against recall");
    const back = rule(pr.left, pr.y(pi), pr.right, pr.y(pi), QUIET, DASHED) +
      (two ? shade(pr.band(points.map(([, r, p, pair]) => [r, ...ends(pair, p)])), REAL) +
        stroke(pr.line(points.map((p) => [p[1], p[2]])), REAL) : "");
    precision = { pr, back };
    frameReliability(pi);
  }

  // Bins of [reals, fakes, sum of p_fake of the reals, of the fakes]; at another share of fakes each class weighs more
  // or less.
  function frameReliability(pi) {
    const asked = look.prevalence !== null && two, weigh = asked ? [(1 - pi) / (1 - own), pi / own] : [1, 1];
    const frame = plot(svgs[3], shareAxis("stated p_fake"), shareAxis("observed share of fakes"),
      "Share of fakes against stated probability");
    const bins = data.bins.length, to = (v) => (asked ? shifted(v, own, pi) : v);
    let marks = diagonal(frame), gap = 0;
    stated = [];
    data.bins.forEach(([r, k, sumReal, sumFake], i) => {
      if (!(r + k)) return;
      const mass = weigh[0] * r + weigh[1] * k, x = (weigh[0] * sumReal + weigh[1] * sumFake) / mass, y = to(k / (r + k));
      const pair = data.reliability[i] && data.reliability[i].map(to);
      gap += (mass / n) * Math.abs(x - y);
      stated.push([i / bins, (i + 1) / bins, x, y, ...two_(pair), r + k]);
      marks += (pair ? rule(frame.x(x), frame.y(pair[0]), frame.x(x), frame.y(pair[1]), REAL, 'stroke-width="2"') : "") +
        spot(frame.x(x), frame.y(y), REAL, `${whole(r + k)} items`);
    });
    frame.marks.innerHTML = marks;
    const mean = asked ? `${gap.toFixed(3)} where ${percent(pi)} are fakes (no interval)`
      : `${fixed.ece.value.toFixed(3)} (${numbers(known(fixed.ece), 3)})`;
    readings[3].textContent = `On the dashed line the observed share equals the stated one. ECE in ${bins} bins of equal width: ${mean}. ` +
      `${offDiagonal(stated)} ${counted(n)}`;
  }

  function cards(c, f, pi) {
    const asked = look.prevalence !== null, b = (name) => band(name, look.index);
    const number = (v, digits) => (v === null ? "unknown" : v.toFixed(digits)), mix = `at ${percent(pi)} fakes`;
    const alarms = f.specificity === null ? null : 1 - f.specificity;
    const note = (words, pair, text = between) => `${words}. ${text(pair)}`;
    const mine = (name, text) => (asked ? mix : note(mix, b(name), text));
    const thousand = (pair, part) => numbers(pair && pair.map((v) => 1000 * part * v), 1);
    const missed = b("recall") && [1 - b("recall")[1], 1 - b("recall")[0]];
    fillCards(host.querySelector(".figures"), [
      ["recall", percent(f.recall), note(`${whole(c.tp)} of ${whole(fakes)} fakes found`, b("recall"))],
      ["false alarms", percent(alarms), note(`${whole(c.fp)} of ${whole(reals)} reals`, b("false_alarms"))],
      ["balanced accuracy", percent(f.balanced), note("mean of both classes", b("balanced_accuracy"))],
      ["F1", number(f.f1, 4), mine("f1", (w) => numbers(w, 3))],
      ["MCC", number(f.mcc, 4), mine("mcc", (w) => numbers(w, 3))],
      ["accuracy", percent(f.accuracy), mine("accuracy", between)],
      ["precision", percent(f.right), note(`fakes / called fake ${mix}`, limitsOf("precision", look.index, pi))],
      ["NPV", percent(f.released), note(`reals / called real ${mix}`, limitsOf("npv", look.index, pi))],
      ["false alarms in 1,000", number(f.wrong, 1),
        `of ${number(f.alarms, 1)} alarms, ${mix}. ${thousand(b("false_alarms"), 1 - pi)}`],
      ["missed in 1,000", number(f.missed, 1), `fakes called real, ${mix}. ${thousand(missed, pi)}`],
    ]);
    bare.textContent = [data.rates.note,
      asked && "At another share of fakes, F1, MCC and accuracy have no interval, because the draws of groups keep the share " +
        "of these items. The other intervals take the rates of both classes as uncertain, and the share as given."]
      .filter(Boolean).join(" ");
  }

  function draw() {
    const started = performance.now(), { index, prevalence } = look, pi = prevalence ?? own,
      { tp, fp, alarms, hits, found, alarms95 } = every[index];
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
    readings[0].textContent = `Items right of the line are called fake: ${percent(f.recall)} of the fakes and ` +
      `${percent(f.specificity === null ? null : 1 - f.specificity)} of the reals. ${counted(n)}`;
    const det = look.curve === "det";
    errors.marks.innerHTML = still + cross(errors, [alarms, det ? missed : hits], alarms95, det && found ?
      [1 - found[1], 1 - found[0]] : found, FAKE, "this threshold");
    readings[1].textContent = !two ? "One class only: no curve."
      : det ? `Nearer the lower left is better; on the diagonal both errors are ${percent(fixed.eer.value)} (equal error ` +
        `rate, ${between(known(fixed.eer))}). Here ${percent(alarms)} false alarms, ${percent(missed)} missed. ${counted(n)}`
        : `AUROC ${fixed.auroc.value.toFixed(4)} (${numbers(known(fixed.auroc), 3)}): the probability that a random ` +
          `fake scores higher than a random real; the diagonal is chance. ${counted(n)}`;
    const { pr, back } = precision;
    pr.marks.innerHTML = back + (!two || f.right === null ? "" : cross(pr, [hits, f.right], found,
      limitsOf("precision", index, pi), FAKE, "this threshold"));
    readings[2].textContent = !two ? "One class only: no curve."
      : `At ${percent(pi)} fakes, ${percent(f.right)} of the items called fake are fake; the dashed line is the precision ` +
        `of calling every item fake. ${counted(n)}`;
    tie(readings);
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }
  draw();
}

export default board(build);
