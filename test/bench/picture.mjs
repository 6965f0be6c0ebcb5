// The ratios as a picture: a bar from 1 for each workload and peer, on a logarithmic scale, in SVG. Measures nothing.

const PEERS = { v86: '#2f7ed8', qemu: '#e08214' };
const LEFT = 200;
const WIDE = 520;
const BAR = 7;
const TOP = 46;
const INK = '#444';
const GRID = '#ccc';

const escapeText = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** The powers of two that hold all `ratios`, one at least on each side of 1. */
function powersFor(ratios) {
  const logs = ratios.map(Math.log2);
  const least = Math.min(-1, Math.floor(Math.min(...logs)));
  const most = Math.max(1, Math.ceil(Math.max(...logs)));
  return Array.from({ length: most - least + 1 }, (_, index) => least + index);
}

const text = (x, y, content, more = '') =>
  `<text x="${x}" y="${y.toFixed(1)}" fill="${INK}" ${more}>${escapeText(content)}</text>`;

/** The SVG text for rows of `{ name, ratios }`; those without a ratio are left out. */
export function drawPicture(rows) {
  const peers = Object.keys(PEERS).filter((peer) => rows.some(({ ratios }) => ratios[peer] > 0));
  const shown = rows.filter(({ ratios }) => peers.some((peer) => ratios[peer] > 0));
  const powers = powersFor(shown.flatMap(({ ratios }) => peers.map((peer) => ratios[peer]).filter(Boolean)));
  const least = powers[0] ?? -1;
  const most = powers.at(-1) ?? 1;
  const x = (ratio) => LEFT + ((Math.log2(ratio) - least) / (most - least)) * WIDE;
  const step = peers.length * BAR + 6;
  const bottom = TOP + shown.length * step;
  const grid = powers.map((power) => {
    const at = x(2 ** power).toFixed(1);
    const label = power < 0 ? `1/${2 ** -power}` : `${2 ** power}`;
    return (
      `<line x1="${at}" x2="${at}" y1="${TOP - 6}" y2="${bottom}" stroke="${power === 0 ? INK : GRID}"/>` +
      text(at, TOP - 10, label, 'text-anchor="middle"')
    );
  });
  const bars = shown.flatMap(({ name, ratios }, row) => {
    const top = TOP + row * step;
    const own = peers.flatMap((peer, index) => {
      if (!(ratios[peer] > 0)) return [];
      const [from, to] = [x(1), x(ratios[peer])].sort((a, b) => a - b);
      return `<rect x="${from.toFixed(1)}" y="${top + index * BAR}" width="${Math.max(1, to - from).toFixed(1)}" height="${BAR - 1}" fill="${PEERS[peer]}"/>`;
    });
    return [text(LEFT - 8, top + (peers.length * BAR) / 2 + 4, name, 'text-anchor="end"'), ...own];
  });
  const legend = peers.map(
    (peer, index) =>
      `<rect x="${LEFT + index * 190}" y="8" width="10" height="10" fill="${PEERS[peer]}"/>` +
      text(LEFT + index * 190 + 15, 17, `${peer}'s seconds over Vitrine's`),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDE + 20}" height="${bottom + 12}" font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...legend,
    ...grid,
    ...bars,
    '</svg>',
    '',
  ].join('\n');
}
