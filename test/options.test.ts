import { test } from "uvu";
import * as assert from "uvu/assert";
import { options } from "../shared/options.ts";

/** Reads a command line with each kind of option. */
function read(...line: string[]) {
  process.argv = ["node", "program.ts", ...line];
  return options(2105, { to: "a", count: 10, listen: false, words: ["a"] });
}

test("each option has the type of its default", () => {
  const line = "--host ::1 --port=0 --to b:1 x --count 7 --listen y";
  const numbers = { port: 0, count: 7 };
  const others = { host: "::1", to: "b:1", listen: true, words: ["x", "y"] };
  assert.equal(read(...line.split(" ")), { ...others, ...numbers });
  const defaults = { host: "127.0.0.1", port: 2105, to: "a", count: 10 };
  assert.equal(read(), { ...defaults, listen: false, words: ["a"] });
});

/** The exit status and the line with which a command line is refused. */
function refusal(read: () => unknown): string {
  const { error } = console;
  const { exit } = process;
  const printed: string[] = [];
  console.error = (line: string) => printed.push(line);
  process.exit = (status) => {
    throw new Error(`${status} ${printed}`);
  };
  try {
    return `accepted: ${JSON.stringify(read())}`;
  } catch (refused) {
    return (refused as Error).message;
  } finally {
    Object.assign(console, { error });
    Object.assign(process, { exit });
  }
}

const port = "--port takes 0 to 65535, such as 2105";
for (const [line, problem] of [
  ["--port abc", port],
  ["--port -1", port],
  ["--port 1e3", port],
  ["--port=", port],
  ["--port 65536", port],
  ["--count 3000000000", "--count takes 0 to 999999999, such as 10"],
  ["--host", "--host takes a text such as 127.0.0.1"],
  ["--host=", "--host takes a text such as 127.0.0.1"],
  ["--listen=false", "--listen takes no value"],
  ["--prot 3", "there is no option --prot"],
  ["--constructor", "there is no option --constructor"],
  ["--words x", "there is no option --words"],
])
  test(`${line} is refused with one line and status 2`, () => {
    const refused = refusal(() => read(...line!.split(" ")));
    assert.is(refused, `2 ${problem}: see --help`);
  });

test("a word is refused where none is expected", () => {
  process.argv = ["node", "program.ts", "stray"];
  const refused = refusal(() => options(1));
  assert.is(refused, "2 unexpected argument stray: see --help");
});

test.run();
