// What the boards share: decoding, shares with intervals, axes, sliders, files. Put before a board's own script by
// app/ui/components.py.
const decode = (text, kind) => new kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const share = (part, whole) => (whole > 0 ? part / whole : null);
const percent = (value) => (value === null ? "unknown" : (100 * value).toFixed(value < 0.1 ? 2 : 1) + " %");
const whole = (value) => Math.round(value).toLocaleString("en-US");
const short = (value) => String(+value.toPrecision(3));

// Wilson's 95 % interval of a share over n independent groups (n need not be whole); null without any.
function wilson(p, n) {
  if (p === null || !(n > 0)) return null;
  const z2 = 3.841458820694124, centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = Math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n);
  return [p === 0 ? 0 : Math.max(0, centre - half), p === 1 ? 1 : Math.min(1, centre + half)];
}
const of95 = (pair, text) => (pair === null ? "no interval" : `95\u00a0%: ${text(pair[0])} to ${text(pair[1])}`);
const between = (pair) => of95(pair, (v) => percent(v).replace(" ", "\u00a0"));
const numbers = (pair, digits) => of95(pair, (v) => v.toFixed(digits));
const counted = (n) => `n\u00a0=\u00a0${whole(n)}.`;

// Intervals by name and edge from RateBands.to_document() of core/metrics/rate_bands.py; null where there is none.
function bandsOf({ names, bands }) {
  const all = decode(bands, Float32Array), size = all.length / (2 * names.length);
  return (name, edge) => {
    const at = 2 * (names.indexOf(name) * size + edge);
    return Number.isNaN(all[at]) ? null : [all[at], all[at + 1]];
  };
}

// AUROC of counts [real, fake, real, fake, ...] over ascending scores, ties half; null with one class.
function area(counts) {
  let reals = 0, fakes = 0, sum = 0;
  for (let i = 0; i < counts.length; i += 2) {
    sum += counts[i + 1] * (reals + counts[i] / 2);
    reals += counts[i]; fakes += counts[i + 1];
  }
  return reals > 0 && fakes > 0 ? sum / (reals * fakes) : null;
}

// Half of the 95 % interval of an AUROC from Hanley & McNeil 1982 with `reals` and `fakes` independent groups.
function areaHalf(a, reals, fakes) {
  if (a === null || reals < 2 || fakes < 2) return null;
  const q1 = a / (2 - a), q2 = (2 * a * a) / (1 + a);
  return 1.96 * Math.sqrt((a * (1 - a) + (fakes - 1) * (q1 - a * a) + (reals - 1) * (q2 - a * a)) / (reals * fakes));
}

// ROC points "false alarms, hits" from the strictest threshold down.
function rocPoints(counts) {
  const points = [[0, 0]];
  let reals = 0, fakes = 0;
  for (let i = counts.length - 2; i >= 0; i -= 2) { reals += counts[i]; fakes += counts[i + 1];
  points.push([reals, fakes]); }
  return points.map(([r, f]) => [reals ? r / reals : 0, fakes ? f / fakes : 0]);
}

const SPAN = 8;
const logit = (p) => (p <= 0 ? -SPAN : p >= 1 ? SPAN : Math.max(-SPAN, Math.min(SPAN, Math.log(p / (1 - p)))));
const PROBABILITIES = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];
const probabilityAxis = (title) => ({ title, low: -SPAN, high: SPAN, of: logit, ticks: PROBABILITIES, text: String });
function numberAxis(title, low, high) {
  const raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw)), step = unit * [1, 2, 5, 10].find((k) =>
    k * unit >= raw * (1 - 1e-9));
  const ticks = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) ticks.push(v);
  return { title, low, high, of: (v) => v, ticks, text: (v) => String(+v.toPrecision(4)) };
}

const shareAxis = (title, high = 1, low = 0) =>
  ({ ...numberAxis(title, low, high), text: (v) => +(100 * v).toPrecision(3) + " %" });

// A frame with axes in one SVG of 380 x 250: x and y give pixels, line and band give path data.
function plot(svg, horizontal, vertical, label) {
  const W = 380, H = 250, L = 60, R = 20, T = 12, B = 42;
  const scale = (axis, from, to) => (v) => {
    const at = (axis.of(v) - axis.low) / (axis.high - axis.low || 1);
    return from + Math.max(0, Math.min(1, at)) * (to - from);
  };
  const x = scale(horizontal, L, W - R), y = scale(vertical, H - B, T);
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const grid = vertical.ticks.map((v) => `<line x1="${L}" x2="${W - R}" y1="${y(v)}" y2="${y(v)}" class="grid"/><text x="${L - 6}" y="${y(v) + 4}" text-anchor="end">${vertical.text(v)}</text>`)
    .concat(horizontal.ticks.map((v) => `<line x1="${x(v)}" x2="${x(v)}" y1="${H - B}" y2="${H - B + 4}" class="tick"/><text x="${x(v)}" y="${H - B + 16}" text-anchor="middle">${horizontal.text(v)}</text>`));
  const middle = (H - B + T) / 2;
  svg.innerHTML = `<g>${grid.join("")}<text x="${(L + W - R) / 2}" y="${H - 6}" text-anchor="middle" class="axis">${horizontal.title}</text>
    <text transform="translate(13 ${middle}) rotate(-90)" text-anchor="middle" class="axis">${vertical.title}</text></g><g class="marks"></g>`;
  const steps = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)},${y(b).toFixed(1)}`).join("");
  return {
    x, y, line: steps, top: T, bottom: H - B, left: L, right: W - R, marks: svg.querySelector(".marks"),
    band: (points) => steps(points.map(([a, b]) => [a, b])) + points.slice().reverse().map(([a, , c]) =>
      `L${x(a).toFixed(1)},${y(c).toFixed(1)}`).join("") + "Z",
  };
}

const REAL = "#17616b", FAKE = "#b3541e", INK = "#1f2933", QUIET = "#66727c", FOUND = "#8a6d1f";
const key = (colour, text, round) =>
  `<span><i style="background:${colour}${round ? ";height:9px;width:9px;border-radius:50%" : ""}"></i>${text}</span>`;
const chart = (title, keys) =>
  `<section class="plot"><h5>${title}</h5><svg></svg><div class="keys">${keys.join("")}</div><p></p></section>`;
const stroke = (d, colour, more = "") => `<path d="${d}" fill="none" stroke="${colour}" stroke-width="2" ${more}/>`;
const shade = (d, colour) => `<path d="${d}" fill="${colour}" fill-opacity=".13" stroke="none"/>`;
const spot = (x, y, colour, words) => `<circle cx="${x}" cy="${y}" r="5" fill="${colour}"><title>${words}</title></circle>`;
const rule = (x1, y1, x2, y2, colour, more = "") =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" ${more}/>`;
const DASHED = 'stroke-dasharray="4 4"';
const diagonal = (frame) => rule(frame.left, frame.bottom, frame.right, frame.top, QUIET, DASHED);
// A point of two shares with both intervals (either may be null).
const cross = (frame, [x, y], wide, tall, colour, words) =>
  (wide ? rule(frame.x(wide[0]), frame.y(y), frame.x(wide[1]), frame.y(y), colour) : "") +
  (tall ? rule(frame.x(x), frame.y(tall[0]), frame.x(x), frame.y(tall[1]), colour) : "") +
  spot(frame.x(x), frame.y(y), colour, words);

// Cards of [name, value, note]; rebuilt only when their number changes.
function fillCards(place, cards) {
  if (place.children.length !== cards.length)
    place.innerHTML = cards.map(() => `<div class="figure"><em></em><b></b><small></small></div>`).join("");
  cards.forEach(([name, value, note], i) => {
    [name, value, note].forEach((text, k) => {
      const node = place.children[i].children[k];
      if (node.textContent !== text) node.textContent = text;
    });
  });
}

// A slider to drag or to step with the arrow keys, below its label and a field to type its number into.
const slider = (label, colour, max, named = label, min = 0) => `<div class="line"><label>${label}</label>
  <input class="${colour}" type="range" min="${min}" max="${max}" step="1" aria-label="${named}">
  <input class="typed" type="text" inputmode="decimal" autocomplete="off" aria-label="${named}, typed"></div>`;
// act(number or null, text) once something was typed. "0,5" and "5 %" are numbers too; "5 percent" and "1-2" are not.
function onTyped(field, act) {
  field.onchange = () => {
    const number = field.value.trim().replace(",", ".").match(/^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(%?)$/i);
    act(number ? +number[1] / (number[2] ? 100 : 1) : null, field.value.trim().toLowerCase());
  };
  field.onfocus = () => field.select();
  field.onkeydown = (event) => event.stopPropagation();  // the page has letters of its own
}
// A sentence about what was typed, read aloud by screen readers (`hint` has role status); `wrong` marks the field.
function advise(field, hint, sentence, wrong = false) {
  if (hint.textContent !== sentence) hint.textContent = sentence;
  hint.classList.toggle("wrong", wrong);
  if (wrong) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
const nearest = (edges, value) =>
  edges.reduce((best, edge, i) => (Math.abs(edge - value) < Math.abs(edges[best] - value) ? i : best), 0);

// Buttons of which one is pressed. options: value -> text.
const choices = (name, options) => `<span class="choices" data-name="${name}">${Object.entries(options).map(
  ([value, text]) => `<button type="button" data-value="${value}">${text}</button>`).join("")}</span>`;
function press(host, name, value) {
  for (const b of host.querySelectorAll(`[data-name=${name}] button`))
    b.setAttribute("aria-pressed", b.dataset.value === value);
}
function onChoice(host, name, act) {
  for (const b of host.querySelectorAll(`[data-name=${name}] button`)) b.onclick = () => act(b.dataset.value);
}

// Calls `send` once the hand has rested for a moment.
function rested(send) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(send, 350); };
}

// No line ends between a number and its sign.
function tie(nodes) {
  for (const node of nodes) {
    const tied = node.textContent.replace(/(\d) %/g, "$1\u00a0%");
    if (tied !== node.textContent) node.textContent = tied;
  }
}

// A board whose sliders' state is `at`: build(host, data) anew when data.identity changes, host.send(state) at rest.
const board = (build) => ({ parentElement, data, setStateValue }) => {
  const host = parentElement.querySelector(".board");
  host.send = (value) => setStateValue("at", value);
  if (host.identity === data.identity && host.firstChild) return;
  host.identity = data.identity;
  build(host, data);
};

// A chart as a file of its own: SVG with title, key, sentence, settings and styles inside, PNG at three times the size, and its
// numbers as CSV.
function hand(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const WIDTH = 380, LETTER = 5.6;  // pixels; a letter of 11 px is at most about that wide on average
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
// Pieces [text, pixels before it] set in lines no wider than the drawing: [[x, line, text], ...] and their count.
function flow(pieces, gap) {
  const placed = [];
  let x = 12, line = 0;
  for (const [text, before] of pieces) {
    const wide = before + text.length * LETTER;
    if (x > 12 && x + wide > WIDTH - 10) { x = 12; line++; }
    placed.push([x, line, text]);
    x += wide + gap;
  }
  return [placed, pieces.length ? line + 1 : 0];
}
function drawing(section, settings) {
  const svg = section.querySelector("svg"), h = +svg.getAttribute("viewBox").split(" ")[3], head = 24;
  const keys = [...section.querySelectorAll(".keys span")], title = section.querySelector("h5").firstChild.textContent;
  const [marks, rows] = flow(keys.map((k) => [k.textContent, 20]), 12);
  const told = `${section.querySelector("p").textContent} ${settings}`.split(" ");
  const [words, lines] = flow(told.map((w) => [w, 0]), 3.2);
  const legend = marks.map(([x, row, text], i) => {
    const { background, height } = keys[i].querySelector("i").style, y = head + h + 12 + 16 * row;
    return (height ? `<circle cx="${x + 6}" cy="${y - 4}" r="4.5" fill="${background}"/>`
      : `<rect x="${x}" y="${y - 5}" width="14" height="3" fill="${background}"/>`) +
      `<text x="${x + 20}" y="${y}">${escaped(text)}</text>`;
  });
  const said = Array.from({ length: lines }, (_, row) => `<text x="12" y="${head + h + 18 + 16 * (rows + row)}"
    fill="${INK}" class="said">${escaped(words.filter((w) => w[1] === row).map((w) => w[2]).join(" "))}</text>`);
  const high = head + h + 16 * (rows + lines) + 16;
  const style = `text{font:11px sans-serif;fill:${QUIET}} .title{font:600 13px sans-serif;fill:${INK}}
    .said{fill:${INK}} .grid{stroke:#eef1f1} .tick{stroke:${QUIET}}`;
  const inner = new XMLSerializer().serializeToString(svg).replace(/^<svg[^>]*>/, "").replace(/<\/svg>$/, "");
  return {
    text: `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${high}" viewBox="0 0 ${WIDTH} ${high}">` +
      `<style>${style}</style><rect width="${WIDTH}" height="${high}" fill="#fff"/>` +
      `<text x="12" y="17" class="title">${escaped(title)}</text><g transform="translate(0 ${head})">${inner}</g>` +
      `${legend.join("")}${said.join("")}</svg>`,
    h: high,
  };
}
function asPicture({ text, h }, name) {
  const picture = new Image(), canvas = document.createElement("canvas");
  picture.onload = () => {
    canvas.width = 3 * WIDTH; canvas.height = 3 * h;
    canvas.getContext("2d").drawImage(picture, 0, 0, 3 * WIDTH, 3 * h);
    canvas.toBlob((blob) => hand(`${name}.png`, blob));
  };
  picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
}
const cell = (value) => (value === null || value === undefined ? "" : /[",\n]/.test(value) ? `"${String(value).replace(/"/g, '""')}"` : value);
// rows(): the header and the lines of the numbers as drawn at this moment; settings(): where the sliders stand, and what
// was judged, in words.
function saves(section, name, rows, settings = () => "") {
  const bar = document.createElement("div");
  bar.className = "choices saves";
  const ways = {
    SVG: () => hand(`${name}.svg`, new Blob([drawing(section, settings()).text], { type: "image/svg+xml" })),
    PNG: () => asPicture(drawing(section, settings()), name),
    CSV: () => hand(`${name}.csv`, new Blob([rows().map((r) => Array.from(r, cell).join(",")).join("\n") + "\n"],
      { type: "text/csv" })),
  };
  for (const [word, act] of Object.entries(ways)) {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = word; button.onclick = act;
    button.setAttribute("aria-label", `Save this chart as ${word}`);
    bar.append(button);
  }
  section.append(bar);
}
