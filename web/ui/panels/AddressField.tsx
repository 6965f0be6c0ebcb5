// A field for an address: a number, or a register of the selected vCPU with an offset. Enter goes there.

import { type FormEvent, useState } from 'react';
import { readRegisters } from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import { addressOf } from './address.ts';

interface AddressFieldProps {
  onGo: (address: bigint) => void;
}

export function AddressField({ onGo }: AddressFieldProps) {
  const watch = useWorkbench((state) => state.watch);
  const vcpu = useWorkbench((state) => state.vcpu);
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const memory = watch.memory();
    const address = addressOf(text, memory && readRegisters(memory, vcpu));
    setWrong(address === undefined);
    if (address !== undefined) onGo(address);
  };
  return (
    <form className="address" onSubmit={submit}>
      <input
        className="field mono"
        aria-label="Address: a number, or a register with an offset"
        aria-invalid={isWrong}
        title="A number, or a register of the selected vCPU: 0x2000, rip, rsp+0x10. Enter goes there."
        placeholder="0x2000, rsp"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
        }}
      />
    </form>
  );
}
