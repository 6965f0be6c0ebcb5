// The x87 view of the register panel: the stack with its physical registers, whose significands are MM0 to MM7.

import { useCallback } from 'react';
import {
  describeFcw,
  extendedText,
  type FloatRegisters,
  FSW_BITS,
  type MachineMemory,
  type Registers,
  readFloat,
  stackOrder,
  type X87Register,
  x87Refusal,
} from '../../session/views/index.ts';
import { Flags } from '../parts/Bits.tsx';
import { hex } from '../parts/numbers.ts';
import { Value } from '../parts/Value.tsx';
import { useMachine } from '../state/watch.ts';
import './x87_registers.css';

interface X87RegistersProps {
  registers: Registers;
  before: FloatRegisters | undefined;
}

export function X87Registers({ registers, before }: X87RegistersProps) {
  const read = useCallback((memory: MachineMemory) => readFloat(memory, registers.vcpu), [registers.vcpu]);
  const float = useMachine(read);
  if (!float) return null;
  const refusal = x87Refusal(registers);
  return (
    <>
      <table className="x87">
        <caption className="visually-hidden">x87 stack, ST(0) first</caption>
        <thead>
          <tr>
            <th scope="col">stack</th>
            <th scope="col" title="The physical register: a push moves TOP, not the values">
              reg
            </th>
            <th scope="col">tag</th>
            <th scope="col">
              <span className="x87-value">
                value
                <span
                  className="x87-bits"
                  title="Sign and exponent, then the significand; MMX uses the significand"
                >
                  <span className="x87-exponent">exp</span>significand = MMX
                </span>
              </span>
            </th>
          </tr>
        </thead>
        <tbody>
          {stackOrder(float.top).map((physical, index) => {
            const register = float.physical[physical];
            return (
              register && (
                <Row
                  key={physical}
                  name={`st${index}`}
                  physical={physical}
                  register={register}
                  before={before?.physical[physical]}
                />
              )
            );
          })}
        </tbody>
      </table>
      <Flags
        label="x87 status"
        value={float.fsw}
        before={before?.fsw}
        table={FSW_BITS}
        field={{
          name: 'TOP',
          meaning: 'the physical register that ST(0) is',
          value: float.top,
          before: before?.top,
        }}
      />
      <dl className="control">
        <div className="control-row">
          <dt>fcw</dt>
          <dd>
            <Value value={float.fcw} before={before?.fcw} digits={4} />
            <span>{describeFcw(float.fcw)}</span>
            {refusal && <span className="unit-note">{refusal}</span>}
          </dd>
        </div>
        <div className="control-row">
          <dt>fsw</dt>
          <dd>
            <Value value={float.fsw} before={before?.fsw} digits={4} />
          </dd>
        </div>
      </dl>
    </>
  );
}

interface RowProps {
  name: string;
  physical: number;
  register: X87Register;
  /** The same physical register: a push or pop alone changes no value. */
  before: X87Register | undefined;
}

function Row({ name, physical, register, before }: RowProps) {
  const { significand, exponent, tag } = register;
  const isTagChanged = before !== undefined && before.tag !== tag;
  const isValueChanged =
    before !== undefined && (before.significand !== significand || before.exponent !== exponent);
  const isChanged = isTagChanged || isValueChanged;
  const text = textOf(register);
  // A pop leaves the value where it is: then only the tag is another. All that MMX writes is a NaN: then the bits tell.
  const oldText = before && (textOf(before) === text ? hex(before.significand, 16) : textOf(before));
  const old = isChanged && (isValueChanged && before.tag !== 'empty' ? oldText : before.tag);
  return (
    <tr className={tag === 'empty' ? 'is-empty' : undefined}>
      <th scope="row">{name}</th>
      <td>R{physical}</td>
      <td className={isTagChanged ? 'x87-tag is-changed' : 'x87-tag'}>{tag}</td>
      <td>
        <div className="x87-value">
          <span className={isValueChanged ? 'value is-changed' : 'value'}>
            <span className="value-mark" aria-hidden="true">
              {isChanged && '▸'}
            </span>
            <span className="value-now" title={text}>
              {text}
            </span>
            {isChanged && (
              <span className="value-old" title={`was ${old}`}>
                <span className="visually-hidden">changed, </span>was {old}
              </span>
            )}
          </span>
          <span className="x87-bits" title={`Bits 64 to 79 and 0 to 63; the latter are mm${physical}`}>
            {exponent.toString(16).padStart(4, '0')} {significand.toString(16).padStart(16, '0')}
            <span className="x87-mmx"> mm{physical}</span>
          </span>
        </div>
      </td>
    </tr>
  );
}

const textOf = ({ significand, exponent }: X87Register) => extendedText(significand, exponent);
