// The tiers of a vCPU: how much the interpreter and compiled regions have executed, and the regions. It compiles nothing.

import { VM_HEAT, VM_PAGE } from '../../../assembly/abi/map.ts';
import {
  type Region,
  type RegionText,
  readRegion,
  readRegions,
  readText,
  readTierEvents,
  readTiers,
  TIER_RANGES,
  type TierCounts,
  type TierEvent,
  textRange,
} from '../../kvm/tiers.ts';
import { type MachineMemory, type Range, readU32, vcpuArea } from './memory.ts';

export type {
  DropReason,
  Place,
  PlaceKind,
  Region,
  RegionText,
  TierCounts,
  TierEvent,
} from '../../kvm/tiers.ts';
export { DROP_REASONS } from '../../kvm/tiers.ts';

/** Entries after which a block is compiled; undefined when the JIT is off. */
export function readJit(memory: MachineMemory): number | undefined {
  const heat = readU32(memory, VM_PAGE + VM_HEAT);
  return heat === 0 ? undefined : heat - 1;
}

/** The counts of a vCPU's tiers. */
export const tierCounts = (memory: MachineMemory, vcpu: number): TierCounts =>
  readTiers(memory.bytes.buffer, vcpuArea(vcpu));

/** The regions of a vCPU, the hottest first. */
export const tierRegions = (memory: MachineMemory, vcpu: number): Region[] =>
  readRegions(memory.bytes.buffer, vcpuArea(vcpu));

/** The region with a number; undefined when it is gone. */
export const tierRegion = (memory: MachineMemory, vcpu: number, number: number): Region | undefined =>
  readRegion(memory.bytes.buffer, vcpuArea(vcpu), number);

/** The last `most` regions that were made or dropped, the oldest first. */
export const tierEvents = (memory: MachineMemory, vcpu: number, most: number): TierEvent[] =>
  readTierEvents(memory.bytes.buffer, vcpuArea(vcpu), most);

/** The module of a region and whose its bytes are; undefined when it is gone or was not kept. */
export const regionText = (memory: MachineMemory, vcpu: number, number: number): RegionText | undefined =>
  readText(memory.bytes.buffer, vcpuArea(vcpu), number);

/** What `tierCounts`, `tierRegions` and `tierEvents` read. */
export const tierRanges = (vcpu: number): Range[] =>
  TIER_RANGES.map(({ offset, length }) => ({ offset: vcpuArea(vcpu) + offset, length }));

/** What `regionText` reads beside that. */
export function regionRange(memory: MachineMemory, vcpu: number, number: number): Range {
  const { offset, length } = textRange(memory.bytes.buffer, vcpuArea(vcpu), number);
  return { offset: vcpuArea(vcpu) + offset, length };
}
