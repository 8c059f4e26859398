/**
 * Broken input, made from what is valid.
 */

/**
 * Bytes that are spoiled: some are flipped, cut away or repeated, as a number
 * says; the same number spoils the same bytes in the same way.
 */
export function spoiled(bytes: Buffer, seed: number): Buffer {
  let state = seed + 1;
  /** A number from 0, below another (xorshift, Marsaglia 2003). */
  const random = (below: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  for (let i = 0; i < 8; i++) random(2); // small seeds are much alike at first
  let result = Buffer.from(bytes);
  for (let changes = 1 + random(3); changes > 0 && result.length; changes--) {
    const at = random(result.length);
    const to = at + random(result.length - at) + 1;
    const part = result.subarray(at, to);
    const behind = result.subarray(to);
    const kind = random(4);
    if (kind === 0) result[at]! ^= 1 << random(8);
    if (kind === 1) result[at] = random(256);
    if (kind === 2) result = Buffer.concat([result.subarray(0, at), behind]);
    if (kind === 3)
      result = Buffer.concat([result.subarray(0, to), part, behind]);
  }
  return result;
}
