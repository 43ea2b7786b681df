// Search and filters of the archive's index; every word from the records goes in as text.
(() => {
  "use strict";
  const rows = JSON.parse(document.getElementById("rows").textContent);
  const words = JSON.parse(document.getElementById("words").textContent);
  const badges = document.getElementById("badges").content;
  const form = document.querySelector(".filters");
  const body = document.querySelector(".runs tbody");
  const more = document.querySelector(".more");
  const output = form.querySelector("output");
  const PAGE = 100;
  const [MONITOR, WINDOW, STATUS, HEADLINE, HREF, PRUNED] = [0, 1, 2, 3, 4, 5];
  const kept = rows.filter((r) => !r[PRUNED]).length;
  const texts = rows.map((r) => `${r[MONITOR]} ${r[WINDOW]} ${words[r[STATUS]]} ${r[HEADLINE]}`.toLowerCase());
  let found = [];
  let shown = 0;

  const cell = (content) => { const td = document.createElement("td"); td.append(content); return td; };
  const line = (r) => {
    const tr = document.createElement("tr");
    const link = document.createElement("a");
    link.href = r[HREF];
    link.textContent = r[WINDOW];
    const badge = badges.querySelector(`[data-status="${r[STATUS]}"]`).cloneNode(true);
    tr.append(cell(link), cell(badge), cell(r[HEADLINE]), cell(r[MONITOR]));
    if (r[PRUNED]) {
      tr.className = "pruned";
      tr.children[2].append(" (report removed)");
    }
    return tr;
  };
  const extend = () => {
    body.append(...found.slice(shown, shown + PAGE).map((i) => line(rows[i])));
    shown = Math.min(shown + PAGE, found.length);
    more.hidden = shown >= found.length;
  };
  const filter = () => {
    const wanted = form.elements.q.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const monitor = form.elements.monitor.value;
    const status = form.elements.status.value;
    const pruned = form.elements.pruned?.checked ?? false;
    found = [];
    for (let i = 0; i < rows.length; i += 1) {
      if (rows[i][PRUNED] && !pruned) continue;
      if (monitor && rows[i][MONITOR] !== monitor) continue;
      if (status && rows[i][STATUS] !== status) continue;
      if (wanted.every((word) => texts[i].includes(word))) found.push(i);
    }
    body.replaceChildren();
    shown = 0;
    extend();
    const all = pruned ? rows.length : kept;
    output.value = found.length === all ? "" : `${found.length.toLocaleString("en")} of ${all.toLocaleString("en")} runs`;
  };
  const fromLink = () => {
    const link = new URLSearchParams(location.hash.slice(1));
    for (const name of ["q", "monitor", "status"]) form.elements[name].value = link.get(name) ?? "";
    if (form.elements.pruned) form.elements.pruned.checked = link.has("pruned");
    filter();
  };
  form.addEventListener("input", () => {
    const link = new URLSearchParams();
    for (const name of ["q", "monitor", "status"]) {
      if (form.elements[name].value) link.set(name, form.elements[name].value);
    }
    if (form.elements.pruned?.checked) link.set("pruned", "1");
    history.replaceState(null, "", `#${link}`);
    filter();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", extend);
  window.addEventListener("hashchange", fromLink);
  form.hidden = false;
  fromLink();
  document.documentElement.dataset.mondrift = "ready";
})();
