// Power series in fixed point, and the tables of their coefficients. Coefficients and sums have 127 bits behind the point.
// Each entry is the nearest multiple of 2^-127 to 1/n! or 1/(2n+1), divided out with integers of 400 bits.
import { add, multiply, sub, u128 } from './fixed';

/** 1/n!, n = 0..32, low half first. */
const FACTORIALS = memory.data<u64>([
  0x0000000000000000, 0x8000000000000000, 0x0000000000000000, 0x8000000000000000, 0x0000000000000000,
  0x4000000000000000, 0x5555555555555555, 0x1555555555555555, 0x5555555555555555, 0x0555555555555555,
  0x1111111111111111, 0x0111111111111111, 0x82d82d82d82d82d8, 0x002d82d82d82d82d, 0x8068068068068068,
  0x0006806806806806, 0xd00d00d00d00d00d, 0x0000d00d00d00d00, 0x338faac1c88e5001, 0x0000171de3a556c7,
  0xeb8e5de02da7d4cd, 0x0000024fc9f6ef13, 0x89c71fce8fc97070, 0x00000035cc8acfea, 0x3625ed5136a61eb4,
  0x000000047bb63bfe, 0xa1b425f28e0cc749, 0x000000005849184e, 0x301f27482eb7c517, 0x00000000064e5d2a,
  0x9ccee07c476195ac, 0x00000000006b9fcf, 0xf9ccee07c476195b, 0x000000000006b9fc, 0x1dc0c2b529ac9814,
  0x000000000000654b, 0x9e18ee5f65deec01, 0x00000000000005a0, 0xd26d1a05055c9328, 0x000000000000004b,
  0xca8574804044a0f5, 0x0000000000000003, 0x2e371dedb9eae318, 0x0000000000000000, 0x0219c72db6ff0a53,
  0x0000000000000000, 0x001761b41316381a, 0x0000000000000000, 0x0000f96780cb97ac, 0x0000000000000000,
  0x000009f9e66e8b30, 0x0000000000000000, 0x000000623a17f1a9, 0x0000000000000000, 0x00000003a356385c,
  0x0000000000000000, 0x000000002143144c, 0x0000000000000000, 0x0000000001259f99, 0x0000000000000000,
  0x000000000009c996, 0x0000000000000000, 0x00000000000050d3, 0x0000000000000000, 0x0000000000000287,
  0x0000000000000000,
]);

/** 1/(2n+1), n = 0..25, low half first. */
const ODD = memory.data<u64>([
  0x0000000000000000, 0x8000000000000000, 0xaaaaaaaaaaaaaaab, 0x2aaaaaaaaaaaaaaa, 0x999999999999999a,
  0x1999999999999999, 0x2492492492492492, 0x1249249249249249, 0xe38e38e38e38e38e, 0x0e38e38e38e38e38,
  0xba2e8ba2e8ba2e8c, 0x0ba2e8ba2e8ba2e8, 0x9d89d89d89d89d8a, 0x09d89d89d89d89d8, 0x8888888888888889,
  0x0888888888888888, 0x8787878787878788, 0x0787878787878787, 0xf286bca1af286bca, 0x06bca1af286bca1a,
  0x6186186186186186, 0x0618618618618618, 0x21642c8590b21643, 0x0590b21642c8590b, 0x51eb851eb851eb85,
  0x051eb851eb851eb8, 0xf684bda12f684bda, 0x04bda12f684bda12, 0x69ee58469ee5846a, 0x0469ee58469ee584,
  0x4210842108421084, 0x0421084210842108, 0x3e0f83e0f83e0f84, 0x03e0f83e0f83e0f8, 0x3a83a83a83a83a84,
  0x03a83a83a83a83a8, 0x2983759f2298375a, 0x03759f22983759f2, 0x3483483483483483, 0x0348348348348348,
  0x31f3831f3831f383, 0x031f3831f3831f38, 0xfa0be82fa0be82fa, 0x02fa0be82fa0be82, 0x2d82d82d82d82d83,
  0x02d82d82d82d82d8, 0xc415c9882b931057, 0x02b9310572620ae4, 0x05397829cbc14e5e, 0x029cbc14e5e0a72f,
  0x8282828282828283, 0x0282828282828282,
]);

const ENTRY: u32 = 16;

/** Sum of coefficient[i] * z^i, i = 0..count-1, with every second term subtracted where `alternating`; 0 <= z < 1 in 2^-128. */
function sum_series(z: v128, table: u32, stride: u32, count: u32, alternating: bool): v128 {
  let at = table + (count - 1) * stride;
  let sum = v128.load(at);
  while (at > table) {
    at -= stride;
    const rest = multiply(z, sum);
    sum = alternating ? sub(v128.load(at), rest) : add(v128.load(at), rest);
  }
  // The value lies below 1 even where z is too small to show: rounding down has to see that.
  return alternating ? sub(sum, u128(0, 1)) : sum;
}

/** (e^t - 1) / t, or (1 - e^-t) / t where `negative`; 0 <= t < 0.7. */
export function exponential_quotient(t: v128, negative: bool): v128 {
  return sum_series(t, (FACTORIALS as u32) + ENTRY, ENTRY, 32, negative);
}

/** sin(r) / r of z = r^2; 0 <= z < 0.62. */
export function sine_quotient(z: v128): v128 {
  return sum_series(z, (FACTORIALS as u32) + ENTRY, 2 * ENTRY, 16, true);
}

/** cos(r) of z = r^2; 0 <= z < 0.62. */
export function cosine(z: v128): v128 {
  return sum_series(z, FACTORIALS as u32, 2 * ENTRY, 17, true);
}

/** atan(u) / u of z = u^2; 0 <= z < 2^-8. */
export function arctangent_quotient(z: v128): v128 {
  return sum_series(z, ODD as u32, ENTRY, 16, true);
}

/** artanh(s) / s of z = s^2; 0 <= z < 0.0295. */
export function artanh_quotient(z: v128): v128 {
  return sum_series(z, ODD as u32, ENTRY, 26, false);
}
