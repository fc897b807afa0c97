/* The server's page: texts in, the server asked, cards out. */
"use strict";

(() => {
  const EXAMPLE = "We saw a woman of 58 with hearing loss and tinnitus during treatment with "
    + "azithromycin. Her brother, who took lamotrigine, came with a severe rash and fever. Neither "
    + "of them had been ill before.";
  const AT_ONCE = { documents: 32, chars: 200_000 }; // of one request
  const ON_A_PAGE = 10;
  const TRIES = 6; // of a request that the server is too busy for
  const KNOWN = ["id", "text", "source", "spans", "relations", "label", "meta"];

  const find = (id) => document.getElementById(id);
  const palette = annotations.makePalette();
  let fromFiles = [], results = [], shown = [], running = null;

  // What the server can do

  const WAYS = {
    extract: {
      path: "v1/extract",
      body: () => ({ link: false }),
      name: ({ student }) => (student.kind === "classes" ? "Tell the class" : "Find relations"),
      can: ({ student }) => student,
    },
    linked: {
      path: "v1/extract",
      body: () => ({ link: true }),
      name: () => "Find relations and link them",
      can: ({ student, linker }) => student && student.kind !== "classes" && linker,
    },
    link: {
      path: "v1/link",
      body: () => ({}),
      name: () => "Link the spans that the files have",
      can: ({ linker }) => linker,
    },
    deidentify: {
      path: "v1/deidentify",
      body: () => ({ how: find("how").value, keep_spans: true }),
      name: ({ deidentify }) => (deidentify.student
        ? "Take out what identifies patients"
        : "Take out dates and numbers of patients (names stay: no student of PHI is loaded)"),
      can: ({ deidentify }) => deidentify,
    },
  };

  async function askWhatIsLoaded() {
    try {
      offer(await ask("v1/models"));
    } catch (problem) {
      find("about").textContent = problem.status === 401
        ? "The server asks for a key."
        : `The server did not say what it has loaded: ${problem.message}`;
      if (problem.status === 401) find("key-row").open = true;
    }
  }

  function offer(models) {
    const ways = Object.entries(WAYS).filter(([, way]) => way.can(models));
    const chosen = way();
    find("what").replaceChildren(find("what").firstElementChild);
    for (const [value, { name }] of ways) {
      const label = annotations.html("label"), radio = annotations.html("input");
      Object.assign(radio, { type: "radio", name: "way", value });
      radio.checked = chosen ? value === chosen : value === ways[0][0];
      label.append(radio, name(models));
      find("what").append(label);
    }
    const { student, linker } = models;
    (student?.labels ?? []).forEach(palette); // a label has its color whatever is found first
    const parts = [
      student ? `a student of the task ${student.task}` : "no student",
      linker ? `a linker of ${linker.entities ?? "some"} entities` : "no linker",
    ];
    find("about").textContent = `Loaded: ${parts.join(", ")}.`;
    showHow();
  }

  const way = () => document.querySelector("input[name=way]:checked")?.value;
  const showHow = () => { find("how-row").hidden = way() !== "deidentify"; };

  // Asking it

  class Problem extends Error {
    constructor(message, status = 0) {
      super(message);
      this.status = status;
    }
  }

  /* Return the server's answer; one that is busy is asked again when it says. */
  async function ask(path, body, signal) {
    const headers = {};
    if (find("key").value) headers.Authorization = `Bearer ${find("key").value.trim()}`;
    const request = { headers, signal };
    if (body) {
      headers["Content-Type"] = "application/json";
      Object.assign(request, { method: "POST", body: JSON.stringify(body) });
    }
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(path, request).catch((error) => {
        if (error.name === "AbortError") throw error;
        throw new Problem("the server can't be reached; is it still running?");
      });
      if (response.ok) return response.json();
      const busy = response.status === 503 || response.status === 429;
      if (!busy || attempt === TRIES) throw await problemOf(response);
      await rest(Number(response.headers.get("Retry-After")) || 2, signal);
    }
  }

  async function problemOf(response) {
    const { error } = await response.json().catch(() => ({}));
    if (!error?.message) {
      return new Problem(`the server answered ${response.status} ${response.statusText}`, response.status);
    }
    const where = [error.document && `document ${error.document}`, error.field].filter(Boolean);
    const place = where.length ? ` (${where.join(", ")})` : "";
    return new Problem(`${error.message}${place}`, response.status);
  }

  /* Wait, telling for how long. */
  async function rest(seconds, signal) {
    for (let left = Math.ceil(seconds); left > 0; left -= 1) {
      tell(`The server is busy; asking again in ${left} s.`);
      await new Promise((done, failed) => {
        const timer = setTimeout(done, 1000);
        signal?.addEventListener("abort", () => {
          clearTimeout(timer);
          failed(signal.reason);
        }, { once: true });
      });
    }
  }

  const tell = (message) => { find("status").textContent = message; };

  function complain(problem) {
    find("error").textContent = `That did not work: ${problem.message}`;
    if (problem.status !== 401) return;
    find("key-row").open = true;
    find("key").focus();
  }

  // What is asked about

  function gather() {
    const text = find("text").value;
    const documents = [...fromFiles];
    if (text.trim()) documents.unshift({ id: freeId("text", documents), text });
    if (!documents.length) throw new Problem("there is no text; paste one, or choose files");
    return documents;
  }

  function freeId(id, documents) {
    const taken = new Set(documents.map((one) => one.id));
    let free = id;
    for (let n = 2; taken.has(free); n += 1) free = `${id}-${n}`;
    return free;
  }

  async function takeFiles(files) {
    find("error").textContent = "";
    try {
      for (const file of files) await takeFile(file);
    } catch (problem) {
      complain(problem);
    }
    showFiles();
  }

  async function takeFile(file) {
    const content = await file.text();
    if (!/\.(jsonl|ndjson|json)$/i.test(file.name)) {
      fromFiles.push({ id: freeId(file.name.replace(/\.[^.]*$/, "") || "text", fromFiles), text: content });
      return;
    }
    content.split(/\r?\n/).forEach((line, index) => {
      if (!line.trim()) return;
      fromFiles.push(readLine(line, `${file.name}:${index + 1}`));
    });
  }

  function readLine(line, where) {
    let found;
    try {
      found = JSON.parse(line);
    } catch {
      throw new Problem(`${where} is not JSON; one document a line is needed`);
    }
    if (typeof found?.text !== "string") throw new Problem(`${where} has no text`);
    const entries = Object.entries(found).filter(([key, value]) => KNOWN.includes(key) && value !== null);
    const record = Object.fromEntries(entries);
    return { ...record, id: freeId(String(found.id ?? where), fromFiles) };
  }

  function showFiles() {
    const n = fromFiles.length;
    find("chosen").textContent = n ? `${cards.count(n, "document")} from files` : "";
    find("forget").hidden = !n;
  }

  function* portions(documents) {
    let portion = [], n_chars = 0;
    for (const one of documents) {
      const full = portion.length >= AT_ONCE.documents || n_chars + one.text.length > AT_ONCE.chars;
      if (full && portion.length) {
        yield portion;
        portion = [];
        n_chars = 0;
      }
      portion.push(one);
      n_chars += one.text.length;
    }
    yield portion;
  }

  async function start() {
    if (running) return;
    find("error").textContent = "";
    running = new AbortController();
    find("start").disabled = true;
    find("cancel").hidden = false;
    try {
      await annotate(gather(), WAYS[way()] ?? WAYS.extract, running.signal);
    } catch (problem) {
      tell("");
      if (problem.name === "AbortError") tell("Stopped.");
      else complain(problem);
    } finally {
      running = null;
      find("start").disabled = false;
      find("cancel").hidden = true;
    }
  }

  async function annotate(documents, { path, body }, signal) {
    let fresh = true;
    tell("Asking the server.");
    for (const portion of portions(documents)) {
      const answer = await ask(path, { documents: portion, ...body() }, signal);
      if (fresh) clear();
      fresh = false;
      results.push(...answer.documents);
      fill();
      tell(`${results.length} of ${cards.count(documents.length, "document")}.`);
    }
    const n_relations = sum("relations"), n_spans = sum("spans");
    tell(`Done: ${cards.count(results.length, "document")}, ${cards.count(n_spans, "span")}, `
      + `${cards.count(n_relations, "relation")}.`);
    find("results-title").focus({ preventScroll: true });
    find("results").scrollIntoView({ block: "start" });
  }

  const sum = (name) => results.reduce((total, one) => total + (one[name] ?? []).length, 0);

  // Results

  function clear() {
    shown.forEach((card) => card.remove());
    shown = [];
    results = [];
  }

  const threshold = () => Number(find("threshold").value);

  /* Draw what is not drawn yet, up to the end of the page. */
  function fill(n = ON_A_PAGE) {
    find("results").hidden = false;
    const graded = results.some((one) => [...one.spans, ...one.relations].some((each) => each.confidence != null));
    find("threshold-row").hidden = !graded;
    const end = Math.max(n, shown.length);
    for (const record of results.slice(shown.length, end)) {
      const options = { palette, threshold: threshold(), level: 3, open: true };
      shown.push(new cards.Card(find("list"), record, options));
    }
    find("more").hidden = shown.length >= results.length;
  }

  /* Return the results with what is shown of them. */
  const kept = () => results.map((record) => ({ ...record, ...annotations.keep(record, threshold()) }));

  const EXPORTS = {
    jsonl: () => exporting.save("decoct.jsonl", exporting.toJsonl(kept()), "application/x-ndjson"),
    brat: () => exporting.save("decoct-brat.zip", exporting.toBrat(kept())),
    csv: () => exporting.save("decoct.csv", exporting.toCsv(kept()), "text/csv"),
  };

  // What the reader does

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  find("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
  });
  find("cancel").addEventListener("click", () => running?.abort());
  find("example").addEventListener("click", () => {
    find("text").value = EXAMPLE;
    start();
  });
  find("files").addEventListener("change", async (event) => {
    await takeFiles(event.target.files);
    event.target.value = "";
  });
  find("forget").addEventListener("click", () => {
    fromFiles = [];
    showFiles();
    find("files").focus();
  });
  find("what").addEventListener("change", showHow);
  find("key").addEventListener("change", askWhatIsLoaded);
  find("threshold").addEventListener("input", () => {
    find("threshold-value").textContent = threshold().toFixed(2);
    shown.forEach((card) => card.setThreshold(threshold()));
  });
  find("more").addEventListener("click", () => {
    const first = shown.length;
    fill(first + ON_A_PAGE);
    shown[first].root.focus();
  });
  for (const button of document.querySelectorAll("[data-export]")) {
    button.addEventListener("click", () => EXPORTS[button.dataset.export]());
  }
  const drop = find("drop");
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) takeFiles(event.dataTransfer.files);
    else find("text").value = event.dataTransfer.getData("text");
  });

  askWhatIsLoaded();
})();
