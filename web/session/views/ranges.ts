// Which parts of the memory the views read: what a page without shared memory must copy. It copies nothing.

import { STAT_EXIT_REASONS, STAT_REASONS } from '../../../assembly/abi/calls.ts';
import { V_FCW, V_FLOAT_RESULT } from '../../../assembly/abi/fpu.ts';
import {
  PAGE_SIZE,
  TRACE_ENTRIES,
  TRACE_ENTRY_SIZE,
  TRACE_HEADER,
  TRACE_RING,
  VCPU_MSRS,
  VCPU_PIO,
  VCPU_RUN,
  VM_PAGE,
  VM_SLOTS,
} from '../../../assembly/abi/map.ts';
import {
  ATTACHMENT_SIZE,
  ATTACHMENTS_MAX,
  PIN_SIZE,
  PINS_MAX,
  VM_ATTACHMENTS,
  VM_PINS,
} from '../../../assembly/abi/pins.ts';
import { balloonRanges } from './balloon.ts';
import { DEVICE_PAGES } from './devices.ts';
import { type MachineMemory, type Range, vcpuArea, vcpuIds, vcpuPage } from './memory.ts';
import { pagesOf, readSlots } from './slots.ts';
import { readJit, tierRanges } from './tiers.ts';

/** Bytes of the VM page that views read: its header and the slot table. */
const VM_BYTES = VM_SLOTS + 0x4000;

/** Bytes of a port access that are shown. */
const IO_BYTES = 8;

/** Bytes of the live floating-point state, without its scratch. */
const FLOAT_BYTES = V_FLOAT_RESULT - V_FCW;

/**
 * Everything that the views of this folder read, guest memory excepted. vCPUs and slots are those that the copy at
 * hand knows; of an empty copy that is none, so the first copy takes two rounds.
 */
export function viewRanges(memory: MachineMemory): Range[] {
  const logs = readSlots(memory).filter((slot) => slot.logDirty && slot.bitmap !== 0);
  return [
    { offset: VM_PAGE, length: VM_BYTES },
    { offset: VM_PAGE + VM_PINS, length: PINS_MAX * PIN_SIZE },
    { offset: VM_PAGE + VM_ATTACHMENTS, length: ATTACHMENTS_MAX * ATTACHMENT_SIZE },
    DEVICE_PAGES,
    ...balloonRanges(memory),
    { offset: TRACE_RING, length: TRACE_HEADER + TRACE_ENTRIES * TRACE_ENTRY_SIZE },
    ...vcpuIds(memory).flatMap((id) => [
      { offset: vcpuArea(id) + VCPU_RUN, length: VCPU_PIO - VCPU_RUN + IO_BYTES },
      { offset: vcpuPage(id), length: PAGE_SIZE },
      { offset: vcpuPage(id) + V_FCW, length: FLOAT_BYTES },
      ...(readJit(memory) === undefined ? [] : tierRanges(id)),
      { offset: vcpuArea(id) + VCPU_MSRS + STAT_EXIT_REASONS, length: STAT_REASONS * 8 },
    ]),
    ...logs.map((slot) => ({ offset: slot.bitmap, length: Math.ceil(pagesOf(slot) / 8) })),
  ];
}
