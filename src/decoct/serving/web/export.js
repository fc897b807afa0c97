/* Annotated documents as files: JSONL, BRAT in a zip, CSV. Offsets stay code points. */
"use strict";

const exporting = (() => {
  const encoder = new TextEncoder();

  const toJsonl = (records) => records.map((record) => `${JSON.stringify(record)}\n`).join("");

  /* A row for each relation, then one for each span that is in none. A cell that a spreadsheet
     would take for a formula gets an apostrophe before it. */
  function toCsv(records) {
    const header = [
      "document", "label", "subject", "subject_start", "subject_end",
      "object", "object_start", "object_end", "confidence", "entity", "entity_name",
    ];
    const rows = [header];
    for (const record of records) {
      const byId = new Map(record.spans.map((span) => [span.id, span])), related = new Set();
      for (const one of record.relations) {
        const subject = byId.get(one.subject), object = byId.get(one.object);
        related.add(subject).add(object);
        rows.push([
          record.id, one.label, subject.text, subject.start, subject.end,
          object.text, object.start, object.end, one.confidence, ...entity(object.link ?? subject.link),
        ]);
      }
      for (const span of record.spans.filter((one) => !related.has(one))) {
        rows.push([
          record.id, span.label, span.text, span.start, span.end,
          "", "", "", span.confidence, ...entity(span.link),
        ]);
      }
      if (record.label != null) {
        rows.push([record.id, record.label, "", "", "", "", "", "", record.meta?.confidence, "", ""]);
      }
    }
    return `\ufeff${rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("")}`;
  }

  const entity = (link) => (link ? [link.id ?? "NIL", link.name ?? ""] : ["", ""]);

  function cell(value) {
    if (typeof value === "number") return String(value);
    const text = String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  /* The lines of a document's .ann, as `decoct convert --to brat` writes them. */
  function toAnn(record) {
    const flat = (text) => text.replace(/[\r\n\t\v\f\u001c-\u001e\u0085\u2028\u2029]/g, " ");
    const word = (label) => label.replace(/\s/g, "_");
    const own = record.spans.every((span) => /^T[0-9]+$/.test(span.id));
    const ids = new Map(record.spans.map((span, i) => [span.id, own ? span.id : `T${i + 1}`]));
    const signs = [...record.text], lines = [], sure = [];
    for (const span of record.spans) {
      const pieces = span.fragments ?? [[span.start, span.end]];
      const surface = pieces.map(([start, end]) => signs.slice(start, end).join("")).join(" ");
      const places = pieces.map((piece) => piece.join(" ")).join(";");
      lines.push(`${ids.get(span.id)}\t${word(span.label)} ${places}\t${flat(surface)}`);
      sure.push([ids.get(span.id), span.confidence]);
    }
    record.relations.forEach((one, i) => {
      const ends = `Arg1:${ids.get(one.subject)} Arg2:${ids.get(one.object)}`;
      lines.push(`R${i + 1}\t${word(one.label)} ${ends}`);
      sure.push([`R${i + 1}`, one.confidence]);
    });
    sure.filter(([, value]) => value != null).forEach(([id, value], i) => {
      lines.push(`A${i + 1}\tConfidence ${id} ${value}`);
    });
    let n_names = 0;
    for (const span of record.spans.filter((one) => one.link)) {
      const entries = span.link.id == null ? ["NIL"] : [span.link.id, ...(span.link.also ?? [])];
      entries.filter((entry) => /^\S+$/.test(entry)).forEach((entry, i) => {
        const known = /^[^\s:]+:\S+$/.test(entry) ? entry : `_:${entry}`;
        const name = i ? "" : flat(span.link.name ?? "");
        n_names += 1;
        lines.push(`N${n_names}\tReference ${ids.get(span.id)} ${known}\t${name}`);
      });
    }
    return lines.map((line) => `${line}\n`).join("");
  }

  /* A zip with a .txt and an .ann for each document. */
  function toBrat(records) {
    const taken = new Set(), files = [];
    for (const record of records) {
      const name = fileName(record.id, taken);
      files.push([`${name}.txt`, record.text], [`${name}.ann`, toAnn(record)]);
    }
    return zip(files.map(([name, text]) => [encoder.encode(name), encoder.encode(text)]));
  }

  /* A name that any file system can hold and that no document before has, case aside. */
  function fileName(id, taken) {
    const quoted = encodeURIComponent(id.toWellFormed?.() ?? id)
      .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
      .replace(/^\./, "%2E").slice(0, 180).replace(/%[0-9A-F]?$/, "");
    let name = quoted;
    for (let n = 2; taken.has(name.toLowerCase()); n += 1) name = `${quoted}-${n}`;
    taken.add(name.toLowerCase());
    return name;
  }

  /* A zip whose files are stored as they are: [name, content] in bytes. */
  function zip(files) {
    const parts = [], directory = [];
    let at = 0;
    for (const [name, content] of files) {
      // version 2.0, names in UTF-8, stored, 1 January 1980
      const entry = [
        [2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc32(content)],
        [4, content.length], [4, content.length], [2, name.length], [2, 0],
      ];
      const head = numbers([[4, 0x04034b50], ...entry]);
      parts.push(head, name, content);
      directory.push(
        numbers([[4, 0x02014b50], [2, 20], ...entry, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]]), name,
      );
      at += head.length + name.length + content.length;
    }
    const size = directory.reduce((sum, part) => sum + part.length, 0);
    const n = files.length;
    const end = numbers([[4, 0x06054b50], [2, 0], [2, 0], [2, n], [2, n], [4, size], [4, at], [2, 0]]);
    return new Blob([...parts, ...directory, end], { type: "application/zip" });
  }

  /* Little-endian numbers, [bytes, value] each. */
  function numbers(fields) {
    const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [size, value] of fields) {
      if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += size;
    }
    return bytes;
  }

  function crc32(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return (crc ^ 0xffffffff) >>> 0;
  }

  /* Hand a file to the browser's downloads. */
  function save(name, content, type) {
    const blob = content instanceof Blob ? content : new Blob([content], { type });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  return { toJsonl, toCsv, toAnn, toBrat, save };
})();
