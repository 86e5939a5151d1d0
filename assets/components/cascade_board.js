// The cascade's sliders. The server is asked only to save or to search: all arithmetic runs here. It is that of
// core/policies/boards/joint_counts.py; the reference of its rules is Cascade of core/cascade/cascade.py, and
// tests/core/policies/test_one_reference.py holds this script to it.
function open(table) {
  const stages = table.members.length;
  const opened = {
    ...table, counts: decode(table.counts, Uint32Array), bins: table.bins.map((t) => decode(t, Uint16Array)),
    onto: table.onto.map((t) => decode(t, Uint16Array)), marginals: table.marginals.map((t) => decode(t, Uint32Array)),
    cells: table.cells.map((t) => decode(t, Uint16Array)),
  };
  opened.shares = opened.marginals.map((counts, m) => {
    const onto = opened.onto[m], all = new Float64Array(2 * (onto[onto.length - 1] + 1));
    for (let i = 0; i < onto.length; i++) for (const k of [0, 1]) all[2 * onto[i] + k] += counts[2 * i + k];
    return Float64Array.from(counts, (c, i) => (c ? c / all[2 * onto[i >> 1] + (i & 1)] : 0));
  });
  opened.sizes = opened.onto.map((onto) => onto[onto.length - 1] + 1);
  opened.arrived = opened.sizes.map((size) => new Float64Array(2 * size));
  opened.open = opened.sizes.map((size) => new Float64Array(2 * size));
  opened.fine = opened.onto.map((onto) => new Float64Array(2 * onto.length));
  opened.stages = stages;
  return opened;
}

// Fills table.fine[stage] = [real, fake] that arrive there, by fine bin; returns what is open at the end.
function arrivals(table, cuts) {
  const { stages, rows, counts, bins, arrived, open } = table;
  for (let m = 0; m < stages; m++) {
    const onto = table.onto[m], shares = table.shares[m], left = open[m];
    arrived[m].fill(0); left.fill(0);
    for (let i = cuts[m][0]; i < cuts[m][1]; i++) { left[2 * onto[i]] += shares[2 * i];
    left[2 * onto[i] + 1] += shares[2 * i + 1]; }
    for (let i = 0; i < left.length; i++) if (left[i] > 1 - 1e-12) left[i] = 1;
  }
  const end = [0, 0];
  for (let row = 0; row < rows; row++) {
    let real = counts[2 * row], fake = counts[2 * row + 1], m = 0;
    for (; m < stages; m++) {
      const at = 2 * bins[m][row];
      arrived[m][at] += real; arrived[m][at + 1] += fake;
      real *= open[m][at]; fake *= open[m][at + 1];
      if (real === 0 && fake === 0) break;
    }
    if (m === stages) { end[0] += real; end[1] += fake; }
  }
  for (let m = 0; m < stages; m++) {
    const onto = table.onto[m], shares = table.shares[m], fine = table.fine[m], from = arrived[m];
    for (let i = 0; i < onto.length; i++) {
      fine[2 * i] = from[2 * onto[i]] * shares[2 * i]; fine[2 * i + 1] = from[2 * onto[i] + 1] * shares[2 * i + 1];
    }
  }
  return end;
}

// tally[stage] = [left as real, left as fake, arrived], each [reals, fakes]; the last stage holds what nobody decided.
function tally(table, cuts) {
  const end = arrivals(table, cuts);
  const out = table.fine.map((fine, m) => {
    const cell = [[0, 0], [0, 0], [0, 0]];
    for (let i = 0; i < fine.length / 2; i++) for (const k of [0, 1]) {
      const value = fine[2 * i + k];
      cell[2][k] += value;
      if (i < cuts[m][0]) cell[0][k] += value; else if (i >= cuts[m][1]) cell[1][k] += value;
    }
    return cell;
  });
  return [...out, [[0, 0], [0, 0], end]];
}

// [real, fake, ...] over one axis of p_fake: every item where the stage that decides it puts it. After `tally`.
function scores(table, cuts) {
  const out = new Float64Array(2 * table.score_cells);
  table.fine.forEach((fine, m) => {
    const cells = table.cells[m], last = m === table.stages - 1;
    for (let i = 0; i < cells.length; i++)
      if (last || i < cuts[m][0] || i >= cuts[m][1]) { out[2 * cells[i]] += fine[2 * i];
      out[2 * cells[i] + 1] += fine[2 * i + 1]; }
  });
  return out;
}

function figures(counts, costs) {
  const arrived = counts[0][2], n = arrived[0] + arrived[1];
  const sum = (exit, label) => counts.reduce((total, stage) => total + stage[exit][label], 0);
  const realReal = sum(0, 0), realFake = sum(0, 1), fakeReal = sum(1, 0), fakeFake = sum(1, 1);
  const first = counts[0], both = (pair) => pair[0] + pair[1], end = counts[counts.length - 1][2];
  const cost = costs.reduce((total, c, i) => total + c * both(counts[i][2]), 0) / n;
  const rest = costs.slice(1).reduce((total, c) => total + c, 0);
  return {
    n, fakes: arrived[1], reals: arrived[0], cost, realFake, fakeReal, realReal, fakeFake,
    filtered: both(first[0]), open: both(end), leaked1: first[0][1],
    filtration: both(first[0]) / n, coverage: 1 - (both(first[0]) + both(first[1])) / n,
    leakage1: share(first[0][1], arrived[1]), leakage: share(realFake, arrived[1]),
    false_alarms: share(fakeReal, arrived[0]), precision_real: share(realReal, realReal + realFake),
    precision_fake: share(fakeFake, fakeReal + fakeFake), uncertain: both(end) / n,
    found: share(fakeFake, arrived[1]), spared: share(realReal, arrived[0]), speed_up: share(rest, cost),
  };
}

// The next double above a number in [0, 1): a fake exit at edge e calls fake from nextUp(e) on.
function nextUp(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + 1n);
  return view.getFloat64(0);
}
// An exit as people write it: in full where five digits are all of it, as of typed numbers; else three digits, or as
// many as tell this step from its neighbours.
function exitText(edges, at, side) {
  if (side ? at === edges.length - 1 : at === 0) return "never";
  const value = side ? nextUp(edges[at]) : edges[at];
  if (+value.toPrecision(5) === value) return String(value);
  const gap = Math.min(edges[at] - (edges[at - 1] ?? -1), (edges[at + 1] ?? 2) - edges[at]);
  for (let digits = 3; digits < 17; digits++) {
    const text = +value.toPrecision(digits);
    if (Math.abs(text - value) < gap / 2) return String(text);
  }
  return String(value);
}

const RELIABILITY = 15;  // bins, as everywhere else
// The least number that is one; else `other`.
const least = (values, other) => {
  const known = values.filter((v) => v !== null && v !== undefined);
  return known.length ? Math.min(...known) : other;
};

function build(host, data) {
  const table = open(data.table), { groups } = data;  // groups: of core/policies/boards/effective_sizes.py
  const ends = table.edges.map((e) => e.length - 1);
  let cuts = data.cuts.map((c) => [...c]), { focus, unit, risk } = data.view, latest = data;
  host.classList.add("cascade");
  // The curve of the exit that moves stands in the same box as the sliders: boards.css keeps both on the screen.
  host.innerHTML = `<div class="layout"><div class="figures"></div>
    <div class="exits"><div class="moved">${chart("", [])}</div><div class="controls"></div></div><div class="plots">
    ${chart("ROC of the cascade", [key(REAL, "ranked by the stage that decides, with 95 % band"),
      key(FAKE, "called fake", true), key(INK, "not called real", true)])}
    ${chart('Cost against risk<span class="choices"></span>', [])}
    ${chart("Reliability of the deciding p_fake", [key(REAL, "share of fakes, with 95 % interval"), key(QUIET, "as stated")])}
  </div></div>`;
  const rest = rested(() => host.send.state({ cuts: cuts.map((c) => [...c]), focus, unit: latest.units[unit].name,
    risk }));
  function release() { rest(); }
  const controls = host.querySelector(".controls"), sections = [...host.querySelectorAll(".plot")];
  const svgs = sections.map((s) => s.querySelector("svg")), readings = sections.map((s) => s.querySelector("p"));

  table.members.forEach((member, stage) => {
    const box = document.createElement("div");
    box.className = "stage";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", data.titles[stage]);
    box.innerHTML = `<h4><em></em><span></span></h4>
      ${slider("real up to", "real", ends[stage])}${slider("fake from", "fake", ends[stage])}
      <p class="hint" role="status"></p>
      <div class="flow" title="Shares of the arriving items that exit as real and as fake"><i style="background:${REAL}"></i><i style="background:${FAKE}"></i></div>`;
    box.querySelector("em").textContent = data.titles[stage];
    const fields = box.querySelectorAll(".typed"), hint = box.querySelector(".hint");
    box.querySelectorAll("input[type=range]").forEach((input, side) => {
      const named = `${data.titles[stage]}: ${side ? "fake from" : "real up to"}`, look = () => {
        if (focus[0] !== stage || focus[1] !== side) { focus = [stage, side]; draw(); rest(); }
      };
      const move = (at) => {
        focus = [stage, side];
        cuts[stage][side] = side ? Math.max(at, cuts[stage][0]) : Math.min(at, cuts[stage][1]);
        advise(fields[side], hint, "");
        draw();
      };
      input.setAttribute("aria-label", named);
      fields[side].setAttribute("aria-label", `${named}, typed`);
      input.oninput = () => move(+input.value);
      input.onfocus = look;
      input.onchange = release;
      onTyped(fields[side], (value, text) => {
        const other = cuts[stage][1 - side], edges = table.edges[stage], bound = edges[other];
        if (text === "" || text === "never") { move(side ? ends[stage] : 0); release(); return; }
        const wrong = value === null || !(value > 0 && value <= 1)
          ? `${text} is no exit. Type a number above 0 and up to 1, a share such as 5 %, or never.`
          : !side && other < ends[stage] && value >= bound ? `Real must lie below fake from ${short(bound)}.`
            : side && other > 0 && value <= bound ? `Fake must lie above real up to ${short(bound)}.` : "";
        if (wrong) { advise(fields[side], hint, wrong, true); return; }
        const at = side ? edges.findIndex((edge) => nextUp(edge) === value) : edges.indexOf(value);
        if (at > 0) { move(at); release(); return; }
        // No step of the table stands at this number: the server adds one, counts the items and draws the board anew.
        move(nearest(edges, value));
        advise(fields[side], hint, `Counting the items at ${text} exactly.`);
        host.send.typed({ cuts: cuts.map((c) => [...c]), stage, side, value, unit: latest.units[unit].name, risk });
      });
    });
    controls.append(box);
  });
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  buttons.innerHTML = `<button class="main">Save as policy</button><button>Back to the policy in force</button>`;
  controls.append(buttons);
  const [save, reset] = buttons.children;
  const foot = document.createElement("p");
  foot.className = "foot";
  foot.textContent = `Intervals: 95 %. Items of one group vary together, so an interval counts the effective number of ` +
    `independent items behind each share. Where all or none of a class exit, it counts the groups: ` +
    `${whole(groups.least.fake)} of fakes, ${whole(groups.least.real)} of reals.` +
    (groups.note ? ` ${groups.note}` : "");
  controls.append(foot);
  save.onclick = () => host.send.save(cuts.map((c) => [...c]));
  reset.onclick = () => { controls.querySelectorAll(".stage").forEach((box) => box.querySelectorAll(".typed").forEach((field) =>
    advise(field, box.querySelector(".hint"), ""))); cuts = (latest.home ?? ends.map((end) => [0, end])).map((c) => [...c]); draw(); release(); };

  const roc = plot(svgs[1], shareAxis("false alarms: reals above / all reals"), shareAxis("fakes found / all fakes"),
    "ROC curve of the cascade");
  const reliable = plot(svgs[3], shareAxis("stated p_fake"), shareAxis("share of fakes"),
    "Share of fakes against stated probability");
  const lost = (f) => (Math.abs(f.auroc_loss ?? 0) < 5e-5 ? "as much as with all members on every item"
    : `${Math.abs(f.auroc_loss).toFixed(4)} ${f.auroc_loss < 0 ? "more" : "less"} than with all members on every item`);
  // Effective number of independent items behind a share at these exits: the least of the stages up to `last` whose
  // exits of `sides` (0 real, 1 fake) are open; without an open exit the share is fixed and has no interval.
  const effective = (kind, sides = [0, 1], last = table.stages - 1) => {
    const open_ = groups.stages.slice(0, last + 1).flatMap((of, m) =>
      sides.filter((side) => cuts[m][side] !== (side ? ends[m] : 0)).map((side) => of[kind][cuts[m][side]]));
    return open_.length ? least(open_, groups.least[kind]) : Infinity;
  };
  const interval = (v, items) => (items === Infinity ? "fixed: no exit is open" : between(wilson(v, items)));
  // Half of an AUROC's interval on the logit scale: that of the last stage over groups (DeLong), scaled to this value as
  // Hanley & McNeil's error (1982) is.
  const halfOf = (a, f) => {
    const [here, there] = [a, closed].map((v) => (v > 0 && v < 1 ? areaHalf(v, f.reals, f.fakes) / (v * (1 - v)) : null));
    return groups.auroc_half === null || !here || !there ? null : (groups.auroc_half * here) / there;
  };
  const around = (v, half) => half === null ? null : [-half, half].map((by) => 1 / (1 + ((1 - v) / v) * Math.exp(-by)));
  let curve = null, trade = null, edge = "", closed = null, cost95 = null;
  const rows = { thresholds: [], roc: [], front: [], reliability: [] };
  const heads = {
    thresholds: ["stage", "leaves_as", "p_fake", "share_that_leaves", "leaves_low", "leaves_high", "items_leaving",
      "share_in_error", "error_low", "error_high", "errors", "class_items", "n", "chosen"],
    roc: ["series", "false_alarm_rate", "false_alarm_low", "false_alarm_high", "hit_rate", "hit_low", "hit_high", "reals",
      "fakes"],
    front: ["series", "cost", "cost_low", "cost_high", "cost_unit", "risk", "low", "high", "risk_is", "n"],
    reliability: ["p_fake_from", "p_fake_to", "stated", "observed", "low", "high", "items"],
  };
  const named = data.titles.flatMap((title) => [`${title}: real up to`, `${title}: fake above`]);
  const exits = (at) => at.flatMap(([real, fake], m) => [real > 0 ? table.edges[m][real] : null,
    fake < ends[m] ? table.edges[m][fake] : null]);
  const settings = () => `Exits: ${data.titles.map((title, m) => `${title} real up to ${typed(m)[0]}, fake from ${typed(m)[1]}`
    ).join("; ")}. ${data.about}`;
  const typed = (m) => [...controls.querySelectorAll(".stage")[m].querySelectorAll(".typed")].map((field) => field.value);
  Object.keys(heads).forEach((name, i) => saves(sections[i], `cascade_${name}`, () => [[...heads[name], ...named],
    ...rows[name].map((row) => (name === "front" ? row : [...row, ...exits(cuts)]))], settings));

  function chooser() {
    const place = sections[2].querySelector(".choices");
    const option = (name, text, on) => `<button type="button" data-${name} aria-pressed="${on}">${text}</button>`;
    place.innerHTML = latest.units.map((u, i) => option(`unit="${i}"`, u.name, i === unit)).join("") +
      option('risk="leakage"', "leakage", risk === "leakage") + option('risk="auroc_loss"', "AUROC loss",
        risk === "auroc_loss");
    place.querySelectorAll("button").forEach((b) => (b.onclick = () => {
      if (b.dataset.unit) unit = +b.dataset.unit; else risk = b.dataset.risk;
      redraw();
      release();
    }));
  }

  function measure(at) {
    const counts = tally(table, at), hist = scores(table, at), f = figures(counts, latest.units[unit].costs);
    f.auroc = area(hist);
    f.auroc_loss = f.auroc === null || closed === null ? null : closed - f.auroc;
    return { counts, hist, f };
  }

  function redraw() {
    closed = null;
    closed = measure(ends.map((end) => [0, end])).f.auroc;
    chooser();
    const front = latest.fronts?.[latest.units[unit].name]?.[risk] ?? [];
    const marked = [...(latest.home ? [["policy in force", latest.home, REAL]] : []),
      ...(latest.found ? [["found", latest.found, FOUND]] : [])]
      .map(([words, at, colour]) => { const f = measure(at).f; return [words, f.cost, f[risk], colour, at]; });
    trade = { front, marked, need: Math.max(0, ...front.map((p) => p[1]), ...marked.map((m) => m[2] ?? 0)) };
    sections[2].querySelector(".keys").innerHTML = (front.length ? key(QUIET, "cheapest at each risk (Pareto front)") : "") +
      (latest.home ? key(REAL, "policy in force", true) : "") +
      key(FAKE, "these sliders, with 95 % intervals", true) + (latest.found ? key(FOUND, "found", true) : "");
    reset.hidden = !latest.home;
    edge = "";
    draw();
  }

  // The frame of cost against risk, wide enough for `here`; drawn anew only when that takes another scale.
  function frameTrade(here) {
    const wide = (v) => [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((top) => v <= top) ?? 1;
    const high = wide(1.05 * Math.max(trade.need, here)), low = here < 0 ? -wide(-here) : 0;
    if (trade.high === high && trade.low === low) return;
    const all = latest.units[unit].costs.reduce((a, c) => a + c, 0), { front, marked } = trade;
    Object.assign(trade, plot(svgs[2], numberAxis(`cost of an item (${latest.units[unit].name})`, 0, all * 1.02 || 1),
      shareAxis(risk === "leakage" ? "leakage: fakes called real / fakes" : "AUROC lost against all members on every item",
        high, low), "Cost against risk"));
    const steps = front.flatMap(([c, r], i) => (i ? [[c, front[i - 1][1]], [c, r]] : [[c, r]]));
    const ring = ([words, c, r, colour]) => `<circle cx="${trade.x(c)}" cy="${trade.y(r)}" r="8" fill="none" stroke="${colour}"
      stroke-width="2.5"><title>${words}</title></circle>`;
    const dot = ([c, r]) => `<circle cx="${trade.x(c)}" cy="${trade.y(r)}" r="2.5" fill="${QUIET}"/>`;
    trade.still = (steps.length ? stroke(trade.line(steps), QUIET) : "") + front.map(dot).join("") +
      marked.filter((m) => m[2] !== null).map(ring).join("");
    Object.assign(trade, { high, low });
  }

  function thresholds(fine, f) {
    const [stage, side] = focus, name = `${stage}|${side}`;
    if (edge !== name) {
      sections[0].querySelector("h5").textContent = `${data.titles[stage]}: every threshold`;
      curve = plot(svgs[0], probabilityAxis(side ? "exits as fake when p_fake is above this (log-odds scale)" :
        "exits as real when p_fake is at most this (log-odds scale)"),
        shareAxis("share"), "Share that exits and share in error over all thresholds of one stage");
      sections[0].querySelector(".keys").innerHTML = side
        ? key(FAKE, "called fake here / all items") + key(REAL, "false alarms here: reals / all reals")
        : key(REAL, "filtration: released here / all items") + key(FAKE, "leakage here: fakes released / all fakes");
      edge = name;
    }
    const size = ends[stage], wrong = side ? 0 : 1, total = wrong ? f.fakes : f.reals,
      kind = wrong ? "fake" : "real";
    const left = [], errors = [];
    let items = 0, bad = 0;
    for (let i = 0; i <= size; i++) {
      const at = side ? size - i : i;
      left.push([table.edges[stage][at], items / f.n, items]);
      errors.push([table.edges[stage][at], total ? bad / total : 0, bad]);
      if (i === size) break;
      const bin = side ? at - 1 : at;
      items += fine[2 * bin] + fine[2 * bin + 1]; bad += fine[2 * bin + wrong];
    }
    // what exits at earlier stages varies too, so the least effective number of all of them counts
    const spread = (points, name) => {
      const own = groups.stages[stage][name], earlier = effective(name, [0, 1], stage - 1);
      return points.map(([a, v], k) => [a, ...(wilson(v, Math.min(own[side ? size - k : k] ?? groups.least[name],
        stage ? earlier : Infinity)) ?? [v, v])]);
    };
    const leaves = spread(left, "all"), errs_ = spread(errors, kind);
    const at = cuts[stage][side], i = side ? size - at : at, where = curve.x(table.edges[stage][at]);
    const [goes, errs] = side ? [FAKE, REAL] : [REAL, FAKE];
    curve.marks.innerHTML = shade(curve.band(leaves), goes) + shade(curve.band(errs_), errs) +
      stroke(curve.line(left), goes) + stroke(curve.line(errors), errs) +
      `<line x1="${where}" x2="${where}" y1="${curve.top}" y2="${curve.bottom}" stroke="${INK}" stroke-dasharray="4 4"/>` +
      spot(where, curve.y(left[i][1]), goes, "share that exits") + spot(where, curve.y(errors[i][1]), errs,
        "share in error");
    rows.thresholds = left.map(([p, v, items_], k) => [data.titles[stage], side ? "fake" : "real", p, v,
      ...leaves[k].slice(1), items_, errors[k][1], ...errs_[k].slice(1), errors[k][2], total, f.n, k === i ? 1 : 0]);
    const share_ = errors[i][1], what = side ? "reals" : "fakes";
    readings[0].textContent = `${percent(left[i][1])} of all ${whole(f.n)} items take this exit, and with them ` +
      `${percent(share_)} of the ${whole(total)} ${what} (${between(total ? errs_[i].slice(1) : null)}): ` +
      (share_ > 0 ? `move the slider ${side ? "right" : "left"} for fewer errors.` :
        `no errors here; move the slider ${side ? "left" : "right"} until the error curve begins to rise.`);
  }

  function ranking(hist, f) {
    const hits = effective("fake"), alarms = effective("real"), two = f.auroc !== null;
    const banded = rocPoints(hist).map(([a, b]) => [a, ...(wilson(b, hits) ?? [b, b]), b]);
    const auroc95 = around(f.auroc, halfOf(f.auroc, f));
    const points = [["not called real", INK, [1 - (f.spared ?? 0), 1 - (f.leakage ?? 0)]],
      ["called fake", FAKE, [f.false_alarms ?? 0, f.found ?? 0]]];
    const both = (a, b) => [a, ...(wilson(a, alarms) ?? [null, null]), b, ...(wilson(b, hits) ?? [null, null]), f.reals,
      f.fakes];
    rows.roc = [...banded.map(([a, , , b]) => ["every score", ...both(a, b)]),
      ...points.map(([words, , [a, b]]) => [words, ...both(a, b)])];
    roc.marks.innerHTML = diagonal(roc) + (two ? shade(roc.band(banded), REAL) +
      stroke(roc.line(banded.map(([a, , , b]) => [a, b])), REAL) : "") +
      points.map(([words, colour, at]) => cross(roc, at, wilson(at[0], alarms), wilson(at[1], hits), colour,
        words)).join("");
    readings[1].textContent = f.auroc === null ? "One class only: no curve." :
      `AUROC ${f.auroc.toFixed(4)} (${numbers(auroc95, 3)}), ${lost(f)}; ` +
      `items between the two points stay uncertain. ${counted(f.n)}`;
  }

  function trading(f) {
    frameTrade(f[risk] ?? 0);
    const here = f[risk], halves = [f.auroc, closed].map((a) => {
      const half = halfOf(a, f);
      return half === null ? null : half * a * (1 - a);
    });
    const ci = risk === "leakage" ? wilson(here, effective("fake", [0]))  // of AUROCs as if they had nothing in common: too wide
      : here === null || halves.includes(null) ? null : [here - Math.hypot(...halves), here + Math.hypot(...halves)];
    trade.marks.innerHTML = trade.still + (here === null ? "" : cross(trade, [f.cost, here], cost95, ci, FAKE,
      "these sliders"));
    const about = [risk === "leakage" ? "leakage" : "AUROC loss", f.n], unit_ = latest.units[unit].name, none = [null, null];
    rows.front = [...trade.front.map(([c, r, at]) => ["front", c, ...none, unit_, r, ...none, ...about, ...exits(at)]),
      ...trade.marked.map(([words, c, r, , at]) => [words, c, ...none, unit_, r, ...none, ...about, ...exits(at)]),
      ["these sliders", f.cost, ...(cost95 ?? none), unit_, here, ...(ci ?? none), ...about, ...exits(cuts)]];
    const word = risk === "leakage" ? "leakage" : "AUROC loss", name = latest.units[unit].name;
    if (!trade.front.length || here === null) { readings[2].textContent = latest.front_note; return; }
    const best = trade.front.filter((p) => p[1] <= here + 1e-12).reduce((a, p) => (a === null || p[0] < a[0] ? p : a),
      null);
    readings[2].textContent = (best === null ? `No combination of the grid has so little ${word}. `
      : f.cost > best[0] * 1.005 ? `The same ${word} is possible at ${short(best[0])} instead of ${short(f.cost)} ${name}. `
        : `No combination of the grid is cheaper at this ${word} (${short(f.cost)} ${name}). `) +
      `Only these sliders' point has intervals${risk === "leakage" ? "" : ", that of its loss as if both AUROCs were " +
        "independent"}; the front's points are as observed. ${counted(f.n)} ${latest.front_note}`;
  }

  function reliability(hist) {
    const bins = Array.from({ length: RELIABILITY }, () => [0, 0, 0]), mids = table.mids;
    for (let i = 0; i < mids.length; i++) {
      const of = bins[Math.min(RELIABILITY - 1, Math.floor(mids[i] * RELIABILITY))], r = hist[2 * i], k = hist[2 * i + 1];
      of[0] += r; of[1] += k; of[2] += (r + k) * mids[i];
    }
    rows.reliability = [];
    const total = bins.reduce((a, b) => a + b[0] + b[1], 0), scale = groups.gap / total;
    let marks = diagonal(reliable), gap = 0;
    bins.forEach(([r, k, sum], i) => {
      const n_ = r + k;
      if (!n_) return;
      const stated = sum / n_, seen = k / n_, w = wilson(seen, n_ * scale);
      gap += (n_ / total) * Math.abs(stated - seen);
      rows.reliability.push([i / RELIABILITY, (i + 1) / RELIABILITY, stated, seen, ...w, Math.round(n_)]);
      marks += `<line x1="${reliable.x(stated)}" x2="${reliable.x(stated)}" y1="${reliable.y(w[0])}" y2="${reliable.y(w[1])}" stroke="${REAL}" stroke-width="2"/>` +
        spot(reliable.x(stated), reliable.y(seen), REAL, `${whole(n_)} items`);
    });
    reliable.marks.innerHTML = marks;
    readings[3].textContent = `On the diagonal the stated probability is right; mean gap (ECE, ${RELIABILITY} even bins) ${gap.toFixed(3)}. Under the diagonal fakes are rarer than stated. ${counted(total)}`;
  }

  function draw() {
    const started = performance.now();
    const { counts, hist, f } = measure(cuts);
    controls.querySelectorAll(".stage").forEach((box, stage) => {
      const inputs = box.querySelectorAll("input[type=range]"), [below, above] = box.querySelectorAll(".typed"),
        edges = table.edges[stage];
      inputs[0].value = cuts[stage][0]; inputs[1].value = cuts[stage][1];
      [below, above].forEach((field, side) => {
        const text = exitText(edges, cuts[stage][side], side);
        if (!field.hasAttribute("aria-invalid")) field.value = text;  // what cannot be read stays, to be corrected
        inputs[side].setAttribute("aria-valuetext", text);
      });
      const [asReal, asFake, came] = counts[stage].map((pair) => pair[0] + pair[1]);
      box.querySelector("h4 span").textContent = `${whole(came)} arrive, ${whole(asReal)} exit as real, ${whole(asFake)} as fake`;
      const [a, b] = box.querySelectorAll(".flow i");
      a.style.width = came ? (100 * asReal) / came + "%" : 0; b.style.width = came ? (100 * asFake) / came + "%" : 0;
    });
    const now = latest.units[unit], fakeCi = (v, ...of) => interval(v, effective("fake", ...of));
    const allCi = (v, items, ...of) => items ? interval(v, (items / f.n) * effective("all", ...of)) :
      "no interval";
    // The shares that reach the stages rise and fall together: their ends are added up.
    const reach = counts.slice(0, -1).map((stage, m) => (m ? wilson((stage[2][0] + stage[2][1]) / f.n, effective("all", [0, 1],
      m - 1)) : [1, 1]));
    cost95 = reach.includes(null) ? null : [0, 1].map((end) => now.costs.reduce((sum, c, m) => sum + c * reach[m][end], 0));
    const speed = f.speed_up === null ? "" : Math.abs(f.speed_up - 1) < 0.005 ? "the same time as all experts on every item"
      : f.speed_up > 1 ? `${f.speed_up.toFixed(2)} × as fast as all experts on every item`
        : `slower: ${(1 / f.speed_up).toFixed(2)} × the time of all experts on every item`;
    fillCards(host.querySelector(".figures"), [
      ["filtration", percent(f.filtration),
        `${whole(f.filtered)} of ${whole(f.n)} released by stage 1. ${allCi(f.filtration, f.n, [0], 0)}`],
      ["stage-1 leakage", percent(f.leakage1),
        `${whole(f.leaked1)} of ${whole(f.fakes)} fakes. ${fakeCi(f.leakage1, [0], 0)}`],
      ["leakage, cascade", percent(f.leakage),
        `${whole(f.realFake)} of ${whole(f.fakes)} fakes called real. ${fakeCi(f.leakage, [0])}`],
      ["false alarms", percent(f.false_alarms),
        `${whole(f.fakeReal)} of ${whole(f.reals)} reals called fake. ${interval(f.false_alarms, effective("real", [1]))}`],
      ["AUROC", f.auroc === null ? "unknown" : f.auroc.toFixed(4), f.auroc === null ? "one class only" :
        `${lost(f)}. ${numbers(around(f.auroc, halfOf(f.auroc, f)), 3)}`],
      ["coverage", percent(f.coverage), `passed on by stage 1. ${allCi(f.coverage, f.n, [0, 1], 0)}`],
      ["precision of real", percent(f.precision_real),
        `${whole(f.realReal)} of ${whole(f.realReal + f.realFake)} called real. ${allCi(f.precision_real, f.realReal + f.realFake)}`],
      ["precision of fake", percent(f.precision_fake),
        `${whole(f.fakeFake)} of ${whole(f.fakeReal + f.fakeFake)} called fake. ${allCi(f.precision_fake, f.fakeReal + f.fakeFake)}`],
      ["uncertain", percent(f.uncertain), `${whole(f.open)} of ${whole(f.n)} stay uncertain. ${allCi(f.uncertain, f.n)}`],
      [`expected cost`, `${f.cost.toPrecision(3)} ${now.name}`,
        `${cost95 && cost95[0] === cost95[1] ? "fixed: no exit is open" : of95(cost95, (v) => v.toPrecision(3))}. ${speed && speed + "; "}${now.words}`],
    ]);
    thresholds(table.fine[focus[0]], f);
    ranking(hist, f);
    trading(f);
    reliability(hist);
    tie(readings);
    host.dataset.ms = (performance.now() - started).toFixed(2);
  }

  const together = [...new Set(table.edges.flat())].sort((a, b) => a - b);
  table.mids = Float64Array.from({ length: table.score_cells }, (_, i) => (together[i] + together[i + 1]) / 2);
  redraw();
  if (data.typed) {  // the board was drawn anew because of this number: the hand stays where it was
    const box = controls.querySelectorAll(".stage")[data.typed[0]], field = box.querySelectorAll(".typed")[data.typed[1]];
    field.focus({ preventScroll: true });
    advise(field, box.querySelector(".hint"), `${field.value} is set, counted exactly.`);
  }
  return {
    update(next) {
      latest = next;
      if (next.jump !== host.jump) { host.jump = next.jump; cuts = next.cuts.map((c) => [...c]); release(); }
      redraw();
    },
  };
}

export default function ({ parentElement, data, setTriggerValue, setStateValue }) {
  const host = parentElement.querySelector(".board");
  host.send = { save: (cuts) => setTriggerValue("saved", cuts), typed: (asked) => setTriggerValue("typed", asked),
    state: (at) => setStateValue("at", at) };
  if (host.board && host.identity === data.identity) { host.board.update(data); return; }
  host.identity = data.identity; host.jump = data.jump;
  host.board = build(host, data);
}
