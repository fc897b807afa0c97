/* A card of a document: its head, its picture, and tables that say the same as the picture. */
"use strict";

const cards = (() => {
  const { html, nameLink, sure, words } = annotations;
  let n_made = 0; // names elements that others refer to

  /* A document's card in a host element.

     options: palette, threshold, level (of the heading, 2 or 3), open (tables shown at once),
     apart (gold and predicted in a picture each, where annotations have verdicts). */
  class Card {
    constructor(host, record, options = {}) {
      this.record = record;
      this.options = { palette: annotations.makePalette(), threshold: 0, level: 2, ...options };
      this.root = html("article", "card");
      this.root.tabIndex = -1;
      this.body = html("div", "card-body");
      this.root.append(this.makeHead(), this.body);
      host.append(this.root);
      this.pictures = [];
      this.pictureHost = html("div");
      this.tables = html("div", "tables");
      this.body.append(this.pictureHost, this.tables);
      this.drawPictures();
      this.fillTables();
      this.root.addEventListener("keydown", (event) => {
        if (event.key === "Escape") this.pin(null);
      });
    }

    remove() {
      this.pictures.forEach((picture) => picture.remove());
      this.root.remove();
    }

    /* Show only what is at least so sure. */
    setThreshold(threshold) {
      this.options.threshold = threshold;
      this.pictures.forEach((picture) => picture.setThreshold(threshold));
      this.fillTables();
    }

    makeHead() {
      const { record } = this, head = html("div", "card-head");
      const title = html(`h${this.options.level}`, "", record.id);
      title.id = `card-${n_made++}`;
      this.root.setAttribute("aria-labelledby", title.id);
      head.append(title);
      if (record.source) head.append(html("span", "", record.source));
      if (record.label != null) {
        const probability = record.meta?.confidence;
        const sureness = typeof probability === "number" ? probability.toFixed(2) : "";
        head.append(html("span", "class", words(`class: ${record.label}`, sureness)));
      }
      if (record.gold_label !== undefined) {
        const same = record.gold_label === record.label;
        const gold = record.gold_label ?? "none";
        head.append(html("span", "", same ? "right" : `wrong, gold says ${gold}`));
      }
      return head;
    }

    drawPictures() {
      const { record, options } = this;
      const sides = options.apart
        ? [["gold", "invented"], ["predicted", "missed"]]
        : [["", null]];
      for (const [name, other] of sides) {
        if (name) this.pictureHost.append(html("p", "card-side", name));
        const side = other ? { ...record, ...without(record, other) } : record;
        this.pictures.push(new annotations.Picture(this.pictureHost, side, {
          palette: options.palette,
          threshold: options.threshold,
          onPoint: (what) => this.mark(what),
        }));
      }
    }

    pin(what) {
      this.pictures.forEach((picture) => picture.pin(what));
      this.mark(what);
    }

    /* Bring out the rows of what is pointed at. */
    mark(what) {
      for (const row of this.tables.querySelectorAll("tbody tr")) {
        const one = row.annotation;
        const on = Boolean(what) && (what.relations.has(one) || what.ids.has(one.id));
        row.classList.toggle("pointed", on);
      }
      for (const button of this.tables.querySelectorAll(".show")) {
        const pinned = this.pictures.some((picture) => picture.pinned?.of === button.annotation);
        button.setAttribute("aria-pressed", String(pinned));
      }
    }

    fillTables() {
      const { spans, relations } = annotations.keep(this.record, this.options.threshold);
      this.byId = new Map(spans.map((span) => [span.id, span]));
      this.judged = [...spans, ...relations].some((one) => one.verdict);
      const claims = this.record.meta?.ungrounded ?? [];
      const parts = [];
      if (relations.length) parts.push(this.relationTable(relations));
      if (spans.length) parts.push(this.spanTable(spans));
      if (claims.length) parts.push(claimList(claims));
      if (!parts.length) {
        this.tables.replaceChildren(html("p", "note", this.sayNothing()));
        return;
      }
      const wasOpen = this.tables.querySelector("details")?.open;
      const details = html("details");
      details.open = wasOpen ?? Boolean(this.options.open);
      const counts = [count(relations.length, "relation"), count(spans.length, "span")];
      details.append(html("summary", "", `${counts.join(", ")} as a table`), ...parts);
      this.tables.replaceChildren(details);
    }

    sayNothing() {
      if (this.record.meta?.deidentified) return sayTakenOut(this.record.meta.deidentified);
      if (this.record.label != null) return "";
      return this.record.spans.length ? "Nothing is so sure." : "Nothing is marked in this text.";
    }

    relationTable(relations) {
      const header = ["subject", "relation", "object", "confidence"];
      return this.table("Relations", header, relations, (one) => [
        this.showButton(one, this.byId.get(one.subject).text, "subject of"),
        html("span", "tag", one.label),
        html("span", "", this.byId.get(one.object).text),
        sure(one),
      ]);
    }

    spanTable(spans) {
      const linked = spans.some((span) => span.link);
      const header = ["words", "label", ...(linked ? ["means"] : []), "confidence"];
      return this.table("Spans", header, spans, (span) => [
        this.showButton(span, span.text),
        html("span", `tag c${this.options.palette(span.label)}`, span.label),
        ...(linked ? [linkCell(span)] : []),
        sure(span),
      ]);
    }

    table(caption, header, items, cellsOf) {
      const table = html("table"), head = html("tr"), body = html("tbody");
      const titles = this.judged ? [...header, "against gold"] : header;
      for (const title of titles) {
        const cell = html("th", title === "confidence" ? "number" : "", title);
        cell.scope = "col";
        head.append(cell);
      }
      for (const one of items) {
        const row = html("tr");
        row.annotation = one;
        const cells = cellsOf(one);
        if (this.judged) cells.push(html("span", `${one.verdict}-word`, one.verdict ?? ""));
        cells.forEach((content, index) => {
          const cell = html("td", titles[index] === "confidence" ? "number" : "");
          cell.append(content);
          row.append(cell);
        });
        body.append(row);
      }
      const top = html("thead");
      top.append(head);
      table.append(html("caption", "", caption), top, body);
      return table;
    }

    /* A button that brings an annotation out in the picture, and again that lets it go. */
    showButton(one, text) {
      const button = html("button", "show", text);
      button.type = "button";
      button.annotation = one;
      button.title = "Show in the text";
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        if (this.pictures.some((picture) => picture.pinned?.of === one)) {
          this.pin(null);
          return;
        }
        const what = one.subject
          ? { ids: new Set([one.subject, one.object]), relations: new Set([one]) }
          : this.pictures[0].around(one);
        this.pin({ ...what, of: one });
        this.pictures[0].reveal(one.subject ?? one.id);
      });
      return button;
    }
  }

  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

  /* Return a record's annotations without those of one verdict; gold's have no confidence. */
  function without(record, verdict) {
    const told = (one) => (verdict === "invented" ? { ...one, confidence: null } : one);
    const others = (all) => all.filter((one) => one.verdict !== verdict).map(told);
    return { spans: others(record.spans), relations: others(record.relations) };
  }

  function linkCell(span) {
    const cell = html("span"), { link } = span;
    if (!link) return cell;
    cell.append(html("span", "", words(nameLink(link), sure(link))));
    if (span.gold_link) cell.append(html("div", "", `gold says ${nameLink(span.gold_link)}`));
    const candidates = link.candidates ?? [];
    if (!candidates.length) return cell;
    const details = html("details"), list = html("ol");
    for (const one of candidates) {
      const item = html("li", "", one.name);
      const score = one.score == null ? "" : one.score.toPrecision(3);
      item.append(" ", html("small", "", words(one.id, score)));
      list.append(item);
    }
    details.append(html("summary", "", count(candidates.length, "candidate")), list);
    cell.append(details);
    return cell;
  }

  function claimList(claims) {
    const part = html("div"), list = html("ul");
    part.append(html("p", "note", "Stated by the teacher, but not in the text:"), list);
    for (const claim of claims) {
      list.append(html("li", "", `${claim.subject} – ${claim.label} – ${claim.object}`));
    }
    return part;
  }

  /* Say what was taken out of a text, and what is left that looks like it should have been. */
  function sayTakenOut({ counts, left }) {
    const taken = Object.entries(counts).map(([label, n]) => `${n} ${label}`).join(", ");
    const rest = left.map((one) => words(one.label, `in ${one.where}`)).join(", ");
    return words(`Taken out: ${taken || "nothing"}.`, rest && `Still there: ${rest}.`);
  }

  return { Card, count };
})();
