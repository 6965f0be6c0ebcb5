// One boot of a fetched Linux guest: to its ready line, through its stress program, to its power-off. It judges the run
// by what the guest said; it writes no table.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../build/cli/main.js', import.meta.url));

/** What a healthy kernel never says. */
const TROUBLE =
  /^.*(\bOops\b|BUG:|Kernel panic|Call Trace|rcu.*(stall|detected)|lockup|hung_task|blocked for more than|unstable|WARNING:|Lost .*tick).*$/im;

/** How long a boot may take beside its stress, in seconds. */
const PATIENCE = 300;

/** How long the program may take to end itself when its time is over, in seconds: then it hangs, not its guest. */
const CLOSING = 15;

/**
 * Boots `guest` with `cpus` vCPUs and lets it be under stress for `seconds`; after `patience` seconds more it is ended. Gives the seconds from the start to the ready
 * line and the line of the stress program (both undefined when it never came), all output, and `faults`: a phrase for
 * each thing that was wrong.
 */
export function bootGuest({ guest, cpus, seconds, jit = '2000', patience = PATIENCE }) {
  const start = performance.now();
  const append = `run="stress ${seconds}; poweroff"`;
  const options = [
    '--cpus',
    String(cpus),
    '--jit',
    jit,
    '--append',
    append,
    '--timeout',
    String(patience + 4 * seconds),
  ];
  const child = spawn(process.execPath, [MAIN, 'run', '--guest', guest, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let readySeconds;
  const take = (bytes) => {
    output += bytes.toString('latin1');
    if (readySeconds === undefined && /Ready: Linux .*\r?\n/.test(output))
      readySeconds = (performance.now() - start) / 1000;
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const last = setTimeout(() => child.kill('SIGKILL'), (patience + 4 * seconds + CLOSING) * 1000);
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      clearTimeout(last);
      const stress = /stress: (PASS|FAIL) .*$/m.exec(output)?.[0].trim();
      const faults = [];
      if (readySeconds === undefined) faults.push('no shell');
      else if (!output.includes(` ${cpus} CPUs; poweroff ends it.`)) faults.push('processors are missing');
      if (!stress?.startsWith('stress: PASS')) faults.push(stress ?? 'no end of the stress');
      const trouble = TROUBLE.exec(output)?.[0].trim();
      if (trouble !== undefined) faults.push(trouble);
      if (signal === 'SIGKILL') faults.push('the program did not end by itself');
      else if (status !== 0) faults.push(`status ${status}`);
      resolve({ readySeconds, stress, output, faults });
    });
  });
}
