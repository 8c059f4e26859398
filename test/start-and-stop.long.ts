import { test } from "uvu";
import { examples } from "../scripts/examples.ts";
import { checkInUse, pairs } from "./harness.ts";

// npm test does this with the servers of the notes.
const notes = [...pairs.udp, ...pairs.tcp].map(({ server }) => server);
for (const { file } of await examples())
  if (/(server|relay)\.ts$/.test(file) && !notes.includes(file))
    checkInUse(file);

test.run();
