/** What the quick and the long tests of the relays share. */
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { node } from "./harness.ts";

/**
 * Checks that a relay names an option whose value is wrong.
 *
 * @param command a relay with that option last, "udp/relay.ts --drop a"
 */
export async function refuses(command: string): Promise<void> {
  const result = await run(`${node} ${command}`);
  assert.is(result.stdout, "");
  const [, option] = command.split(" ");
  assert.match(result.stderr, RegExp(`^${option} takes .*such as .*\\d\\n$`));
  assert.is(result.exitCode, 2);
}
