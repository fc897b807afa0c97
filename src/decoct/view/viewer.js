/* Many documents, a few at a time: searched, filtered, and drawn only when it is their turn. */
"use strict";

(() => {
  const ON_A_PAGE = 10;
  const { documents, compared } = JSON.parse(document.getElementById("documents").textContent);
  const find = (id) => document.getElementById(id);
  const list = find("list"), status = find("status");
  const labelsOf = (record) => [
    ...record.spans.map((span) => span.label),
    ...record.relations.map((relation) => relation.label),
    ...(record.label == null ? [] : [record.label]),
  ];
  const spanLabels = [...new Set(documents.flatMap((one) => one.spans.map((span) => span.label)))];
  const palette = annotations.makePalette(spanLabels.sort());
  const differs = (one) => one.verdict && (one.verdict !== "right" || one.gold_link);

  const KINDS = {
    all: () => true,
    related: (record) => record.relations.length > 0,
    unrelated: (record) => record.relations.length === 0,
    marked: (record) => record.spans.length > 0,
    differing: (record) =>
      record.spans.some(differs) || record.relations.some(differs)
      || (record.gold_label !== undefined && record.gold_label !== record.label),
  };

  let fitting = documents, first = 0, shown = [];

  function filter() {
    const query = find("query").value.trim().toLowerCase();
    const kind = KINDS[find("kind").value], label = find("label").value;
    fitting = documents.filter((record) =>
      kind(record)
      && (!label || labelsOf(record).includes(label))
      && (!query || record.text.toLowerCase().includes(query)
        || record.id.toLowerCase().includes(query)));
    first = 0;
    draw();
  }

  function draw() {
    shown.forEach((card) => card.remove());
    const turn = fitting.slice(first, first + ON_A_PAGE);
    const options = {
      palette,
      threshold: Number(find("threshold").value),
      level: documents.length === 1 ? 1 : 2,
      apart: compared && find("apart").checked,
    };
    shown = turn.map((record) => new cards.Card(list, record, options));
    const all = cards.count(documents.length, "document");
    const of = fitting.length === documents.length ? all : `${fitting.length} found, ${all} in all`;
    status.textContent = turn.length
      ? `${first + 1} to ${first + turn.length} of ${of}`
      : `No document of ${documents.length} fits. Clear the search, or choose all.`;
    for (const button of document.querySelectorAll("[data-step]")) {
      const target = first + button.dataset.step * ON_A_PAGE;
      button.disabled = target < 0 || target >= fitting.length;
      button.hidden = documents.length <= ON_A_PAGE;
    }
    find("below").hidden = fitting.length <= ON_A_PAGE;
  }

  function step(by) {
    const target = first + by * ON_A_PAGE;
    if (target < 0 || target >= fitting.length) return;
    first = target;
    draw();
    shown[0].root.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  function fillControls() {
    for (const label of [...new Set(documents.flatMap(labelsOf))].sort()) {
      const option = annotations.html("option", "", label);
      option.value = label;
      find("label").append(option);
    }
    const graded = documents.some((record) =>
      [...record.spans, ...record.relations].some((one) => one.confidence != null));
    find("grading").hidden = !graded;
    find("controls").hidden = documents.length === 1 && !graded && !compared;
    for (const control of document.querySelectorAll(".many")) control.hidden = documents.length === 1;
    for (const control of document.querySelectorAll(".compared")) control.hidden = !compared;
  }

  function listen() {
    let waiting = 0;
    find("query").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 120);
    });
    find("kind").addEventListener("change", filter);
    find("label").addEventListener("change", filter);
    find("apart").addEventListener("change", draw);
    find("threshold").addEventListener("input", () => {
      const threshold = Number(find("threshold").value);
      find("threshold-value").textContent = threshold.toFixed(2);
      shown.forEach((card) => card.setThreshold(threshold));
    });
    for (const button of document.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => step(Number(button.dataset.step)));
    }
    document.addEventListener("keydown", (event) => {
      const plain = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
      if (!plain || event.target.closest("input, select, textarea")) return;
      if (event.key === "ArrowRight") step(1);
      if (event.key === "ArrowLeft") step(-1);
    });
  }

  fillControls();
  listen();
  filter();
})();
