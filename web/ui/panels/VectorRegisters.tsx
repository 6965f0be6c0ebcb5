// The vector view of the register panel: XMM registers, and the upper halves that make them YMM, lane by lane.

import { useCallback } from 'react';
import {
  describeMxcsr,
  type FloatRegisters,
  hasUpperHalf,
  type LaneFormatId,
  lanesOf,
  type MachineMemory,
  MXCSR_BITS,
  type Registers,
  readFloat,
  sseRefusal,
  vectorCount,
} from '../../session/views/index.ts';
import { Flags } from '../parts/Bits.tsx';
import { Value } from '../parts/Value.tsx';
import { shown } from '../state/shown.ts';
import { useStore } from '../state/store.ts';
import { useMachine } from '../state/watch.ts';
import './vector_registers.css';

interface VectorRegistersProps {
  registers: Registers;
  before: FloatRegisters | undefined;
}

export function VectorRegisters({ registers, before }: VectorRegistersProps) {
  const format = useStore(shown, (all) => all.lanes);
  const read = useCallback((memory: MachineMemory) => readFloat(memory, registers.vcpu), [registers.vcpu]);
  const float = useMachine(read);
  if (!float) return null;
  const refusal = sseRefusal(registers);
  const halves = halvesOf(float, vectorCount(registers), before);
  return (
    <>
      {halves.some((half) => half.isUpper) && <LaneNumbers format={format} isUpper />}
      <LaneNumbers format={format} isUpper={false} />
      <dl aria-label="Vector registers, highest lane first">
        {halves.map((half) => (
          <HalfRow key={half.name} {...half} format={format} />
        ))}
      </dl>
      <Flags label="SSE status" value={float.mxcsr} before={before?.mxcsr} table={MXCSR_BITS} />
      <dl className="control">
        <div className="control-row">
          <dt>mxcsr</dt>
          <dd>
            <Value value={float.mxcsr} before={before?.mxcsr} digits={4} />
            <span>{describeMxcsr(float.mxcsr)}</span>
            {refusal && <span className="unit-note">{refusal}</span>}
          </dd>
        </div>
      </dl>
    </>
  );
}

/** 128 bits: an XMM register, or the upper half that makes it YMM. */
interface Half {
  name: string;
  isUpper: boolean;
  value: Uint8Array;
  before: Uint8Array | undefined;
}

function halvesOf(float: FloatRegisters, count: number, before: FloatRegisters | undefined): Half[] {
  return float.vectors.slice(0, count).flatMap((vector, index) => {
    const old = before?.vectors[index];
    const lower = { name: `xmm${index}`, isUpper: false, value: vector.subarray(0, 16) };
    const upper = { name: `ymm${index}`, isUpper: true, value: vector.subarray(16) };
    const low = { ...lower, before: old?.subarray(0, 16) };
    return hasUpperHalf(float, index) ? [{ ...upper, before: old?.subarray(16) }, low] : [low];
  });
}

/** The lanes of one half; below them the old values of those that changed. */
function HalfRow({ name, isUpper, value, before: old, format }: Half & { format: LaneFormatId }) {
  const lanes = lanesOf(value, format);
  const before = old && lanesOf(old, format);
  const size = value.length / lanes.length;
  // The bytes tell, not the text: one NaN looks like another.
  const isChanged = (index: number) => {
    const end = value.length - index * size;
    return (
      old !== undefined && value.subarray(end - size, end).some((byte, at) => byte !== old[end - size + at])
    );
  };
  const hasChanged = lanes.some((_, index) => isChanged(index));
  return (
    <div className={isUpper ? 'vector is-upper' : 'vector'}>
      <dt title={isUpper ? 'bits 255 to 128' : 'bits 127 to 0'}>
        {name}
        <span className="value-mark" aria-hidden="true">
          {hasChanged && '▸'}
        </span>
      </dt>
      <dd className={`lanes is-${format}`}>
        {lanes.map((lane, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a lane is its place.
          <span key={index} className={isChanged(index) ? 'lane is-changed' : 'lane'}>
            {isChanged(index) && <span className="visually-hidden">changed: </span>}
            <Lane text={lane} format={format} />
          </span>
        ))}
      </dd>
      {hasChanged && (
        <dd className={`lanes is-old is-${format}`}>
          <span className="lanes-was">was</span>
          {lanes.map((_, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a lane is its place.
            <span key={index} className="lane">
              {isChanged(index) && before?.[index]}
            </span>
          ))}
        </dd>
      )}
    </div>
  );
}

/** Zeros that count for nothing are quiet, as in the general registers. */
function Lane({ text, format }: { text: string; format: LaneFormatId }) {
  const quiet = format === 'hex' ? (/^0*(?=.)/.exec(text)?.[0].length ?? 0) : text === '0' ? 1 : 0;
  return (
    <>
      {quiet > 0 && <span className="value-zeros">{text.slice(0, quiet)}</span>}
      {text.slice(quiet)}
    </>
  );
}

/** Which lane is which: the lowest stands at the right, where the lowest digit of a number stands. */
function LaneNumbers({ format, isUpper }: { format: LaneFormatId; isUpper: boolean }) {
  const { length } = lanesOf(new Uint8Array(16), format);
  const first = isUpper ? length : 0;
  return (
    <div className="vector is-head" aria-hidden="true">
      <span>lane</span>
      <span className={`lanes is-${format}`}>
        {Array.from({ length }, (_, index) => first + length - 1 - index).map((number) => (
          <span key={number} className="lane">
            {number}
          </span>
        ))}
      </span>
    </div>
  );
}
