// What the parser makes of an instruction: operands and statements as data. Nothing here evaluates or encodes.

import type { Place } from './errors.ts';
import type { Expression } from './expression.ts';
import type { RegisterInfo } from './registers.ts';

/** AVX-512 additions after an operand: {k1}, {z}, {1to8}, {rn-sae}, {sae}. */
export interface Decorators {
  readonly mask?: RegisterInfo;
  readonly zeroing?: boolean;
  readonly broadcast?: number;
  readonly rounding?: 'rn' | 'rd' | 'ru' | 'rz';
  readonly sae?: boolean;
}

/** The operand has none; one object, so that it can be compared. */
export const NO_DECORATORS: Decorators = {};

/** One operand as written. Sizes are in bytes. */
export type Operand =
  | {
      readonly kind: 'register';
      readonly register: RegisterInfo;
      /** `fadd to st1`. */
      readonly to: boolean;
      readonly decorators: Decorators;
      readonly place: Place;
    }
  | {
      readonly kind: 'immediate';
      readonly value: Expression;
      readonly size?: number;
      readonly strict: boolean;
      readonly distance?: 'short' | 'near' | 'far';
      readonly place: Place;
    }
  | MemoryOperand
  | {
      readonly kind: 'far';
      readonly selector: Expression;
      readonly offset: Expression;
      readonly size?: number;
      readonly place: Place;
    };

/** `[...]` as written. */
export interface MemoryOperand {
  readonly kind: 'memory';
  readonly value: Expression;
  readonly size?: number;
  readonly far: boolean;
  /** The value of a segment override as its prefix byte. */
  readonly segment?: number;
  /** `rel` or `abs` written inside the brackets. */
  readonly relative?: boolean;
  /** A size keyword inside the brackets: of the displacement, and of the address when there is no register. */
  readonly displacementSize?: number;
  /** a16, a32 or a64 inside the brackets. */
  readonly addressSize?: number;
  /** `nosplit`: [eax*2] stays an index. */
  readonly noSplit: boolean;
  readonly decorators: Decorators;
  readonly place: Place;
}

/** The prefixes written before a mnemonic, as bytes in NASM's order, and the sizes they force. */
export interface Prefixes {
  /** wait, rep and lock bytes. */
  readonly bytes: readonly number[];
  readonly segment?: number;
  /** 16, 32 or 64 from o16, o32, o64. */
  readonly operandSize?: number;
  /** 16, 32 or 64 from a16, a32, a64. */
  readonly addressSize?: number;
}

/** An instruction as written; `memo` keeps its last encoding while nothing it depends on changes. */
export interface InstructionStatement {
  readonly kind: 'instruction';
  /** Lower case; '' for a line of prefixes alone. */
  readonly mnemonic: string;
  readonly prefixes: Prefixes;
  readonly operands: readonly Operand[];
  readonly place: Place;
}

/** One item of db, dw, dd, dq or dt. */
export type DataItem =
  | { readonly kind: 'value'; readonly value: Expression }
  | { readonly kind: 'bytes'; readonly text: string }
  | { readonly kind: 'float'; readonly text: string; readonly negative: boolean; readonly place: Place }
  | { readonly kind: 'reserve' }
  | { readonly kind: 'repeat'; readonly count: Expression; readonly items: readonly DataItem[] };

/** What can follow a label and TIMES. */
export type Body =
  | InstructionStatement
  | {
      readonly kind: 'data';
      readonly unit: number;
      readonly items: readonly DataItem[];
      readonly place: Place;
    }
  | { readonly kind: 'reserve'; readonly unit: number; readonly count: Expression; readonly place: Place }
  | { readonly kind: 'times'; readonly count: Expression; readonly body: Body; readonly place: Place };

/** One statement of the layout. Names are full (`main.loop`). */
export type Statement =
  | Body
  | { readonly kind: 'label'; readonly name: string; readonly place: Place }
  | { readonly kind: 'equ'; readonly name: string; readonly value: Expression; readonly place: Place }
  | { readonly kind: 'bits'; readonly bits: Bits; readonly place: Place }
  | { readonly kind: 'org'; readonly value: Expression; readonly place: Place }
  | { readonly kind: 'default'; readonly relative: boolean; readonly place: Place }
  | {
      readonly kind: 'section';
      readonly name: string;
      readonly attributes: SectionAttributes;
      readonly place: Place;
    }
  | { readonly kind: 'absolute'; readonly value: Expression; readonly place: Place }
  | {
      readonly kind: 'align';
      readonly to: Expression;
      /** What fills the gap; nothing for alignb's zeros. */
      readonly fill?: Body;
      readonly zeros: boolean;
      readonly place: Place;
    }
  | {
      readonly kind: 'struc' | 'istruc';
      readonly name: string;
      readonly value?: Expression;
      readonly place: Place;
    }
  | { readonly kind: 'endstruc' | 'iend'; readonly place: Place }
  | { readonly kind: 'at'; readonly value: Expression; readonly body?: Body; readonly place: Place };

/** The width that instructions are encoded for. */
export type Bits = 16 | 32 | 64;

/** What `section .name align=16 start=0x200` says. */
export interface SectionAttributes {
  readonly align?: Expression;
  readonly start?: Expression;
  readonly vstart?: Expression;
  readonly nobits?: boolean;
}
