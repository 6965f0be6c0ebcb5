// The machine's options: engine and seed, CPUs, memory, dirty log, how the image enters, and devices. They count from the next start.

import { SlidersHorizontal } from 'lucide-react';
import { type ChangeEvent, useId, useState } from 'react';
import { optionsAction, shellText } from '../../session/actions.ts';
import type { SharedOptions } from '../../session/share.ts';
import { useActions, useWorkbench } from '../context.ts';
import { CommandLine } from '../parts/CommandLine.tsx';
import { bytes, hex, parseNumber, plural } from '../parts/numbers.ts';
import { DeviceChoices } from './DeviceChoices.tsx';

const MIB = 1 << 20;
const MEMORY_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((size) => size * MIB);
const MODES = [
  ['real', 'real mode, 16-bit'],
  ['protected', 'protected mode, 32-bit'],
  ['long', 'long mode, 64-bit'],
] as const;

export function MachineOptions() {
  const options = useWorkbench((state) => state.options);
  const id = useId();
  const engine = options.engine === 'parallel' ? 'parallel' : 'deterministic';
  const summary = `${plural(options.cpus, 'vCPU')} · ${bytes(options.memory)} · ${engine}`;
  return (
    <>
      <button
        type="button"
        className="button summary-button"
        popoverTarget={id}
        aria-label={`Machine options: ${summary}`}
        title="Machine options"
      >
        <SlidersHorizontal size={14} aria-hidden="true" />
        <span className="button-text">{summary}</span>
      </button>
      <div id={id} popover="auto" className="popover" role="dialog" aria-label="Machine options">
        <h2>Machine</h2>
        <Form options={options} />
      </div>
    </>
  );
}

function Form({ options }: { options: SharedOptions }) {
  const bench = useActions();
  const kernel = useWorkbench((state) => state.kernel);
  const sizes = MEMORY_SIZES.includes(options.memory)
    ? MEMORY_SIZES
    : [...MEMORY_SIZES, options.memory].sort((a, b) => a - b);
  const choose = (event: ChangeEvent<HTMLInputElement>) =>
    bench.setOptions({ engine: event.target.value === 'parallel' ? 'parallel' : 'deterministic' });
  return (
    <div className="form">
      <fieldset>
        <legend>Engine</legend>
        <label className="choice">
          <input
            type="radio"
            name="engine"
            value="parallel"
            checked={options.engine === 'parallel'}
            onChange={choose}
          />
          Parallel
          <small>A thread for each vCPU, as on real hardware.</small>
        </label>
        <label className="choice">
          <input
            type="radio"
            name="engine"
            value="deterministic"
            checked={options.engine === 'deterministic'}
            onChange={choose}
          />
          Deterministic
          <small>All vCPUs in turn by instruction count: the same seed and input give the same run.</small>
        </label>
      </fieldset>
      <div className="form-row">
        <NumberField
          label="Seed"
          value={options.seed ?? 1}
          most={0xffffffff}
          disabled={options.engine !== 'deterministic'}
          onValue={(seed) => bench.setOptions({ seed })}
        />
        <NumberField
          label="vCPUs (1 to 8)"
          value={options.cpus}
          least={1}
          most={8}
          onValue={(cpus) => bench.setOptions({ cpus })}
        />
      </div>
      <div className="form-row">
        <label>
          Memory
          <select
            className="field"
            value={options.memory}
            onChange={(event) => bench.setOptions({ memory: Number(event.target.value) })}
          >
            {sizes.map((size) => (
              <option key={size} value={size}>
                {bytes(size)}
              </option>
            ))}
          </select>
        </label>
        <label>
          Entered in
          <select
            className="field"
            value={options.mode}
            disabled={kernel !== undefined}
            onChange={(event) => bench.setOptions({ mode: event.target.value as SharedOptions['mode'] })}
          >
            {MODES.map(([mode, words]) => (
              <option key={mode} value={mode}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div className="form-row">
        <NumberField
          label="Loaded at, without ORG"
          value={options.at}
          isHex
          most={0xffffffff}
          disabled={kernel !== undefined}
          onValue={(at) => bench.setOptions({ at })}
        />
        <NumberField
          label="Debug exit port"
          value={options.exitPort ?? 0xf4}
          isHex
          most={0xffff}
          onValue={(exitPort) => bench.setOptions({ exitPort })}
        />
      </div>
      <label className="choice">
        <input
          type="checkbox"
          checked={options.logDirty ?? false}
          onChange={(event) => bench.setOptions({ logDirty: event.target.checked })}
        />
        Log dirty pages
        <small>KVM_MEM_LOG_DIRTY_PAGES on the main memory slot.</small>
      </label>
      <label className="choice">
        <input
          type="checkbox"
          checked={kernel === undefined || options.reboot === false}
          disabled={kernel === undefined}
          onChange={(event) => bench.setEndsAtReset(event.target.checked)}
        />
        End at reset
        <small>A kernel's reset or triple fault ends the machine instead of starting it anew.</small>
      </label>
      <DeviceChoices />
      <CommandLine name="Machine options" text={shellText(optionsAction(options))} />
      <p className="form-note">Changes count from the next Run or Reset.</p>
    </div>
  );
}

interface NumberFieldProps {
  label: string;
  value: number;
  least?: number;
  most: number;
  isHex?: boolean;
  disabled?: boolean;
  onValue: (value: number) => void;
}

/** A whole number typed in decimal or with 0x; taken when it is sound, marked when it is not. */
function NumberField({
  label,
  value,
  least = 0,
  most,
  isHex = false,
  disabled = false,
  onValue,
}: NumberFieldProps) {
  const shown = isHex ? hex(value) : String(value);
  const [draft, setDraft] = useState<string>();
  const typed = draft === undefined ? value : parseNumber(draft);
  const isSound = typed !== undefined && typed >= least && typed <= most;
  return (
    <label>
      {label}
      <input
        className="field mono"
        inputMode={isHex ? 'text' : 'numeric'}
        value={draft ?? shown}
        disabled={disabled}
        aria-invalid={!isSound}
        onChange={(event) => {
          setDraft(event.target.value);
          const next = parseNumber(event.target.value);
          if (next !== undefined && next >= least && next <= most) onValue(next);
        }}
        onBlur={() => setDraft(undefined)}
      />
    </label>
  );
}
