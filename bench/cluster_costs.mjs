// From CPU times of rounds to costs of units, and their tables and chart.
import { execFileSync } from 'node:child_process';

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

// Between the sorted numbers, where so large a part of them is smaller.
function quantile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}
const median = (numbers) => quantile(numbers, 0.5);

// Of one cluster in one run, each cost in seconds of CPU in every round. A round of a cluster is {seconds, units,
// servers: [{cpu, delivering}], nats, database} and, of posts, deliveries by server. What everything takes in the idle
// round is subtracted in proportion to time.
//
// A post is stored by one server, heard by each of the others, and delivered by all. Deliveries are made on
// two threads of a server; in the rounds `few` and `many` only the number of followers differs, so what these
// use differs by the deliveries. In `away` one server takes all posts, so what the others use is for hearing them, and for
// a few deliveries; in `flood` all hear a great many, of the authors of `few`, whose posts have been delivered before.
function costsOfCluster(nodes, rounds) {
  const of = (kind) => (rounds[kind] ?? []).map((round) => round[nodes]).filter(Boolean);
  const [idle] = of('idle');
  const share = (round) => round.seconds / idle.seconds;
  const serverOf = (round, i, what) => round.servers[i][what] - idle.servers[i][what] * share(round);
  const servers = (round, what = 'cpu') => sum(round.servers.map((_, i) => serverOf(round, i, what)));
  const each = (round, part) => (round[part] - idle[part] * share(round)) / round.units;
  const fanOut = (round) => sum(round.deliveries) / round.units;
  const deliveringEach = (round) => servers(round, 'delivering') / round.units;

  const few = of('few');
  const many = of('many');
  const toldBy = (what) => many.map((round, i) =>
    (servers(round, what) / round.units - servers(few[i], what) / few[i].units) / (fanOut(round) - fanOut(few[i])));
  const delivery = toldBy('delivering');
  const deliveries = (round) => median(delivery) * fanOut(round);
  const heard = of('away').map((round) => {
    const others = round.servers.map((_, i) => i).slice(1);
    const used = sum(others.map((i) => serverOf(round, i, 'cpu') - round.deliveries[i] * median(delivery)));
    return used / round.units / others.length;
  });
  const hearing = heard.length > 0 ? median(heard) * (nodes - 1) : 0;
  return {
    delivery,
    deliveryOfAll: toldBy('cpu'),
    event: few.map((round) => (deliveringEach(round) - deliveries(round)) / nodes),
    post: of('posts').map((round) => servers(round) / round.units - deliveries(round) - hearing),
    heard,
    heardOfMany: of('flood').map((round) => servers(round) / round.units / nodes),
    postDatabase: of('posts').map((round) => each(round, 'database')),
    postNats: of('posts').map((round) => each(round, 'nats')),
    page: of('read').map((round) => servers(round) / round.units),
    pageDatabase: of('read').map((round) => each(round, 'database')),
    idleServer: [sum(idle.servers.map((server) => server.cpu)) / nodes / idle.seconds],
    idleDatabase: [idle.database / idle.seconds],
    idleNats: [idle.nats / idle.seconds],
  };
}

// {nodes, fanOut: {few, many: {nodes → deliveries of a post}}, rounds: {cost → {nodes → its value in each round}}}, of
// all runs together. All clusters were at work at once, so their n-th values belong together.
export function costsOf(runs) {
  const nodes = Object.keys(runs[0].idle[0]).map(Number).sort((a, b) => a - b);
  const clusters = nodes.map((count) => runs.map((rounds) => costsOfCluster(count, rounds)));
  const rounds = {};
  for (const name of Object.keys(clusters[0][0])) {
    rounds[name] = Object.fromEntries(nodes.map((count, i) => [count, clusters[i].flatMap((costs) => costs[name])]));
  }
  const fanOutOf = (kind) => Object.fromEntries(nodes.map((count) => {
    const round = runs[0][kind][0][count];
    return [count, sum(round.deliveries) / round.units];
  }));
  return { nodes, fanOut: { few: fanOutOf('few'), many: fanOutOf('many') }, rounds };
}

const US = { scale: 1e6, unit: 'µs' };
const NS = { scale: 1e9, unit: 'ns' };
const PER_MILLE = { scale: 1000, unit: 'ms/s' };
const ROWS = [
  ['delivery', NS, '**servers, a delivery**'],
  ['deliveryOfAll', NS, 'the same, told by all threads: less exact, but no thread is left out'],
  ['post', US, '**servers, a post**: request and commit, without the deliveries, without the others that hear it'],
  ['event', US, "threads `feeds` and `nats_receiver` of each server, a post, without the deliveries"],
  ['heard', US, 'each server, a post heard from another, without the deliveries'],
  ['heardOfMany', US, 'each server, the same at 3,000 such posts/s'],
  ['postDatabase', US, 'PostgreSQL, a post'],
  ['postNats', US, 'NATS, a post'],
  ['page', US, '**servers, a home page** of 20 statuses'],
  ['pageDatabase', US, 'PostgreSQL, a home page'],
  ['idleServer', PER_MILLE, 'idle, each server'],
  ['idleDatabase', PER_MILLE, 'idle, PostgreSQL'],
  ['idleNats', PER_MILLE, 'idle, NATS'],
];

const digits = (value) => value.toFixed(value < 10 ? 1 : 0);

// The median, and the middle half where there are rounds enough.
function shown(values, { scale, unit = '' }, format = digits) {
  if (values.length === 0) return '–';
  const at = (part) => format(quantile(values, part) * scale);
  const spread = values.length > 2 ? ` (${at(0.25)}–${at(0.75)})` : '';
  return `${at(0.5)}${unit && ` ${unit}`}${spread}`;
}

// Of the n-th round with so many servers (most, if not said) to that with fewest.
function ratios({ nodes, rounds }, name, count = nodes.at(-1)) {
  const first = rounds[name][nodes[0]];
  return rounds[name][count].flatMap((value, i) => (first[i] > 0 ? [value / first[i]] : []));
}

// The k-th smallest and the k-th largest of n numbers hold their distribution's median between them with a probability of 95 %
// or more, whatever the distribution: the sign test (W. J. Conover, Practical Nonparametric Statistics, section 3.2). Fewer than six
// say nothing.
function medianBounds(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  let outside = 0.5 ** n;  // of one side, when the bounds are the k-th from either end
  let chance = outside;
  let k = 0;
  while (outside <= 0.025) {
    k += 1;
    chance *= (n - k + 1) / k;
    outside += chance;
  }
  return k > 0 ? [sorted[k - 1], sorted[n - k]] : [NaN, NaN];
}

// How much dearer a delivery is with more servers. The mean says little: about one round in thirty costs several times as much, with two
// servers and more so with four, and it is not known why.
export function ratiosOf(costs) {
  const [first, ...others] = costs.nodes;
  const texts = others.map((count) => {
    const values = ratios(costs, 'delivery', count);
    const [low, high] = medianBounds(values);
    return `${count} to ${first}: ${median(values).toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)}; mean ${(sum(values) / values.length).toFixed(3)})`;
  });
  return `A delivery, median of the ratios of all rounds: ${texts.join(', ')}.`;
}

export function tableOf(costs) {
  const { nodes, rounds } = costs;
  const lines = [
    `| CPU time | ${nodes.map((count) => `${count} server${count === 1 ? '' : 's'}`).join(' | ')} | ${nodes.at(-1)} to ${nodes[0]} |`,
    `| --- |${' ---: |'.repeat(nodes.length + 1)}`,
  ];
  for (const [name, format, text] of ROWS) {
    const cells = nodes.map((count) => shown(rounds[name][count], format));
    const ratio = shown(ratios(costs, name), { scale: 1 }, (value) => value.toFixed(2));
    lines.push(`| ${text} | ${cells.join(' | ')} | ${ratio} |`);
  }
  return lines.join('\n');
}

// A delivery in every round.
export function roundsTableOf(costs) {
  const { nodes, rounds: { delivery } } = costs;
  const count = delivery[nodes[0]].length;
  const row = (title, cells) => `| ${title} | ${cells.join(' | ')} |`;
  return [
    row('servers', Array.from({ length: count }, (_, i) => i + 1)), `| --- |${' ---: |'.repeat(count)}`,
    ...nodes.map((number) => row(number, delivery[number].map((value) => (value * NS.scale).toFixed(1)))),
    row(`${nodes.at(-1)} to ${nodes[0]}`, ratios(costs, 'delivery').map((value) => value.toFixed(2))),
  ].join('\n');
}

// What gnuplot is told: deliveries on the left, with the middle half of the rounds, everything else on the right. The
// style is that of bench/charts.cc.
export function chartOf({ nodes, rounds }, path) {
  const points = (name, { scale }) => nodes.filter((count) => rounds[name][count].length > 0)
    .map((count) => `${[count, ...[0.5, 0.25, 0.75].map((part) => quantile(rounds[name][count], part) * scale)].join(' ')}\n`).join('');
  const panel = (title, unit, series) => `set title "${title}"
set ylabel '${unit.unit}'
plot ${series.map(([, name], i) => `'-' using 1:2:3:4 title '${name}' with yerrorlines lt ${i + 1} pt 7 ps 0.6 lw 2`).join(', ')}
${series.map(([name]) => `${points(name, unit)}e\n`).join('')}`;
  return `set terminal pngcairo size 1100,540 font 'sans,11'
set output '${path}'
set grid
set key outside below center vertical maxrows 3 samplen 1.5 width -2 spacing 1.1
set xlabel 'servers' offset 0,0.3
set xtics (${nodes.join(', ')})
set xrange [0.8:${nodes.at(-1) + 0.2}]
set yrange [0:*]
set multiplot layout 1,2
${panel('CPU time of a delivery', NS, [['delivery', 'servers']])}
${panel('CPU time of a post and of a page', US, [
    ['post', 'a post, servers'], ['postDatabase', 'a post, PostgreSQL'], ['postNats', 'a post, NATS'],
    ['heard', 'a post heard from another'], ['page', 'a page, servers'], ['pageDatabase', 'a page, PostgreSQL']])}
unset multiplot
`;
}

export function drawChart(costs, path) {
  execFileSync('gnuplot', { input: chartOf(costs, path), stdio: ['pipe', 'ignore', 'pipe'] });
}

// Replaces what stands between the markers of a section.
export function replaceSection(text, name, section) {
  const [begin, end] = [`<!-- begin ${name} -->\n`, `<!-- end ${name} -->\n`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`no section ${name}`);
  return text.slice(0, from + begin.length) + section + text.slice(to);
}
