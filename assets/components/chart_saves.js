// Three pills under a chart that Altair drew: the chart as it stands on the screen as SVG and PNG, with its title and
// its sentence inside, and its numbers as CSV. data: {key, stem, title, says, csv}; without a key only the CSV.
const HEAD = 30, SIDE = 10, LINE = 16;
function lines(text, width) {
  const found = [""];
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = (found[found.length - 1] + " " + word).trim();
    if (longer.length * LETTER > width && found[found.length - 1]) found.push(word);
    else found[found.length - 1] = longer;
  }
  return found;
}
// The drawing of the chart under `key` in a frame of its own; null while there is none.
function framed({ key, title, says }) {
  const marks = document.querySelector(`.st-key-${CSS.escape(key)} svg.marks`);
  if (!marks) return null;
  const wide = Math.max(+marks.getAttribute("width"), 360) + 2 * SIDE, high = +marks.getAttribute("height");
  const said = says ? lines(says, wide - 24) : [], full = HEAD + high + said.length * LINE + 16;
  const copy = marks.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("x", SIDE);
  copy.setAttribute("y", HEAD);
  const words = said.map((line, i) => `<text x="12" y="${HEAD + high + 14 + i * LINE}" class="says">${escaped(line)}</text>`);
  return {
    wide, full,
    text: `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${wide}" ` +
      `height="${full}" viewBox="0 0 ${wide} ${full}"><style>text{font-family:sans-serif} .title{font:600 14px ` +
      `sans-serif;fill:${INK}} .says{font:11px sans-serif;fill:${INK}}</style>` +
      `<rect width="${wide}" height="${full}" fill="#fff"/><text x="12" y="20" class="title">${escaped(title)}</text>` +
      `${new XMLSerializer().serializeToString(copy)}${words.join("")}</svg>`,
  };
}
function painted({ text, wide, full }, name) {
  const picture = new Image(), canvas = document.createElement("canvas");
  picture.onload = () => {
    canvas.width = 3 * wide; canvas.height = 3 * full;
    canvas.getContext("2d").drawImage(picture, 0, 0, 3 * wide, 3 * full);
    canvas.toBlob((blob) => hand(name, blob));
  };
  picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
}
export default function ({ data, parentElement }) {
  const place = parentElement.querySelector(".board, .saves");
  const ways = {
    SVG: (of) => hand(`${data.stem}.svg`, new Blob([of.text], { type: "image/svg+xml" })),
    PNG: (of) => painted(of, `${data.stem}.png`),
    CSV: () => hand(`${data.stem}.csv`, new Blob([data.csv], { type: "text/csv" })),
  };
  place.className = "choices saves";
  place.replaceChildren(...Object.entries(ways).filter(([word]) => data.key || word === "CSV").map(([word, act]) => {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = word;
    button.setAttribute("aria-label", `Save ${data.key ? "this chart" : "this table"} as ${word}`);
    button.onclick = () => { const of = word === "CSV" ? {} : framed(data); if (of) act(of); };
    return button;
  }));
}
