// Golden CPU cases: one line of GROUP.jsonl.gz to the state before and after. Runs nothing.
import fs from 'node:fs';
import path from 'node:path';

/** General registers in encoding order. */
export const GPR = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
export type Gpr = (typeof GPR)[number];

/** A line as it stands in the file; the fields are described beside the vectors. */
interface Line {
  n: string;
  m: 16 | 32 | 64;
  b: string;
  f: number;
  a?: number;
  r?: Record<string, string>;
  x?: Record<string, string>;
  mx?: string;
  fp?: [string, string, string, Record<string, string>?];
  M?: Record<string, string>;
  o: {
    f: number;
    r?: Record<string, string>;
    x?: Record<string, string>;
    mx?: string;
    fp?: [string, string, string, Record<string, string>?];
    M?: Record<string, string>;
    ip?: number | string;
    t?: number;
    e?: number;
    c?: string;
  };
  u?: { f?: number; s?: number; r?: Record<string, string>; M?: [number, number][]; ap?: number };
}

/** What surrounds every case: meta.json and pattern.bin beside the files. */
export interface Frame {
  readonly code: bigint;
  readonly data: bigint;
  readonly gpr: readonly bigint[];
  readonly pattern: Uint8Array;
  /** YMM0 to YMM15. */
  readonly ymm: readonly bigint[];
}

/** x87, SSE and AVX state of a case. */
export interface FloatState {
  fcw: number;
  fsw: number;
  /** Abridged tag word: bit i = physical register i is not empty. */
  ftw: number;
  /** ST(0) to ST(7), 80 bits each. */
  st: bigint[];
  mxcsr: number;
  ymm: bigint[];
}

export interface Case {
  readonly index: number;
  readonly name: string;
  readonly mode: 16 | 32 | 64;
  readonly code: Uint8Array;
  /** Offset in the code page. */
  readonly ip: number;
  readonly flags: number;
  readonly gpr: bigint[];
  readonly float: FloatState;
  readonly memory: Map<number, Uint8Array>;
  readonly out: {
    readonly gpr: bigint[];
    readonly flags: number;
    readonly ip: bigint;
    /** Exception vector, undefined when the filler behind the code was reached. */
    readonly vector: number | undefined;
    readonly error: number | undefined;
    readonly cr2: bigint | undefined;
    readonly memory: Map<number, Uint8Array>;
    readonly float: FloatState;
  };
  readonly ignore: {
    readonly flags: number;
    readonly gpr: Map<number, bigint>;
    readonly memory: readonly (readonly [number, number])[];
    readonly fsw: number;
    /** 1: x87 results may differ by 8 units in the last place; 2: RCP and RSQRT by 1.5 * 2^-12. */
    readonly approximate: number;
  };
}

function hex(text: string): bigint {
  return BigInt(`0x${text}`);
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Reads the frame beside a vector file. Throws one sentence when it is not there. */
export function readFrame(folder: string): Frame {
  let text: string;
  let pattern: Uint8Array;
  try {
    text = fs.readFileSync(path.join(folder, 'meta.json'), 'utf8');
    pattern = new Uint8Array(fs.readFileSync(path.join(folder, 'pattern.bin')));
  } catch {
    throw new Error(`${folder} has no meta.json and pattern.bin; golden files need both beside them.`);
  }
  const meta = JSON.parse(text) as {
    code: number;
    data: number;
    gpr_preset: Record<string, string>;
    xmm_preset: string[];
  };
  return {
    code: BigInt(meta.code),
    data: BigInt(meta.data),
    gpr: GPR.map((name) => hex(meta.gpr_preset[name] ?? '0')),
    pattern,
    ymm: meta.xmm_preset.map(hex),
  };
}

const LOW_128 = (1n << 128n) - 1n;

/** YMM registers after `changes`: 256 bits where the group or the length says so, else the low 128. */
function vectors(before: readonly bigint[], changes: Line['x'], wide: boolean): bigint[] {
  const ymm = before.slice();
  for (const [n, value] of Object.entries(changes ?? {})) {
    const whole = wide || value.length > 32;
    ymm[Number(n)] = whole ? hex(value) : ((ymm[Number(n)] as bigint) & ~LOW_128) | hex(value);
  }
  return ymm;
}

/** The state that a line's `fp`, `mx` and `x` make of `before`. */
function floatState(before: FloatState, line: Pick<Line, 'fp' | 'mx' | 'x'>, wide: boolean): FloatState {
  const [fcw, fsw, ftw, registers] = line.fp ?? [];
  const st = before.st.slice();
  for (const [i, value] of Object.entries(registers ?? {})) st[Number(i)] = hex(value);
  return {
    fcw: fcw === undefined ? before.fcw : Number.parseInt(fcw, 16),
    fsw: fsw === undefined ? before.fsw : Number.parseInt(fsw, 16),
    ftw: ftw === undefined ? before.ftw : Number.parseInt(ftw, 16),
    st,
    mxcsr: line.mx === undefined ? before.mxcsr : Number.parseInt(line.mx, 16),
    ymm: vectors(before.ymm, line.x, wide),
  };
}

function registers(before: readonly bigint[], changes: Record<string, string> | undefined): bigint[] {
  const gpr = before.slice();
  for (const [name, value] of Object.entries(changes ?? {})) gpr[GPR.indexOf(name as Gpr)] = hex(value);
  return gpr;
}

function patches(changes: Record<string, string> | undefined): Map<number, Uint8Array> {
  return new Map(
    Object.entries(changes ?? {}).map(([offset, bytes]) => [Number.parseInt(offset, 16), bytesOf(bytes)]),
  );
}

/** Parses one line; `wide` says that vector registers are always given with 256 bits. */
export function parseCase(text: string, index: number, frame: Frame, wide = false): Case {
  // Offsets below the code page are 64-bit numbers, more than a JSON number holds.
  const line = JSON.parse(text.replace(/"ip":(\d{16,})/, '"ip":"$1"')) as Line;
  const mask = line.m === 64 ? (1n << 64n) - 1n : 0xffffffffn;
  const preset = frame.gpr.map((value, n) => (line.m !== 64 && n > 7 ? 0n : value & mask));
  if (line.m === 16) preset[4] = 0x1800n;
  const gpr = registers(preset, line.r);
  const ip = line.a ?? 0x800;
  const code = bytesOf(line.b);
  const { o, u } = line;
  const empty = { fcw: 0x37f, fsw: 0, ftw: 0, st: Array<bigint>(8).fill(0n), mxcsr: 0x1f80 };
  const float = floatState({ ...empty, ymm: [...frame.ymm] }, line, wide);
  return {
    index,
    name: line.n,
    mode: line.m,
    code,
    ip,
    flags: line.f,
    gpr,
    float,
    memory: patches(line.M),
    out: {
      gpr: registers(gpr, o.r),
      flags: o.f,
      ip: BigInt(o.ip ?? (o.t === undefined ? ip + code.length : ip)),
      vector: o.t,
      error: o.e,
      cr2: o.c === undefined ? undefined : hex(o.c),
      memory: patches(o.M),
      float: floatState(float, o, wide),
    },
    ignore: {
      flags: u?.f ?? 0,
      gpr: new Map(Object.entries(u?.r ?? {}).map(([name, value]) => [GPR.indexOf(name as Gpr), hex(value)])),
      memory: u?.M ?? [],
      fsw: u?.s ?? 0,
      approximate: u?.ap ?? 0,
    },
  };
}
