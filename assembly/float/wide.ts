// Integers of 128 bits as far as floating point needs them: products, quotients and roots of 64-bit significands.

const TWO_32: f64 = 4294967296.0;

/** Upper half of the 128-bit product. */
export function multiply_high(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const middle = a1 * b0 + ((a0 * b0) >> 32);
  const other = a0 * b1 + (middle & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

/** Lower half of high:low shifted right by n > 0 bits; bits that are lost stay as its last bit. */
export function shift_right_low(high: u64, low: u64, n: u32): u64 {
  if (n < 64) return (high << (64 - n)) | (low >> n) | ((low << (64 - n) != 0) as u64);
  if (n == 64) return high | ((low != 0) as u64);
  if (n < 128) return (high >> (n - 64)) | (((high << (128 - n)) | low) != 0 ? 1 : 0);
  return (high | low) != 0 ? 1 : 0;
}

/** Upper half of high:low shifted right by n bits. */
export function shift_right_high(high: u64, n: u32): u64 {
  return n < 64 ? high >> n : 0;
}

/** floor(a * 2^64 / b) for a < b and b with its top bit set, in two steps of 32 bits (Knuth, TAOCP 4.3.1, D). */
export function divide_high(a: u64, b: u64): u64 {
  const first = quotient_step(a, b);
  const rest = (a << 32) - first * b;
  return (first << 32) | quotient_step(rest, b);
}

/** floor(a * 2^32 / b) for a < b: the estimate from the upper half of b is too big by 2 at most. */
function quotient_step(a: u64, b: u64): u64 {
  const b1 = b >> 32;
  const b0 = b & 0xffffffff;
  let q = a / b1;
  let rest = a - q * b1;
  while (q >> 32 != 0 || q * b0 > rest << 32) {
    q--;
    rest += b1;
    if (rest >> 32 != 0) break;
  }
  return q;
}

/** floor(sqrt(high:low)) for high >= 2^62: the host's square root, one Newton step, then the last unit exactly. */
export function square_root_128(high: u64, low: u64): u64 {
  const estimate = sqrt<f64>(high as f64) * TWO_32;
  let root: u64 = estimate >= TWO_32 * TWO_32 ? u64.MAX_VALUE : (estimate as u64);
  const square = root * root;
  const rest =
    ((high - multiply_high(root, root) - ((low < square) as u64)) as i64 as f64) * (TWO_32 * TWO_32) +
    ((low - square) as f64);
  const step = Math.floor(rest / (2.0 * estimate)) as i64;
  const corrected = root + (step as u64);
  // At the upper end a step may lead past 2^64.
  root = step > 0 && corrected < root ? u64.MAX_VALUE : corrected;
  while (is_square_above(root, high, low)) root--;
  while (root != u64.MAX_VALUE && !is_square_above(root + 1, high, low)) root++;
  return root;
}

/** root^2 > high:low. */
function is_square_above(root: u64, high: u64, low: u64): bool {
  const top = multiply_high(root, root);
  return top > high || (top == high && root * root > low);
}
