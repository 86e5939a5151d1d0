// The list of jobs as a table; the button of a row opens its job. data: {rows}, a row of pages/jobs.py:job_rows each.
// Rows are kept by job and changed in place, so that a refresh takes neither the focus nor the place on the screen.
const JOB_HEADS = ["State", "Job", "Progress", "Message", "Started", "Took"];
const jobCell = (name, inside) => `<td role="cell" data-head="${name}">${inside}</td>`;
function rowFor(open) {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  row.innerHTML = jobCell("State", '<span class="chip"></span>') + jobCell("Job", '<button type="button"></button>') +
    jobCell("Progress", '<progress max="1"></progress> <span class="percent"></span>') +
    jobCell("Message", '<span class="message"></span>') + jobCell("Started", '<span class="before"></span><time></time>') +
    jobCell("Took", '<span class="took"></span>');
  row.querySelector("button").onclick = open;
  return row;
}
function fillRow(row, job) {
  const put = (place, text) => { const found = row.querySelector(place); if (found.textContent !== text) found.textContent = text; };
  put(".chip", job.state); put("button", job.title); put(".percent", job.percent);
  put(".message", job.message); put(".before", job.before); put("time", job.local); put(".took", job.took);
  row.querySelector(".chip").style.setProperty("--tone", job.tone);
  row.querySelector("time").dateTime = job.utc; row.querySelector("time").title = job.utc;
  const bar = row.querySelector("progress");
  bar.value = job.share; bar.setAttribute("aria-label", `Progress of ${job.title}`);
}
export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".board, .jobs");
  if (!place.querySelector("table")) {
    place.className = "jobs";
    place.innerHTML = `<table role="table" aria-label="Jobs, newest first"><thead role="rowgroup"><tr role="row">${
      JOB_HEADS.map((name) => `<th role="columnheader" scope="col">${name}</th>`).join("")}</tr></thead>` +
      '<tbody role="rowgroup"></tbody></table>';
    place.rows = new Map();
  }
  const body = place.querySelector("tbody"), wanted = new Set(data.rows.map((job) => job.id));
  for (const [id, row] of place.rows) if (!wanted.has(id)) { row.remove(); place.rows.delete(id); }
  data.rows.forEach((job, at) => {
    if (!place.rows.has(job.id)) place.rows.set(job.id, rowFor(() => setTriggerValue("open", job.id)));
    const row = place.rows.get(job.id);
    fillRow(row, job);
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] || null);
  });
}
