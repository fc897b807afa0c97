/* A document as a picture: its text, spans behind it, arrows from subject to object above it.

   The text flows as the browser sets it. All else is one SVG behind it, laid out by where the
   text's pieces came to lie, and again whenever the width changes. A line gets as much room as its
   arrows (above) and labels (below) need, and an arrow to another line goes by way of a margin, so
   nothing crosses the text.

   A record is what decoct writes as a line of JSONL. A span or relation may have a `verdict`
   besides: right, missed or invented. Strings go into the page as text only, never as markup. */
"use strict";

const annotations = (() => {
  const SVG = "http://www.w3.org/2000/svg"; // a name, nothing is fetched
  const N_COLORS = 8;
  const ARROW_LANE = 17; // room for one arrow above a line, its label included
  const FOOT = 9; // between the lowest arrow and the spans
  const LABEL_LANE = 14; // room for one row of labels below a line
  const NEST = 3; // by how much a span's box is larger than that of one inside it
  const ROUND = 6;
  const GUTTER_LANE = 5;
  const CLIP = 26; // characters of an entity's name in the picture; the table has all of it

  /* Return a function from code points, which records count in, to the UTF-16 units of strings. */
  function unitsOf(text) {
    if (!/[\ud800-\udfff]/.test(text)) return (point) => point;
    const units = [0];
    for (const char of text) units.push(units[units.length - 1] + char.length);
    return (point) => units[point];
  }

  /* Return a function from labels to color numbers; labels that it meets later get the next. */
  function makePalette(labels = []) {
    const colors = new Map();
    const color = (label) => {
      if (!colors.has(label)) colors.set(label, colors.size % N_COLORS);
      return colors.get(label);
    };
    labels.forEach(color);
    return color;
  }

  const fragmentsOf = (span) => span.fragments ?? [[span.start, span.end]];
  const sure = (one) => one.confidence == null ? "" : one.confidence.toFixed(2);
  const clip = (text) => text.length > CLIP ? `${[...text].slice(0, CLIP - 1).join("")}…` : text;
  const flaw = (one) => one.verdict && one.verdict !== "right" ? one.verdict : "";
  const words = (...parts) => parts.filter(Boolean).join(" ");

  /* Return what an entity is called: its name and id, or that there is none. */
  function nameLink(link, short = false) {
    if (link.id == null) return short ? "NIL" : "NIL, none of the entries";
    return words(short ? clip(link.name ?? "") : link.name, link.id, ...(short ? [] : link.also ?? []));
  }

  const labelSpan = (span) => words(
    flaw(span), span.label, sure(span), span.link && `→ ${nameLink(span.link, true)}`,
    span.verdict === "right" && span.gold_link && "(gold links elsewhere)",
  );
  const labelRelation = (relation) => words(flaw(relation), relation.label, sure(relation));

  /* Return the spans and relations that are at least so sure; gold and others without a
     confidence always are. */
  function keep(record, threshold = 0) {
    const enough = (one) => one.confidence == null || one.confidence >= threshold;
    const spans = (record.spans ?? []).filter(enough);
    const there = new Set(spans.map((span) => span.id));
    const relations = (record.relations ?? []).filter(
      (one) => enough(one) && there.has(one.subject) && there.has(one.object),
    );
    return { spans, relations };
  }

  /* Cut a text wherever a span's fragment begins or ends: [{text, spans}], in order. */
  function cut(text, spans) {
    const unit = unitsOf(text);
    const begins = new Map(), ends = new Map();
    const add = (map, at, span) => map.set(at, [...(map.get(at) ?? []), span]);
    for (const span of spans) {
      for (const [start, end] of fragmentsOf(span)) {
        add(begins, unit(start), span);
        add(ends, unit(end), span);
      }
    }
    const edges = [...new Set([0, ...begins.keys(), ...ends.keys(), text.length])];
    edges.sort((a, b) => a - b);
    const open = new Set(), pieces = [];
    edges.forEach((at, index) => {
      for (const span of ends.get(at) ?? []) open.delete(span);
      for (const span of begins.get(at) ?? []) open.add(span);
      const next = edges[index + 1];
      if (next > at) pieces.push({ text: text.slice(at, next), spans: [...open] });
    });
    return pieces;
  }

  /* Return each span's depth: 0 for the innermost, more for those around or across it. */
  function nest(spans) {
    const depths = new Map();
    const size = (span) => span.end - span.start;
    for (const span of [...spans].sort((a, b) => size(a) - size(b) || a.start - b.start)) {
      const taken = new Set();
      for (const [other, depth] of depths) {
        if (span.start < other.end && other.start < span.end) taken.add(depth);
      }
      let depth = 0;
      while (taken.has(depth)) depth += 1;
      depths.set(span, depth);
    }
    return depths;
  }

  /* Give every {from, to} the lowest lane in which it overlaps none before it; return how many. */
  function assignLanes(stretches, gap) {
    const lanes = [];
    for (const one of stretches) {
      let lane = lanes.findIndex((taken) =>
        taken.every((other) => one.to + gap <= other.from || other.to + gap <= one.from));
      if (lane < 0) lane = lanes.push([]) - 1;
      lanes[lane].push(one);
      one.lane = lane;
    }
    return lanes.length;
  }

  /* Return an SVG path through points, its corners rounded. */
  function roundedPath(points) {
    const [[x0, y0], ...rest] = points;
    let path = `M${x0} ${y0}`;
    rest.forEach(([x, y], index) => {
      const next = rest[index + 1];
      if (!next) {
        path += `L${x} ${y}`;
        return;
      }
      const [px, py] = points[index];
      const before = Math.hypot(x - px, y - py), after = Math.hypot(next[0] - x, next[1] - y);
      const r = Math.min(ROUND, before / 2, after / 2);
      const toward = (tx, ty, length) =>
        length ? `${x + ((tx - x) * r) / length} ${y + ((ty - y) * r) / length}` : `${x} ${y}`;
      path += `L${toward(px, py, before)}Q${x} ${y} ${toward(next[0], next[1], after)}`;
    });
    return path;
  }

  function svg(name, attributes = {}, text = null) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== null) element.textContent = text;
    return element;
  }

  function html(name, className = "", text = null) {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== null) element.textContent = text;
    return element;
  }

  const signs = Intl.Segmenter && new Intl.Segmenter();

  /* How long the first sign of a string is, in units; an emoji of several code points is one. */
  function firstSign(text) {
    if (!signs) return [...text][0].length;
    return signs.segment(text)[Symbol.iterator]().next().value.segment.length;
  }

  const pen = document.createElement("canvas").getContext("2d");

  class Picture {
    /* Draw a record into an element.

       options: palette (from makePalette), threshold (0 to 1), onPoint (told which span ids and
       relations are pointed at, or null). */
    constructor(host, record, options = {}) {
      this.record = record;
      this.palette = options.palette ?? makePalette();
      this.onPoint = options.onPoint ?? (() => {});
      this.pinned = null;
      this.root = html("div", "picture");
      this.text = html("p", "picture-text");
      this.layer = svg("svg", { class: "picture-layer", "aria-hidden": "true", focusable: "false" });
      this.root.append(this.layer, this.text);
      host.append(this.root);
      this.setThreshold(options.threshold ?? 0);
      this.listen();
    }

    /* Show only what is at least so sure. */
    setThreshold(threshold) {
      Object.assign(this, keep(this.record, threshold));
      this.byId = new Map(this.spans.map((span) => [span.id, span]));
      this.depths = nest(this.spans);
      this.pieces = cut(this.record.text, this.spans);
      this.root.classList.toggle("has-arrows", this.relations.length > 0);
      this.text.replaceChildren(...this.pieces.map((piece) => {
        if (!piece.spans.length) return document.createTextNode(piece.text);
        piece.element = html("mark", "", piece.text);
        piece.element.title = piece.spans.map(
          (span) => words(span.label, sure(span), span.link && `→ ${nameLink(span.link)}`),
        ).join("\n");
        return piece.element;
      }));
      this.marked = this.pieces.filter((piece) => piece.element);
      this.pieceOf = new Map(this.marked.map((piece) => [piece.element, piece]));
      this.redraw();
    }

    /* Lay everything out again for the width that there is. */
    redraw() {
      this.width = this.root.clientWidth;
      if (!this.width) return; // not shown; the observer will tell
      for (const { element, text } of this.marked) element.textContent = text;
      this.measure();
      this.plan();
      this.makeRoom();
      this.measure();
      this.paint();
    }

    remove() {
      this.observer.disconnect();
      this.root.remove();
    }

    listen() {
      let asked = 0;
      this.observer = new ResizeObserver(() => {
        if (this.root.clientWidth === this.width) return;
        cancelAnimationFrame(asked);
        asked = requestAnimationFrame(() => this.redraw());
      });
      this.observer.observe(this.root);
      const under = (event) => {
        const piece = this.pieceOf.get(event.target.closest?.("mark"));
        if (!piece) return null;
        const inner = [...piece.spans].sort((a, b) => this.depths.get(a) - this.depths.get(b))[0];
        return this.around(inner);
      };
      this.text.addEventListener("pointerover", (event) => this.point(under(event) ?? this.pinned));
      this.text.addEventListener("pointerleave", () => this.point(this.pinned));
      this.text.addEventListener("click", (event) => this.pin(under(event)));
    }

    /* Return a span with its relations and their other ends. */
    around(span) {
      const relations = this.relations.filter((one) => [one.subject, one.object].includes(span.id));
      const ids = new Set([span.id, ...relations.flatMap((one) => [one.subject, one.object])]);
      return { ids, relations: new Set(relations) };
    }

    /* Keep something pointed at until something else is; null for nothing. */
    pin(what) {
      this.pinned = what;
      this.point(what);
    }

    /* Bring out some spans and relations, {ids, relations}; null for none. */
    point(what) {
      this.pointed = what;
      this.layer.classList.toggle("pointing", Boolean(what));
      for (const group of this.layer.children) {
        const one = group.annotation;
        group.classList.toggle(
          "pointed", Boolean(what) && (what.ids.has(one?.id) || what.relations.has(one)),
        );
      }
      this.onPoint(what);
    }

    /* Bring a span's words into view. */
    reveal(id) {
      const piece = this.marked.find((one) => one.spans.some((span) => span.id === id));
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      piece?.element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    }

    /* Find where the pieces lie: boxes of each span, one a line and fragment, and the lines. */
    measure() {
      const origin = this.root.getBoundingClientRect();
      this.lines = [];
      this.boxes = new Map(this.spans.map((span) => [span, []]));
      const last = new Map(); // span -> the piece before, to see where a fragment begins
      this.pieces.forEach((piece, index) => {
        if (!piece.element) return;
        piece.lines = [];
        for (const rect of piece.element.getClientRects()) {
          if (rect.width < 0.5) continue;
          const top = rect.top - origin.top, bottom = rect.bottom - origin.top;
          const line = this.lineAt(top, bottom);
          piece.lines.push(line);
          for (const span of piece.spans) {
            const boxes = this.boxes.get(span), before = boxes[boxes.length - 1];
            const left = rect.left - origin.left, right = rect.right - origin.left;
            if (before && before.line === line && last.get(span) >= index - 1) {
              before.right = right;
            } else {
              const begins = !(last.get(span) >= index - 1);
              boxes.push({ span, line, left, right, begins, ends: [] });
            }
            last.set(span, index);
          }
        }
      });
    }

    lineAt(top, bottom) {
      const middle = (top + bottom) / 2;
      const found = this.lines.findLast((line) => line.top < middle && middle < line.bottom);
      if (found) return found;
      const line = { top, bottom, number: this.lines.length, runs: [], labels: [], pad: 0 };
      this.lines.push(line);
      return line;
    }

    /* Decide in which lane every arrow runs and every label stands. */
    plan() {
      const { fontWeight, fontSize, fontFamily } = getComputedStyle(this.layer);
      this.widthOf = (text) => {
        pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
        return pen.measureText(text).width;
      };
      this.layOut();
      this.rooms = this.lines.map((line) => ({
        above: line.pad + (line.nLanes ? line.nLanes * ARROW_LANE + FOOT : 2),
        below: line.pad + line.nLabelLanes * LABEL_LANE + 5,
      }));
    }

    layOut() {
      for (const span of this.spans) {
        for (const box of this.boxes.get(span)) {
          box.pad = 1 + NEST * this.depths.get(span);
          box.line.pad = Math.max(box.line.pad, box.pad);
        }
      }
      this.layOutLabels();
      this.layOutArrows();
    }

    layOutLabels() {
      for (const span of this.spans) {
        const boxes = this.boxes.get(span);
        boxes.forEach((box, index) => {
          const elsewhere = index && box.begins && box.line !== boxes[index - 1].line;
          if (index && !elsewhere) return;
          const text = index ? `… ${span.label}` : labelSpan(span);
          const width = this.widthOf(text) + 3;
          const from = Math.max(0, Math.min(box.left, this.width - width));
          box.line.labels.push({ box, text, from, to: from + width });
        });
      }
      for (const line of this.lines) {
        // from the right, below all labels that it runs into: nothing is between it and its span
        line.labels.sort((a, b) => b.box.left - a.box.left || a.box.pad - b.box.pad);
        line.nLabelLanes = 0;
        line.labels.forEach((label, index) => {
          const met = line.labels.slice(0, index).filter((one) => one.from < label.to + 7);
          label.lane = met.length ? 1 + Math.max(...met.map((one) => one.lane)) : 0;
          line.nLabelLanes = Math.max(line.nLabelLanes, label.lane + 1);
        });
      }
    }

    layOutArrows() {
      this.arrows = this.relations.map((relation) => this.route(relation)).filter(Boolean);
      for (const span of this.spans) this.boxes.get(span).forEach(spread);
      for (const arrow of this.arrows) this.addRuns(arrow);
      for (const line of this.lines) {
        line.runs.sort((a, b) => a.to - a.from - (b.to - b.from));
        line.nLanes = assignLanes(line.runs, 4);
      }
      for (const side of ["left", "right"]) {
        const climbs = this.arrows.filter((arrow) => arrow.side === side).map((arrow) => {
          const numbers = [arrow.start.box.line.number, arrow.end.box.line.number];
          arrow.climb = { from: Math.min(...numbers), to: Math.max(...numbers) };
          return arrow.climb;
        });
        climbs.sort((a, b) => a.to - a.from - (b.to - b.from));
        assignLanes(climbs, 0.5);
      }
    }

    /* Choose the boxes that an arrow joins, and by which margin it goes if by any. */
    route(relation) {
      const starts = this.boxes.get(this.byId.get(relation.subject));
      const ends = this.boxes.get(this.byId.get(relation.object));
      if (!starts.length || !ends.length) return null;
      const pairs = starts.flatMap((start) => ends.map((end) => [start, end]));
      const cost = ([a, b]) => a.line === b.line
        ? Math.abs(a.left + a.right - b.left - b.right) / 2
        : this.width * (1 + Math.abs(a.line.number - b.line.number));
      const [start, end] = pairs.reduce((best, pair) => (cost(pair) < cost(best) ? pair : best));
      const middle = (box) => (box.left + box.right) / 2;
      const arrow = { relation, text: labelRelation(relation), side: null };
      let startToward = middle(end), endToward = middle(start);
      if (start.line !== end.line) {
        arrow.side = middle(start) + middle(end) < this.width ? "left" : "right";
        startToward = endToward = arrow.side === "left" ? -1 : this.width + 1;
      }
      arrow.start = { box: start, toward: startToward };
      arrow.end = { box: end, toward: endToward };
      start.ends.push(arrow.start);
      end.ends.push(arrow.end);
      return arrow;
    }

    addRuns(arrow) {
      const { start, end, side, text } = arrow;
      const labelled = (line, a, b, text) => {
        const run = { line, a, b, text, middle: (a + b) / 2 };
        const half = text ? this.widthOf(text) / 2 + 3 : 0;
        run.middle = Math.max(half, Math.min(run.middle, this.width - half));
        run.from = Math.min(a, b, run.middle - half);
        run.to = Math.max(a, b, run.middle + half);
        line.runs.push(run);
        return run;
      };
      if (!side) {
        arrow.runs = [labelled(start.box.line, start.x, end.x, text)];
        return;
      }
      const margin = side === "left" ? 0 : this.width;
      const atStart = Math.abs(start.x - margin) > Math.abs(end.x - margin);
      arrow.runs = [
        labelled(start.box.line, start.x, margin, atStart ? text : ""),
        labelled(end.box.line, margin, end.x, atStart ? "" : text),
      ];
    }

    /* Make lines as tall as their arrows and labels need, by a tall first letter in each. */
    makeRoom() {
      const height = parseFloat(getComputedStyle(this.text).lineHeight);
      const places = this.lines.map((line) => {
        const first = this.marked.find((piece) => piece.lines[0] === line)
          ?? this.marked.find((piece) => piece.lines.includes(line));
        return [first, first.lines[0] === line ? 0 : this.findBreak(first, line)];
      });
      this.lines.forEach((line, number) => {
        const content = line.bottom - line.top, spare = (height - content) / 2;
        const below = Math.ceil(Math.max(this.rooms[number].below, spare));
        const more = Math.max(this.rooms[number].above, spare) - below;
        // a shift of whole pixels: by parts of one, letters would stand higher than their neighbors
        lift(...places[number], below + 2 * Math.ceil(more / 2), below, content);
      });
    }

    /* Return where, in units, a piece that began on an earlier line comes to a line. */
    findBreak(piece, line) {
      const origin = this.root.getBoundingClientRect().top;
      const range = document.createRange();
      for (let node of piece.element.childNodes) {
        while (node.firstChild) node = node.firstChild;
        const offset = piece.text.length - after(node, piece.element);
        for (let at = 0; at < node.length; at += firstSign(node.data.slice(at))) {
          range.setStart(node, at);
          range.setEnd(node, at + firstSign(node.data.slice(at)));
          const rect = range.getBoundingClientRect();
          if (rect.width && rect.bottom - origin > line.top && rect.top - origin < line.bottom) {
            const middle = (rect.top + rect.bottom) / 2 - origin;
            if (middle > line.top && middle < line.bottom) return offset + at;
          }
        }
      }
      return 0;
    }

    paint() {
      this.layOut();
      this.layer.setAttribute("width", this.width);
      this.layer.setAttribute("height", this.root.clientHeight);
      const deepest = [...this.spans].sort((a, b) => this.depths.get(b) - this.depths.get(a));
      this.layer.replaceChildren(
        ...deepest.map((span) => this.paintSpan(span)),
        ...this.arrows.map((arrow) => this.paintArrow(arrow)),
        ...this.arrows.map((arrow) => this.paintArrowHead(arrow)),
      );
      if (this.pointed) this.point(this.pointed);
    }

    group(kind, annotation, color = "") {
      const group = svg("g", { class: words(kind, color, annotation.verdict) });
      group.annotation = annotation;
      return group;
    }

    paintSpan(span) {
      const group = this.group("span", span, `c${this.palette(span.label)}`);
      const boxes = this.boxes.get(span);
      boxes.forEach((box, index) => {
        const wide = Math.min(box.pad + 0.5, 2.5), { top, bottom } = box.line;
        group.append(svg("rect", {
          x: box.left - wide, y: top - box.pad, rx: 3,
          width: box.right - box.left + 2 * wide, height: bottom - top + 2 * box.pad,
        }));
        const before = boxes[index - 1];
        if (before && box.begins && before.line === box.line) {
          const y = bottom + box.pad - 0.5;
          group.append(svg("path", { class: "bridge", d: `M${before.right + wide} ${y}H${box.left - wide}` }));
        }
      });
      for (const box of boxes) {
        for (const label of box.line.labels.filter((one) => one.box === box)) {
          const top = box.line.bottom + box.line.pad + label.lane * LABEL_LANE;
          if (label.lane) {
            const d = `M${label.from} ${box.line.bottom + box.pad}V${top + LABEL_LANE - 2}`;
            group.append(svg("path", { class: "tick", d }));
          }
          group.append(svg("text", { x: label.from + 3, y: top + LABEL_LANE - 3 }, label.text));
        }
      }
      return group;
    }

    paintArrow(arrow) {
      const group = this.group("arrow", arrow.relation);
      const d = roundedPath(this.pointsOf(arrow));
      group.append(svg("path", { class: "halo", d }), svg("path", { class: "shaft", d }));
      return group;
    }

    /* Head and label lie above all shafts, whose halos would cut them. */
    paintArrowHead(arrow) {
      const group = this.group("arrow", arrow.relation);
      const { x, box } = arrow.end, tip = box.line.top - box.pad;
      const run = arrow.runs.find((one) => one.text);
      group.append(
        svg("path", { class: "head", d: `M${x} ${tip}l-3.5 -6h7z` }),
        svg("text", { x: run.middle, y: heightOf(run) - 3.5 }, run.text),
      );
      return group;
    }

    pointsOf(arrow) {
      const { start, end, runs, side } = arrow;
      const y1 = heightOf(runs[0]), y2 = heightOf(runs[runs.length - 1]);
      const foot = [start.x, start.box.line.top - start.box.pad - 1];
      const tip = [end.x, end.box.line.top - end.box.pad - 5];
      if (!side) return [foot, [start.x, y1], [end.x, y1], tip];
      const room = parseFloat(getComputedStyle(this.text).paddingLeft);
      const inward = 2 + Math.max(0, room - 8 - arrow.climb.lane * GUTTER_LANE);
      const margin = side === "left" ? inward : this.width - inward;
      return [foot, [start.x, y1], [margin, y1], [margin, y2], [end.x, y2], tip];
    }
  }

  const heightOf = (run) => run.line.top - run.line.pad - FOOT - run.lane * ARROW_LANE;

  /* Place the ends of arrows side by side on a box, so that none crosses another there. */
  function spread(box) {
    const middle = (box.left + box.right) / 2;
    const left = box.ends.filter((end) => end.toward < middle);
    const right = box.ends.filter((end) => end.toward >= middle);
    const far = (a, b) => b.toward - a.toward;
    const all = [...left.sort(far), ...right.sort(far)];
    const step = Math.min(10, (box.right - box.left) / all.length);
    all.forEach((end, index) => {
      end.x = middle + (index - (all.length - 1) / 2) * step;
    });
  }

  /* Return how many units of an element's text lie from a text node's beginning on. */
  function after(node, element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    range.setStart(node, 0);
    return range.toString().length;
  }

  /* Give the sign of a piece that stands at a place so much room, in pixels, above and below it. */
  function lift(piece, at, above, below, content) {
    const size = firstSign(piece.text.slice(at)), up = (above - below) / 2;
    const outer = html("span"), inner = html("span", "", piece.text.slice(at, at + size));
    outer.style.lineHeight = `${above + below + content}px`;
    outer.style.verticalAlign = `${up}px`;
    inner.style.lineHeight = "1";
    inner.style.verticalAlign = `${-up}px`;
    outer.append(inner);
    const marker = piece.element.firstChild;
    if (piece.element.childNodes.length === 1 && marker.nodeType === Node.TEXT_NODE) {
      piece.element.replaceChildren(piece.text.slice(0, at), outer, piece.text.slice(at + size));
      return;
    }
    // a long piece that other lines have a lifted sign in already: split its text node there
    const range = document.createRange();
    for (const node of piece.element.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE) continue;
      const begin = piece.text.length - after(node, piece.element);
      if (at < begin || at >= begin + node.length) continue;
      range.setStart(node, at - begin);
      range.setEnd(node, at - begin + size);
      range.deleteContents();
      range.insertNode(outer);
      return;
    }
  }

  return { Picture, makePalette, keep, cut, unitsOf, nameLink, sure, html, words };
})();
