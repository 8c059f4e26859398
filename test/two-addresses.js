// Makes every name stand for two addresses, of which nobody has the first one.
import dns from "node:dns";

dns.lookup = (name, options, found) =>
  found(null, [
    { address: "::1", family: 6 },
    { address: "127.0.0.1", family: 4 },
  ]);
