// Handles: the right to bind to a guest, as an object that travels by postMessage, and the registry that finds one by
// its number inside one owner. A number alone opens nothing.

import { VM_LIFE } from '../../assembly/abi/map.ts';
import {
  isKvmError,
  KvmError,
  Pin,
  type PinInfo,
  type PinOwner,
  type PinPlace,
  revokePin,
  Vm,
  type VmHandle,
} from '../kvm/index.ts';
import { releasePin } from './release.ts';
import { SlotInterface } from './slot_interface.ts';

/** The right to bind to a guest: whoever holds it holds its memory. It cannot be guessed, only given. */
export interface GuestHandle {
  readonly vm: VmHandle;
  /** Which of the VMs that lived in this place of the memory is meant. */
  readonly life: number;
}

/** A guest bound for another thread: who gets it opens it. It travels by postMessage. */
export interface BoundGuest {
  readonly handle: GuestHandle;
  readonly pin: PinPlace;
}

/** The handle of a VM. */
export function handleOf(vm: Vm): GuestHandle {
  return { vm: vm.handle, life: vm.memory.load(vm.memory.vm + VM_LIFE) };
}

function attach(handle: GuestHandle): Vm {
  const vm = Vm.attach(handle.vm);
  if (vm.memory.load(vm.memory.vm + VM_LIFE) !== handle.life) {
    throw new KvmError('ENODEV', 'the VM of this handle was destroyed; ask for a handle of another.');
  }
  return vm;
}

/** Binds to a guest on this thread. ENODEV when it is gone, ENFILE when it has too many holders. */
export function bind(handle: GuestHandle, owner: PinOwner): SlotInterface {
  const vm = attach(handle);
  return new SlotInterface(vm, Pin.claim(vm.memory, owner));
}

/** Binds to a guest for another thread, so that it stays while that thread starts. Errors as bind. */
export function bindFor(handle: GuestHandle, owner: PinOwner): BoundGuest {
  return { handle, pin: Pin.claim(attach(handle).memory, owner).place };
}

/** The interface that another thread has bound for this one. ENODEV when it was released. */
export function open(bound: BoundGuest): SlotInterface {
  const vm = attach(bound.handle);
  return new SlotInterface(vm, Pin.open(vm.memory, bound.pin));
}

/** The VM of a handle while it lives: one that is gone was held by nobody. */
function living({ vm }: GuestHandle): Vm | undefined {
  try {
    return Vm.attach(vm);
  } catch (error) {
    if (isKvmError(error, 'ENODEV')) return undefined;
    throw error;
  }
}

/** The pin that `bound` holds, as it stands; undefined once it was released. */
export function pinOf(bound: BoundGuest): PinInfo | undefined {
  const vm = living(bound.handle);
  const { index, serial } = bound.pin;
  return vm?.pins().find((pin) => pin.index === index && pin.serial === serial);
}

/** Bars the thread that holds `bound` from the guest: its next call is ENODEV. */
export function revoke(bound: BoundGuest): void {
  const vm = living(bound.handle);
  if (vm) revokePin(vm.memory, bound.pin);
}

/** Releases what a dead thread held. It must be dead: what it still did would be done to the next holder. */
export function releaseDead(bound: BoundGuest): void {
  const vm = living(bound.handle);
  if (vm) releasePin(vm, bound.pin);
}

/** The guests of one owner by number (vmid), as kvm_xinterface_find had it; another owner's numbers mean nothing here. */
export class GuestRegistry {
  readonly #handles = new Map<bigint, GuestHandle>();
  #next = 1n;

  /** Enters a VM; returns its number. */
  add(vm: Vm): bigint {
    const id = this.#next++;
    this.#handles.set(id, handleOf(vm));
    return id;
  }

  /** The handle of the VM with this number. ENOENT. */
  find(id: bigint): GuestHandle {
    const handle = this.#handles.get(id);
    if (handle === undefined) throw new KvmError('ENOENT', `there is no VM ${id} here; add it first.`);
    return handle;
  }

  /** Forgets a number; who has bound already stays bound. */
  remove(id: bigint): void {
    this.#handles.delete(id);
  }
}
