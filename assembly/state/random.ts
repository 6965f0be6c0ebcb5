// The random numbers that guests read (RDRAND, RDSEED).

/** The output function of SplitMix64: a bijection that spreads every bit of its argument. */
export function mix64(state: u64): u64 {
  let z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
