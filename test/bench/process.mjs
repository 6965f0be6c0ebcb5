// One machine in a process of its own: starts it, takes the guest's lines as they come, and reads the CPU time of all its
// threads and its peak memory from Linux's /proc at each. Knows no machine and no workload.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Ticks of the clock that /proc/PID/stat counts in, a second. */
const TICKS = 100;
/** What is kept of the output for a message, in characters. */
const KEPT = 4000;

/** CPU seconds of a process so far, all its threads: of the program itself, and of the kernel for it. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop().split(' ');
  return { user: Number(fields[11]) / TICKS, system: Number(fields[12]) / TICKS };
}

/** The most memory that the process has had resident, in bytes. */
export function peakMemory(pid) {
  const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(found?.[1] ?? 0) * 1024;
}

/**
 * Runs `[program, args]` until `onLine` returns true, then kills it. `onLine(line, now)` gets each line of its stdout as it
 * comes, with `{ wall, user, system, memory, pid }` of that moment: seconds since the start, and bytes. Throws with the last
 * output when the process ends before, or says nothing for `patience` seconds.
 */
export function watchProcess([program, args], patience, onLine) {
  const began = performance.now();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const now = () => ({
    wall: (performance.now() - began) / 1000,
    ...cpuSeconds(child.pid),
    memory: peakMemory(child.pid),
    pid: child.pid,
  });
  return new Promise((resolve, reject) => {
    let tail = '';
    let pending = '';
    let isDone = false;
    let trouble;
    const end = () => {
      isDone = true;
      child.kill('SIGKILL');
    };
    const watch = setTimeout(() => {
      trouble = `${program} said nothing for ${patience} s`;
      end();
    }, patience * 1000);
    child.stdout.on('data', (bytes) => {
      if (isDone) return;
      watch.refresh();
      const text = bytes.toString('latin1');
      tail = (tail + text).slice(-KEPT);
      const lines = (pending + text).split(/\r*\n/);
      pending = lines.pop() ?? '';
      try {
        for (const line of lines) if (!isDone && onLine(line, now())) end();
      } catch (error) {
        trouble = error.message;
        end();
      }
    });
    child.stderr.on('data', (bytes) => {
      tail = (tail + bytes.toString('latin1')).slice(-KEPT);
    });
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(watch);
      if (isDone && trouble === undefined) resolve();
      else reject(new Error(`${trouble ?? `${program} ended with ${status}`}; its last output:\n${tail}`));
    });
  });
}
