/**
 * Draws what passed between the programs of a transcript, as sequence diagrams in
 * SVG, and puts them on a page.
 */

/** Something that happened, in milliseconds since some beginning. */
export type Happening =
  /** A program printed a line. */
  | { at: number; kind: "print"; lane: string; text: string }
  /** Something passed, or did not: an event of a relay. */
  | {
      at: number;
      kind: string;
      from: string;
      to: string;
      /** A datagram's number. */
      number?: number;
      /** "5 bytes "hello"", for what carries data. */
      data?: string;
    };

/** What a diagram shows. */
export interface Diagram {
  /** The name of its file, without an ending. */
  name: string;
  heading: string;
  commands: string[];
  /** The programs, from left to right. */
  lanes: string[];
  happenings: Happening[];
}

const width = 640;
const row = 30;
const margin = 60; // for the times
const longWait = 300; // milliseconds, cut with a mark
const style = `
  svg { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1a1a1a; }
  svg line, svg path { stroke: #1a1a1a; stroke-width: 1.3; fill: none; }
  svg .lane { stroke: #bbb; }
  svg .name { font-weight: bold; font-size: 13px; }
  svg .time, svg .wait { fill: #666; font-size: 11px; }
  svg .print { fill: #0b57a4; }
  svg .control, svg .lost { stroke-dasharray: 4 3; }
  svg .fault { fill: #b3261e; }
  svg line.lost, svg path.cross { stroke: #b3261e; }
  svg .label { paint-order: stroke; stroke: #fff; stroke-width: 4px; }
  @media (prefers-color-scheme: dark) {
    svg { fill: #e8e8e8; }
    svg line, svg path { stroke: #e8e8e8; }
    svg .lane { stroke: #555; }
    svg .time, svg .wait { fill: #aaa; }
    svg .print { fill: #8ec3ff; }
    svg .fault { fill: #ff8a80; }
    svg line.lost, svg path.cross { stroke: #ff8a80; }
    svg .label { stroke: #121212; }
  }`;

/**
 * Draws a diagram.
 *
 * @param diagram what happened
 * @returns an SVG file's text
 */
export function svg({ name, heading, lanes, happenings }: Diagram): string {
  const place = new Map<string, number>();
  for (const [i, lane] of lanes.entries()) {
    const share = lanes.length === 1 ? 0 : i / (lanes.length - 1);
    place.set(lane, margin + 50 + share * (width - margin - 100));
  }
  const x = (lane: string) => place.get(lane)!;
  const parts: string[] = [];
  const begun = new Map<string, number>(); // where what is held has begun
  const start = happenings[0]?.at ?? 0;
  let last = start;
  let y = 60;
  for (const happening of happenings) {
    const { at, kind } = happening;
    if (at - last > longWait) {
      const wait = `⋮ ${((at - last) / 1000).toFixed(1)} s`;
      parts.push(text(8, y - 8, wait, "wait"));
      y += row;
    }
    last = at;
    parts.push(text(8, y, `${((at - start) / 1000).toFixed(3)} s`, "time"));
    if ("lane" in happening)
      parts.push(note(x(happening.lane), happening.text));
    else if (kind === "close" || kind === "hang")
      parts.push(note(x(happening.from), `(${kind})`));
    else parts.push(arrow(happening));
    y += row;
  }

  /** What a program printed, on the side of its lane that has room. */
  function note(at: number, line: string) {
    const right = at < width / 2;
    const room = (right ? width - at : at - margin) / 7.4 - 4;
    const end = right ? "" : ' text-anchor="end"';
    return text(at + (right ? 8 : -8), y, cut(line, room), "print label", end);
  }

  function arrow(event: Exclude<Happening, { lane: string }>) {
    const [from, to] = [x(event.from), x(event.to)];
    const key = `${event.from} ${event.to} ${event.number}`;
    const control = event.data === undefined;
    const words = control ? event.kind : event.data!;
    const fault = /lost|held|RST/.test(event.kind);
    // What is lost ends half-way, and its words stand before the cross.
    const end = event.kind === "lost" ? (from + to) / 2 : to;
    const label = text(
      (from + end) / 2,
      y - 6,
      cut(words, Math.abs(end - from) / 7.4 - 2),
      fault ? "label fault" : "label",
      ' text-anchor="middle"',
    );
    if (event.kind === "held") {
      begun.set(key, y);
      return label;
    }
    if (event.kind === "lost") {
      const cross = `M${end - 6} ${y - 6}l12 12m0 -12l-12 12`;
      return `${label}${line(from, y, end, y, "lost")}<path class="cross" d="${cross}"/>`;
    }
    const y1 = begun.get(key) ?? y;
    begun.delete(key);
    const back = to > from ? -9 : 9;
    const head = `M${to + back} ${y - 5}L${to} ${y}L${to + back} ${y + 5}`;
    const shaft = line(from, y1, to, y, control ? "control" : "data");
    return `${y1 === y ? label : ""}${shaft}<path class="head" d="${head}"/>`;
  }

  const height = y;
  const names = lanes.map((lane) => {
    const label = text(x(lane), 24, lane, "name", ' text-anchor="middle"');
    return label + line(x(lane), 34, x(lane), height - 12, "lane");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${name}-title ${name}-words">
<title id="${name}-title">${escaped(heading)}</title>
<desc id="${name}-words">${escaped(inWords(happenings))}</desc>
<style>${style}</style>
${[...names, ...parts].join("\n")}
</svg>
`;
}

/**
 * Puts diagrams on a page that needs nothing else.
 *
 * @param diagrams in their order
 * @returns an HTML file's text
 */
export function page(diagrams: Diagram[]): string {
  const figures = diagrams.map((diagram) => {
    const drawing = svg(diagram);
    const file = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
    return `<figure>
<h2>${escaped(diagram.heading)}</h2>
<pre>${escaped(diagram.commands.join("\n"))}</pre>
${drawing}<figcaption><a download="${diagram.name}.svg" href="${file}">Save this picture</a></figcaption>
</figure>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>What passes between the socket examples</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2em auto; padding: 0 12px; }
  figure { margin: 0 0 3em; break-inside: avoid; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  svg { width: 100%; height: auto; }
  h2 { font-size: 1.2em; }
  @media (prefers-color-scheme: dark) { body { background: #121212; color: #e8e8e8; } a { color: #8ec3ff; } }
  @media print { @page { size: A4; margin: 15mm; } figcaption { display: none; } }
</style>
<h1>What passes between the socket examples</h1>
<p>Each arrow is a datagram or a segment that passed when these programs ran. Time runs down.</p>
${figures.join("\n")}
</html>
`;
}

/** What happened, as sentences for those who cannot see the picture. */
function inWords(happenings: Happening[]) {
  const sentences = happenings.map((happening) => {
    if ("lane" in happening)
      return `${happening.lane} prints: ${happening.text}`;
    const { kind, from, to, data = kind } = happening;
    if (kind === "lost")
      return `${from} sends ${data} to ${to}, and it is lost`;
    if (kind === "held")
      return `${from} sends ${data} to ${to}, and it is late`;
    return `${from} to ${to}: ${data}`;
  });
  return sentences.join(". ");
}

function text(x: number, y: number, words: string, kind: string, more = "") {
  return `<text x="${x}" y="${y}" class="${kind}"${more}>${escaped(words)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string) {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${kind}"/>`;
}

/** A text of at most so many characters. */
function cut(words: string, room: number) {
  const characters = [...words];
  if (characters.length <= room) return words;
  return `${characters.slice(0, Math.max(0, Math.floor(room) - 1)).join("")}…`;
}

/** A text from the network as XML takes it. */
function escaped(words: string) {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/(?![\t\n])\p{Cc}/gu, "·");
}
