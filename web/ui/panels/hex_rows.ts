// The bytes that the Memory panel shows: found through slots and, for linear addresses, through the vCPU's paging.

import { useCallback, useEffect, useMemo, useState } from 'react';
import {
  type BalloonPage,
  balloonPages,
  isDirtyNow,
  isPaging,
  type MachineMemory,
  type Range,
  readRegisters,
  readSlots,
  type Slot,
  vcpuIds,
} from '../../session/views/index.ts';
import { useWorkbench } from '../context.ts';
import type { AddressKind } from '../state/hex_place.ts';
import { useMachine } from '../state/watch.ts';

const PAGE = 0x1000n;
/** Bytes that change faster cannot be read. */
const READ_INTERVAL_MS = 60;
/** The page tables of a running guest are looked at this often, in ms. */
const TRANSLATE_INTERVAL_MS = 500;

/** One byte in sight: undefined where nothing is mapped. */
export interface HexByte {
  readonly value: number;
  /** Offset in the machine's memory. */
  readonly hva: number;
}

export interface HexRow {
  readonly address: bigint;
  readonly bytes: readonly (HexByte | undefined)[];
  /** The slot behind the row's first mapped byte, and where the row begins in it. */
  readonly slot?: { readonly id: number; readonly offset: number };
  /** Its page waits for the next harvest. */
  readonly isDirty: boolean;
  /** What its page is to the balloon. */
  readonly balloon: BalloonPage;
  readonly gpa: number | undefined;
}

export interface HexWindow {
  readonly kind: AddressKind;
  readonly top: bigint;
  readonly rows: number;
  readonly width: number;
}

interface Paging {
  readonly isPaging: boolean;
  readonly cr3: bigint;
}

function pagesOfWindow({ top, rows, width }: HexWindow): bigint[] {
  const last = top + BigInt(rows * width) - 1n;
  const pages: bigint[] = [];
  for (let page = top - (top % PAGE); page <= last; page += PAGE) pages.push(page);
  return pages;
}

/** Physical addresses of the window's pages; linear ones are asked of the machine worker where paging is on. */
function useMapping(look: HexWindow): (page: bigint) => number | undefined {
  const vcpu = useWorkbench((state) => state.vcpu);
  const session = useWorkbench((state) => state.session);
  const isRunning = useWorkbench((state) => state.status.state === 'running');
  const before = useWorkbench((state) => state.before);
  const read = useCallback(
    (memory: MachineMemory): Paging | undefined => {
      if (!vcpuIds(memory).includes(vcpu)) return undefined;
      const registers = readRegisters(memory, vcpu);
      return { isPaging: isPaging(registers), cr3: registers.cr3 };
    },
    [vcpu],
  );
  const paging = useMachine(read);
  const [found, setFound] = useState<ReadonlyMap<bigint, number | undefined>>(new Map());
  const isMapped = look.kind === 'gva' && paging?.isPaging === true;
  const pages = isMapped ? pagesOfWindow(look).join() : '';

  // biome-ignore lint/correctness/useExhaustiveDependencies: other page tables, or a step that may have changed them, ask anew.
  useEffect(() => {
    if (pages === '' || !session) return;
    let isCurrent = true;
    const ask = async () => {
      const asked = pages.split(',').map(BigInt);
      const answers = await Promise.all(
        asked.map(async (page) => [page, await session.translate(vcpu, page)] as const),
      );
      if (isCurrent)
        setFound(new Map(answers.map(([page, gpa]) => [page, gpa === undefined ? undefined : Number(gpa)])));
    };
    const askSafely = () => void ask().catch(() => isCurrent && setFound(new Map()));
    askSafely();
    const timer = isRunning ? setInterval(askSafely, TRANSLATE_INTERVAL_MS) : undefined;
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [pages, session, vcpu, paging?.cr3, isRunning, before]);

  return useCallback((page) => (isMapped ? found.get(page) : Number(page)), [isMapped, found]);
}

const slotAt = (slots: readonly Slot[], gpa: number) =>
  slots.find((each) => gpa >= each.gpa && gpa < each.gpa + each.size);

function readRows(
  memory: MachineMemory,
  { top, rows, width }: HexWindow,
  physical: (page: bigint) => number | undefined,
): HexRow[] {
  const slots = readSlots(memory);
  const balloonAt = balloonPages(memory, slots);
  return Array.from({ length: rows }, (_, row): HexRow => {
    const address = top + BigInt(row * width);
    const page = physical(address - (address % PAGE));
    const gpa = page === undefined ? undefined : page + Number(address % PAGE);
    const slot = gpa === undefined ? undefined : slotAt(slots, gpa);
    const bytes = Array.from({ length: width }, (_, at) => {
      if (gpa === undefined || !slot || gpa + at >= slot.gpa + slot.size) return undefined;
      const hva = slot.hva + gpa + at - slot.gpa;
      return { value: memory.bytes[hva] ?? 0, hva };
    });
    const place = slot && gpa !== undefined ? { slot: { id: slot.id, offset: gpa - slot.gpa } } : {};
    const isDirty = slot !== undefined && gpa !== undefined && isDirtyNow(memory, slot, gpa);
    const balloon = gpa === undefined ? undefined : balloonAt(gpa);
    return { address, bytes, isDirty, balloon, gpa, ...place };
  });
}

/** Whole pages of the machine's memory behind the window: what is remembered before a step. */
function rangesOf(
  memory: MachineMemory | undefined,
  look: HexWindow,
  physical: (page: bigint) => number | undefined,
) {
  if (!memory) return [];
  const slots = readSlots(memory);
  return pagesOfWindow(look).flatMap((page): Range[] => {
    const gpa = physical(page);
    const slot = gpa === undefined ? undefined : slotAt(slots, gpa);
    if (gpa === undefined || !slot) return [];
    return [
      {
        offset: slot.hva + gpa - slot.gpa,
        length: Math.min(Number(PAGE), slot.gpa + slot.size - gpa),
      },
    ];
  });
}

/** The rows of the window, looked at as often as a person can read. */
export function useHexRows(look: HexWindow): readonly HexRow[] {
  const { kind, top, rows, width } = look;
  const physical = useMapping(look);
  const watch = useWorkbench((state) => state.watch);
  const session = useWorkbench((state) => state.session);
  const read = useCallback(
    (memory: MachineMemory) => readRows(memory, { kind, top, rows, width }, physical),
    [kind, top, rows, width, physical],
  );
  const found = useMachine(read, READ_INTERVAL_MS);
  const isThere = found !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another machine has its slots elsewhere.
  const ranges = useMemo(
    () => rangesOf(watch.memory(), { kind, top, rows, width }, physical),
    [watch, kind, top, rows, width, physical, isThere, session],
  );
  useEffect(() => watch.want(ranges), [watch, ranges]);
  return found ?? [];
}
