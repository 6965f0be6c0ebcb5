// The registers by NASM's names, with what the choice of an encoding must know of each. No encoding here.

import { Register } from './iced.ts';

/** The kinds of registers that operands distinguish. */
export type RegisterClass =
  | 'gpr'
  | 'segment'
  | 'control'
  | 'debug'
  | 'test'
  | 'st'
  | 'mm'
  | 'vector'
  | 'mask'
  | 'bound'
  | 'tile';

/** A register and its properties. */
export interface RegisterInfo {
  readonly register: Register;
  readonly name: string;
  readonly class: RegisterClass;
  /** In bytes. */
  readonly size: number;
  /** Its number in an encoding, 0..31; ah, ch, dh and bh are 4..7. */
  readonly number: number;
}

const byName = new Map<string, RegisterInfo>();
const byRegister = new Map<number, RegisterInfo>();

function define(name: string, icedName: string, kind: RegisterClass, size: number, number: number): void {
  const register = Register[icedName as keyof typeof Register];
  if (typeof register !== 'number') return;
  const info = { register, name, class: kind, size, number };
  byName.set(name, info);
  if (!byRegister.has(register)) byRegister.set(register, info);
}

const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
for (const [i, name] of ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'].entries()) {
  define(name, name.toUpperCase(), 'gpr', 1, i);
}
for (const [i, name] of ['spl', 'bpl', 'sil', 'dil'].entries())
  define(name, name.toUpperCase(), 'gpr', 1, i + 4);
for (const [i, name] of LEGACY.entries()) {
  define(name, name.toUpperCase(), 'gpr', 2, i);
  define(`e${name}`, `E${name.toUpperCase()}`, 'gpr', 4, i);
  define(`r${name}`, `R${name.toUpperCase()}`, 'gpr', 8, i);
}
for (let i = 8; i < 16; i++) {
  define(`r${i}b`, `R${i}L`, 'gpr', 1, i);
  define(`r${i}w`, `R${i}W`, 'gpr', 2, i);
  define(`r${i}d`, `R${i}D`, 'gpr', 4, i);
  define(`r${i}`, `R${i}`, 'gpr', 8, i);
}
for (const [i, name] of ['es', 'cs', 'ss', 'ds', 'fs', 'gs'].entries())
  define(name, name.toUpperCase(), 'segment', 2, i);
for (let i = 0; i < 32; i++) {
  define(`xmm${i}`, `XMM${i}`, 'vector', 16, i);
  define(`ymm${i}`, `YMM${i}`, 'vector', 32, i);
  define(`zmm${i}`, `ZMM${i}`, 'vector', 64, i);
}
for (let i = 0; i < 16; i++) {
  define(`cr${i}`, `CR${i}`, 'control', 0, i);
  define(`dr${i}`, `DR${i}`, 'debug', 0, i);
}
for (let i = 0; i < 8; i++) {
  define(`st${i}`, `ST${i}`, 'st', 10, i);
  define(`mm${i}`, `MM${i}`, 'mm', 8, i);
  define(`k${i}`, `K${i}`, 'mask', 8, i);
  define(`tr${i}`, `TR${i}`, 'test', 4, i);
  define(`tmm${i}`, `TMM${i}`, 'tile', 0, i);
  if (i < 4) define(`bnd${i}`, `BND${i}`, 'bound', 16, i);
}

/** The register of this name in any case, or undefined. */
export function findRegister(name: string): RegisterInfo | undefined {
  return byName.get(name) ?? byName.get(name.toLowerCase());
}

/** The properties of an iced register that `findRegister` can give. */
export function registerInfo(register: number): RegisterInfo {
  const info = byRegister.get(register);
  if (!info) throw new RangeError(`Register ${register} has no NASM name.`);
  return info;
}
