// What the measurements say: medians, ratios, geometric means, as a table and as JSON. Measures nothing.
import { cpus } from 'node:os';

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export const geometricMean = (numbers) =>
  numbers.length === 0
    ? undefined
    : 2 ** (numbers.reduce((sum, each) => sum + Math.log2(each), 0) / numbers.length);

/** Whose seconds are ours: the JIT's, else the first of other thresholds, else the interpreter's. */
const oursAmong = (machines) =>
  machines.find((name) => name === 'vitrine') ??
  machines.find((name) => name.startsWith('vitrine-')) ??
  machines.find((name) => name === 'interpreter');

/** The peers' seconds over ours. */
function ratiosOf(seconds, machines) {
  const name = oursAmong(machines);
  const ours = seconds[name];
  const pairs = Object.entries(seconds).filter(([peer, theirs]) => peer !== name && ours > 0 && theirs > 0);
  return Object.fromEntries(pairs.map(([name, theirs]) => [name, theirs / ours]));
}

const medians = (samples, what) =>
  Object.fromEntries(
    Object.entries(samples)
      .filter(([, each]) => each.length > 0)
      .map(([machine, each]) => [machine, median(each.map((sample) => sample[what]))]),
  );

/**
 * One workload's row. `samples`: by machine, `{ user, system, wall }` of each round, in seconds of all turns; `by` is the one
 * that counts.
 */
export function summarize({ suite, name, turns, samples }, by = 'user') {
  const seconds = medians(samples, by);
  return {
    name: `${suite}/${name}`,
    turns,
    seconds,
    ratios: ratiosOf(seconds, Object.keys(samples)),
    user: medians(samples, 'user'),
    wall: medians(samples, 'wall'),
    samples,
  };
}

/** Geometric means of the ratios, by suite and of all, and each peer's least with the workload's name. */
export function meansOf(rows) {
  const suites = [...new Set(rows.map(({ name }) => name.split('/')[0]))];
  const peers = [...new Set(rows.flatMap(({ ratios }) => Object.keys(ratios)))];
  const meansIn = (some) =>
    Object.fromEntries(
      peers.map((peer) => [
        peer,
        geometricMean(some.flatMap(({ ratios }) => (ratios[peer] === undefined ? [] : [ratios[peer]]))),
      ]),
    );
  return {
    ...Object.fromEntries(
      suites.map((suite) => [suite, meansIn(rows.filter(({ name }) => name.startsWith(`${suite}/`)))]),
    ),
    all: meansIn(rows),
  };
}

/**
 * What several processors are worth: wall seconds of the work in one process over those in two at once, by suite, then by
 * workload, then by machine.
 */
export function speedupsOf(rows) {
  const found = {};
  for (const { name, wall } of rows.filter((row) => row.name.endsWith('-1'))) {
    const base = name.slice(0, -2);
    const pair = rows.find((row) => row.name === `${base}-2`);
    const [suite, work] = base.split('/');
    for (const [machine, alone] of Object.entries(wall)) {
      if (pair?.wall[machine] === undefined) continue;
      found[suite] ??= {};
      found[suite][work] ??= {};
      found[suite][work][machine] = alone / pair.wall[machine];
    }
  }
  return found;
}

/** Characters of a table's first column, and of the others at least. */
const FIRST = 32;
const LEAST = 10;
const cell = (number, digits = 2) => (number === undefined ? '-' : number.toFixed(digits));

/** Lines of the table, a piece at a time, so that a long run shows what it has. */
export function tableOf(machines) {
  const ours = oursAmong(machines);
  const peers = machines.filter((name) => name !== ours);
  const titles = [...machines, ...peers.map((peer) => `/ ${peer}`)];
  const line = (first, cells) =>
    `${first.padEnd(FIRST)}${cells.map((each, column) => each.padStart(Math.max(LEAST, titles[column].length + 2))).join('')}\n`;
  const ofMachines = (make) => machines.map((machine) => make(machine));
  const ofPeers = (values) => peers.map((peer) => cell(values[peer]));
  const linesOf = (values, make) => Object.entries(values).flatMap(make).join('');
  return {
    head: (by) => line(by === 'wall' ? 'wall seconds' : 'user CPU seconds', titles),
    row: ({ name, seconds, ratios }) =>
      line(name, [...ofMachines((machine) => cell(seconds[machine])), ...ofPeers(ratios)]),
    means: (means) =>
      linesOf(means, ([suite, each]) =>
        line(`geometric mean, ${suite}`, [...ofMachines(() => ''), ...ofPeers(each)]),
      ),
    speedups: (speedups) =>
      linesOf(speedups, ([suite, works]) =>
        Object.entries(works).map(([work, each]) =>
          line(
            `${suite}/${work}, 2 at once`,
            ofMachines((machine) => (each[machine] === undefined ? '-' : `${cell(each[machine])} x`)),
          ),
        ),
      ),
    memory: (memory) =>
      linesOf(memory, ([suite, each]) =>
        line(
          `peak MiB, ${suite}`,
          ofMachines((machine) => cell(each[machine] && each[machine] / 2 ** 20, 0)),
        ),
      ),
  };
}

/** The rows as a table in Markdown, with the geometric means below. */
export function markdownOf(rows, machines) {
  const ours = oursAmong(machines);
  const peers = machines.filter(
    (name) => name !== ours && rows.some(({ ratios }) => ratios[name] !== undefined),
  );
  const titles = [
    'workload',
    ...machines.map((machine) => `${machine}, s`),
    ...peers.map((peer) => `${peer} / ours`),
  ];
  const body = rows.map(({ name, seconds, ratios }) => [
    name,
    ...machines.map((machine) => cell(seconds[machine])),
    ...peers.map((peer) => cell(ratios[peer])),
  ]);
  const means = Object.entries(meansOf(rows)).map(([suite, each]) => [
    `geometric mean, ${suite}`,
    ...machines.map(() => ''),
    ...peers.map((peer) => cell(each[peer])),
  ]);
  const all = [titles, ...body, ...means];
  const widths = titles.map((_, column) => Math.max(...all.map((each) => each[column].length)));
  const text = (cells) =>
    `| ${cells.map((each, column) => (column === 0 ? each.padEnd(widths[column]) : each.padStart(widths[column]))).join(' | ')} |\n`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |\n`;
  return text(titles) + rule + [...body, ...means].map(text).join('');
}

/** What stands in the JSON file. */
export function jsonOf({ options, rows, memory, errors }) {
  const { rounds, scale, slow, jit, kernels, browser, by } = options;
  return {
    rounds,
    scale,
    slow,
    jit,
    kernels,
    browser,
    by,
    host: { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length },
    workloads: rows,
    means: meansOf(rows),
    speedups: speedupsOf(rows),
    memory,
    errors,
  };
}
