/**
 * Broken input, made from what is valid.
 */

/**
 * Makes random numbers, the same ones in every run: xorshift, Marsaglia 2003.
 *
 * @param seed where they begin
 * @returns what gives a whole number from 0, below another
 */
export function numbers(seed: number): (below: number) => number {
  let state = seed + 1;
  const next = (below: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  for (let i = 0; i < 8; i++) next(2); // small seeds are much alike at first
  return next;
}

/** Bytes of which up to three parts are flipped, set, cut away or repeated. */
export function spoiled(
  bytes: Buffer,
  random: (below: number) => number,
): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = random(4); changes > 0 && result.length; changes--) {
    const at = random(result.length);
    const to = at + random(result.length - at) + 1;
    const [before, behind] = [result.subarray(0, at), result.subarray(to)];
    const parts = Array(2 + random(4)).fill(result.subarray(at, to));
    const kind = random(4);
    if (kind === 0) result[at]! ^= 1 << random(8);
    if (kind === 1) result[at] = random(256);
    if (kind === 2) result = Buffer.concat([before, behind]);
    if (kind === 3) result = Buffer.concat([before, ...parts, behind]);
  }
  return result;
}
