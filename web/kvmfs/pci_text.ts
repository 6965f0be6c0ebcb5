// The PCI bus of a board as text: a line for each function, each BAR and each MSI-X vector. It changes nothing.

import type { BusFunction, VectorState } from '../pci/index.ts';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const digits = (value: number, count: number): string => value.toString(16).padStart(count, '0');

function functionLine(target: BusFunction): string {
  const { identity, name, hasPin, msix } = target.description;
  const id = `${digits(identity.vendorId, 4)}:${digits(identity.deviceId, 4)}`;
  const command = hex(target.readConfig(4, 2));
  const pin = hasPin ? ` gsi=${target.slot.gsi} pin=${target.isPinAsserted ? 1 : 0}` : '';
  const messages = msix ? ` msix=${target.isMsixEnabled ? 1 : 0}` : '';
  return `${id} class=${digits(identity.classCode, 6)} command=${command}${pin}${messages} name=${name.replaceAll(' ', '-')}`;
}

/** BARs that answer, and where. */
function barLines(target: BusFunction): string[] {
  const placed = target.ranges();
  return target.bars.map(({ index, kind, bytes }) => {
    const range = placed.find(({ bar }) => bar === index);
    return `bar=${index} kind=${kind} size=${hex(bytes)} at=${range ? hex(range.start) : 'none'}`;
  });
}

function vectorLine(
  target: BusFunction,
  { vector, address, data, isMasked, isPending }: VectorState,
): string {
  const state = `masked=${isMasked ? 1 : 0} pending=${isPending ? 1 : 0}`;
  return `vector=${vector} gsi=${target.slot.vectorGsi(vector)} address=${hex(address)} data=${hex(data)} ${state}`;
}

/** All functions by device number; each line begins with its function, as `00:01.0`. */
export function pciText(functions: readonly BusFunction[]): string {
  return functions
    .flatMap((target) =>
      [
        functionLine(target),
        ...barLines(target),
        ...target.vectors().map((state) => vectorLine(target, state)),
      ].map((line) => `00:${digits(target.slot.device, 2)}.0 ${line}`),
    )
    .join('\n');
}
