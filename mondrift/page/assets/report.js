// Draws the charts of one report from the JSON beside them, with the library packed in the page.
(async () => {
  "use strict";
  const packed = document.getElementById("mondrift-vega");
  const charts = [...document.querySelectorAll("figure[data-chart]")];
  const waiting = (figure) => figure.classList.add("waiting");
  if (!packed || typeof DecompressionStream === "undefined") { charts.forEach(waiting); return; }
  try {
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  } catch { charts.forEach(waiting); return; }

  const deny = () => Promise.reject(new Error("A report requests nothing."));
  const loader = { load: deny, sanitize: deny, http: deny, file: deny };
  const config = JSON.parse(document.getElementById("mondrift-config").textContent);
  const narrow = window.innerWidth < 560;
  if (narrow) {
    config.axis = { ...config.axis, labelLimit: 96, labelFontSize: 11 };
    config.legend = { ...config.legend, labelLimit: 110, columns: 2 };
  }
  const draw = async (figure) => {
    if (figure.dataset.chart !== "new") return;
    figure.dataset.chart = "drawing";
    try {
      const spec = JSON.parse(figure.querySelector("script").textContent);
      await window.vegaEmbed(figure.querySelector(".live-chart"), spec, {
        mode: "vega-lite", renderer: "svg", ast: true, actions: false, loader, config,
        tooltip: { disableDefaultStyle: true },
      });
      figure.dataset.chart = "drawn";
      figure.classList.add("live");
    } catch {
      figure.dataset.chart = "failed";
      waiting(figure);
    }
  };
  const folded = (figure) => figure.closest("details:not([open])");
  for (const group of document.querySelectorAll("details.group")) {
    group.addEventListener("toggle", async () => {
      for (const figure of group.querySelectorAll("figure[data-chart]")) {
        if (!folded(figure)) await draw(figure);
      }
    });
  }
  window.addEventListener("beforeprint", () => {
    for (const group of document.querySelectorAll("details.group")) group.open = true;
  });
  for (const figure of charts) {
    if (!folded(figure)) await draw(figure);
  }
  document.documentElement.dataset.mondrift = "ready";
})();
