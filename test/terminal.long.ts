import { test } from "uvu";
import { checkCtrlC, interrupted } from "./terminal.ts";

// npm test does the other half.
for (const [i, one] of interrupted.entries())
  if (i % 4 === 1 || i % 4 === 2) checkCtrlC(one);

test.run();
