/** A crosshair that reads a timeline's numbers out, and details that are open on paper. Plain script, no library. */
export const SCRIPT = `
(() => {
  const names = ["answered with an error", "timed out", "connection failed", "dropped"];
  const box = document.getElementById("reading");
  const clock = (ms) => (ms < 60000 ? (ms / 1000).toFixed(1) + " s" : Math.floor(ms / 60000) + ":" + String(Math.floor(ms / 1000) % 60).padStart(2, "0"));
  const ms = (v) => (v === null ? "–" : v < 1000 ? v + " ms" : (v / 1000).toFixed(2) + " s");
  for (const chart of document.querySelectorAll(".chart")) {
    const data = JSON.parse(chart.querySelector("script").textContent);
    for (const svg of chart.querySelectorAll("svg")) {
      const { from, to, top, bottom } = Object.fromEntries(Object.entries(svg.dataset).map(([k, v]) => [k, Number(v)]));
      const line = document.createElementNS(svg.namespaceURI, "path");
      line.setAttribute("class", "crosshair");
      svg.append(line);
      const hide = () => { box.hidden = true; line.removeAttribute("d"); };
      svg.addEventListener("pointerleave", hide);
      svg.addEventListener("pointermove", (event) => {
        const frame = svg.getBoundingClientRect();
        const x = ((event.clientX - frame.left) / frame.width) * svg.viewBox.baseVal.width;
        const bin = Math.floor(((x - from) / (to - from)) * data.good.length);
        if (bin < 0 || bin >= data.good.length) return hide();
        const rows = [["good", data.good[bin]], ["p50", ms(data.p50[bin])], ["p99", ms(data.p99[bin])]];
        names.forEach((name, i) => { const n = data.failed[i][bin]; if (n) rows.push([name, n]); });
        box.replaceChildren();
        const head = document.createElement("b");
        head.textContent = clock(bin * data.widthMs) + " to " + clock((bin + 1) * data.widthMs);
        box.append(head);
        for (const [name, value] of rows) {
          const row = document.createElement("div");
          const [a, b] = [document.createElement("span"), document.createElement("span")];
          a.textContent = name; b.textContent = value;
          row.append(a, b); box.append(row);
        }
        box.hidden = false;
        const left = event.clientX + 16 + box.offsetWidth > innerWidth ? event.clientX - 16 - box.offsetWidth : event.clientX + 16;
        box.style.left = Math.max(4, left) + "px";
        box.style.top = Math.min(event.clientY + 12, innerHeight - box.offsetHeight - 8) + "px";
        const at = from + ((bin + 0.5) / data.good.length) * (to - from);
        line.setAttribute("d", "M" + at + " " + top + "V" + bottom);
      });
    }
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
})();
`;
