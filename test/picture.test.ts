import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Diagram, page, svg } from "../scripts/picture.ts";
import { root, run } from "../scripts/processes.ts";
import { check, temporaryFolder } from "./harness.ts";

/** Everything that a diagram can show, and text that would break it. */
const everything: Diagram = {
  name: "everything",
  heading: 'chat over UDP: <b>"&"</b>',
  commands: ["$ tsx udp/chat-client.ts --name '<ada>'"],
  lanes: ["ada", "bob", "server"],
  happenings: [
    { at: 0, kind: "print", lane: "server", text: "x".repeat(200) },
    { at: 1, kind: "connect", from: "ada", to: "server" },
    ...wire(2, "passed", 1, '<script>alert("ada")</script>'),
    ...wire(3, "lost", 2, "lost"),
    ...wire(4, "held", 3, "late"),
    { at: 5, kind: "print", lane: "ada", text: "<script>\x1b\x00" },
    { at: 6, kind: "print", lane: "bob", text: "y".repeat(200) },
    ...wire(900, "passed", 3, "late"),
    ...wire(901, "passed", 4, "doubled"),
    ...wire(902, "passed", 4, "doubled"),
    { at: 903, kind: "RST", from: "server", to: "ada" },
    { at: 904, kind: "close", from: "ada", to: "server" },
  ],
};

function wire(at: number, kind: string, number: number, data: string) {
  return [{ at, kind, from: "ada", to: "server", number, data }];
}

check("text from the network is escaped", async () => {
  const drawn = svg(everything);
  assert.not.match(drawn, /<script|<b>|[\x00\x1b]/);
  assert.match(drawn, "&lt;script&gt;alert(&quot;ada&quot;)&lt;/script&gt;");
  assert.match(drawn, ">&lt;script&gt;··<");
});

check("a diagram has an arrow for each datagram, and a cross", async () => {
  const drawn = svg(everything);
  const count = (pattern: RegExp) => drawn.match(pattern)?.length ?? 0;
  assert.is(count(/class="head"/g), 6); // connect, 1, 3 late, 4 twice, RST
  assert.is(count(/class="cross"/g), 1);
  assert.match(drawn, /<line x1="110" y1="(\d+)" x2="590" y2="(?!\1)\d+"/);
  assert.match(drawn, /⋮ 0\.9 s/);
  assert.match(drawn, /ada sends late to server, and it is late/);
});

/** Runs in a browser: what is wrong with the texts of a page, in a frame. */
const faultsOf = `(frame) => {
  const page = frame.contentDocument;
  const texts = [...page.querySelectorAll("svg text")].map((text) => ({
    words: text.textContent,
    box: text.getBoundingClientRect(),
    around: text.ownerSVGElement.getBoundingClientRect(),
  }));
  const faults = [];
  for (const [i, { words, box, around }] of texts.entries()) {
    if (box.left < around.left || box.right > around.right) faults.push(words);
    if (box.top < around.top || box.bottom > around.bottom) faults.push(words);
    for (const { words: others, box: other } of texts.slice(i + 1)) {
      const beside = box.right <= other.left || other.right <= box.left;
      const above = box.bottom <= other.top || other.bottom <= box.top;
      if (!beside && !above) faults.push(words + " overlaps " + others);
    }
  }
  const { scrollWidth, clientWidth } = page.documentElement;
  if (scrollWidth > clientWidth) faults.push("the page is too wide");
  return { texts: texts.length, width: clientWidth, faults };
}`;

/** Looks at a page in a browser, in a frame of each width in pixels. */
async function look(html: string, widths: number[]) {
  const folder = temporaryFolder();
  const file = join(folder, "page.html");
  const source = JSON.stringify(html).replaceAll("<", "\\u003c");
  const frames = widths.map(
    (width) => `<iframe style="width: ${width}px; height: 2000px; border: 0">`,
  );
  writeFileSync(
    file,
    `<!doctype html><meta charset="utf-8">${frames.join("</iframe>")}</iframe>
    <script>
      const found = [];
      const frames = [...document.querySelectorAll("iframe")];
      for (const frame of frames) {
        frame.onload = () => {
          found.push((${faultsOf})(frame));
          const told = JSON.stringify(found);
          document.title = encodeURIComponent(told);
        };
        frame.srcdoc = ${source};
      }
    </script>`,
  );
  const chromium =
    "chromium --headless --no-sandbox --disable-gpu --disable-quic " +
    "--no-first-run --disable-background-networking --disable-sync " +
    "--disable-component-update --enable-logging=stderr " +
    `--user-data-dir=${join(folder, "profile")} --window-size=1400,4200`;
  const { stdout, stderr } = await run(`${chromium} --dump-dom file://${file}`);
  assert.not.match(stderr, /CONSOLE/);
  const [, result = ""] = /<title>(.*?)<\/title>/.exec(stdout) ?? [];
  return JSON.parse(decodeURIComponent(result)) as {
    texts: number;
    width: number;
    faults: string[];
  }[];
}

check(
  "the page opens in a browser, and nothing overlaps or leaves its box",
  async () => {
    const found = await look(page([everything]), [1280, 400]);
    const widths = found.map(({ width }) => width);
    assert.equal(widths.sort(), [1280, 400]);
    for (const { texts, width, faults } of found) {
      assert.ok(texts > 20, `${texts} texts`);
      assert.equal(faults, [], `at ${width} pixels`);
    }
  },
  "chromium",
);

const drawn = join(temporaryFolder(), "page.html");
const made = run(`npm run --silent demo -- --html ${drawn} uppercase`);
const pictures = () =>
  readFileSync(drawn, "utf8").match(/<svg .*?<\/svg>/gs) ?? [];

check("npm run demo -- --html draws what passed", async () => {
  const { stderr, exitCode } = await made;
  assert.is(stderr, "");
  assert.is(exitCode, 0);
  const [udp = "", tcp = ""] = pictures();
  const heads = (text: string) => text.match(/class="head"/g)?.length;
  assert.is(heads(udp), 2);
  assert.is(heads(tcp), 5); // connect, data and FIN, data and FIN
  assert.match(udp, /5 bytes &quot;hello&quot;.*5 bytes &quot;HELLO&quot;/s);
  const html = readFileSync(drawn, "utf8");
  assert.not.match(html, /src=|href="(?!data:)/);
  assert.not.match(html, /--json/);
});

check("README.md's pictures are what the command draws", async () => {
  const shape = (text: string) =>
    text
      .replaceAll(/\d+\.\d+ s\b|:\d+\b/g, "")
      .replaceAll(/-?\d+(\.\d+)?/g, "0")
      .replaceAll(/^<text [^\n]*⋮[^\n]*\n/gm, "")
      // What does not wait for the other may come in any order.
      .replaceAll(/\. (?=client|server)/g, "\n")
      .replaceAll(/<\/?desc[^>]*>/g, "\n")
      .split("\n")
      .sort()
      .join("\n")
      .trim();
  await made;
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const [i, transport] of ["udp", "tcp"].entries()) {
    const kept = `${transport}/uppercase.svg`;
    assert.match(readme, `](${kept})`);
    const picture = readFileSync(join(root, kept), "utf8");
    assert.is(shape(pictures()[i]!), shape(picture));
  }
});

test.run();
