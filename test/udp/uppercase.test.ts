import * as assert from "uvu/assert";
import { test } from "uvu";
import { ask, serve } from "../helper.ts";

const server = await serve("udp/server.ts");

for (const text of ["hello", "", "ß", "naïve ΐ 😀"])
  test(`"${text}" comes back in capitals`, async () => {
    assert.is(await ask(server.port, text), text.toUpperCase());
  });

test.after(server.stop);
test.run();
