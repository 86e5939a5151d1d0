// A button that hands out the chart drawn under `data.key` as an SVG file, as it stands on the screen.
export default function ({ data, parentElement }) {
  const place = parentElement.querySelector(".board");
  place.innerHTML = '<button type="button" style="border:0;background:none;cursor:pointer;font:inherit">SVG</button>';
  place.firstChild.onclick = () => {
    const svg = document.querySelector(`.st-key-${CSS.escape(data.key)} svg`);
    const marks = document.querySelector(`.st-key-${CSS.escape(data.key)} svg.marks`) || svg;
    if (!marks) return;
    const copy = marks.cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    hand(`${data.stem}.svg`, new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
  };
}
