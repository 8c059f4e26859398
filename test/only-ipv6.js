// Makes every name stand for an IPv6 address, and for none of IPv4.
import dns from "node:dns";

dns.lookup = (name, options, found) => {
  const family = options.family ?? options;
  if (family !== 4) return found(null, "::1", 6);
  const message = `getaddrinfo ENOTFOUND ${name}`;
  const details = { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: name };
  found(Object.assign(new Error(message), details));
};
