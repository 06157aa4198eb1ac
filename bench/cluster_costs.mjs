// From CPU times of phases to costs of units, and their table and chart.
import { execFileSync } from 'node:child_process';

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// The costs of one run, in seconds of CPU. A phase has {seconds, units, servers: [{cpu, deliveries, heard}],
// database, nats}. What everything takes in the idle phase is subtracted in proportion to time.
//
// A post is stored by one server, heard by each of the others, and delivered by all. In the phases `few` and `many`
// only the number of followers differs, so the difference is that of the deliveries. In `away` one server takes
// all posts, so what the others use is for hearing them, and for a few deliveries; in `flood` all hear a great many,
// of the authors of `few`, whose posts have been delivered before.
export function costsOf({ nodes, phases: { idle, few, many, away, flood, read } }) {
  const share = (phase) => phase.seconds / idle.seconds;
  const serverOf = (phase, i) => phase.servers[i].cpu - idle.servers[i].cpu * share(phase);
  const servers = (phase) => sum(phase.servers.map((_, i) => serverOf(phase, i)));
  const each = (phase, part) => (phase[part] - idle[part] * share(phase)) / phase.units;
  const total = (phase, what) => sum(phase.servers.map((server) => server[what]));

  const fanOut = (phase) => total(phase, 'deliveries') / phase.units;
  const delivery = (servers(many) / many.units - servers(few) / few.units) / (fanOut(many) - fanOut(few));
  let heard = null;
  if (nodes > 1) {
    const others = away.servers.map((_, i) => i).slice(1);
    const used = sum(others.map((i) => serverOf(away, i) - away.servers[i].deliveries * delivery));
    heard = used / sum(others.map((i) => away.servers[i].heard));
  }
  const heardOfMany = (servers(flood) - flood.units * fanOut(few) * delivery) / total(flood, 'heard');
  const post = servers(few) / few.units - fanOut(few) * delivery - (heard ?? 0) * total(few, 'heard') / few.units;
  return {
    post, delivery, heard, heardOfMany,
    postToMany: servers(many) / many.units,
    postDatabase: (each(few, 'database') + each(many, 'database')) / 2,
    postNats: (each(few, 'nats') + each(many, 'nats')) / 2,
    page: servers(read) / read.units,
    pageDatabase: each(read, 'database'),
    idleServer: sum(idle.servers.map((server) => server.cpu)) / nodes / idle.seconds,
    idleDatabase: idle.database / idle.seconds,
    idleNats: idle.nats / idle.seconds,
  };
}

// Of each cost the median over the runs of that many nodes: {nodes → {runs, name → value}}.
export function medians(runs) {
  const result = new Map();
  for (const nodes of [...new Set(runs.map((run) => run.nodes))].sort((a, b) => a - b)) {
    const costs = runs.filter((run) => run.nodes === nodes).map(costsOf);
    const names = Object.keys(costs[0]);
    const entries = names.map((name) => [name, costs[0][name] === null ? null : median(costs.map((cost) => cost[name]))]);
    result.set(nodes, { runs: costs.length, ...Object.fromEntries(entries) });
  }
  return result;
}

const US = { scale: 1e6, unit: 'µs' };
const NS = { scale: 1e9, unit: 'ns' };
const PER_MILLE = { scale: 1000, unit: 'ms/s' };
const ROWS = [
  ['delivery', NS, '**servers, a delivery**'],
  ['post', US, '**servers, a post**: request and commit, without the deliveries, without the others that hear it'],
  ['heard', US, 'servers, a post heard from another server, without the deliveries'],
  ['heardOfMany', US, 'servers, the same at 3,000 such posts/s'],
  ['postToMany', US, 'servers, a post to many, everything: stored once, heard by all, delivered'],
  ['postDatabase', US, 'PostgreSQL, a post'],
  ['postNats', US, 'NATS, a post'],
  ['page', US, '**servers, a home page** of 20 statuses'],
  ['pageDatabase', US, 'PostgreSQL, a home page'],
  ['idleServer', PER_MILLE, 'idle, each server'],
  ['idleDatabase', PER_MILLE, 'idle, PostgreSQL'],
  ['idleNats', PER_MILLE, 'idle, NATS'],
];

const shown = (value, { scale, unit }) => {
  if (value === null) return '–';
  const scaled = value * scale;
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)} ${unit}`;
};

export function tableOf(costs) {
  const all = [...costs];
  const [, first] = all[0];
  const [mostNodes, last] = all.at(-1);
  const lines = [
    `| CPU time | ${all.map(([nodes]) => `${nodes} server${nodes === 1 ? '' : 's'}`).join(' | ')} | ${mostNodes} to ${all[0][0]} |`,
    `| --- |${' ---: |'.repeat(all.length + 1)}`,
  ];
  for (const [name, format, text] of ROWS) {
    const ratio = first[name] > 0 && last[name] !== null ? (last[name] / first[name]).toFixed(2) : '–';
    lines.push(`| ${text} | ${all.map(([, cost]) => shown(cost[name], format)).join(' | ')} | ${ratio} |`);
  }
  return lines.join('\n');
}

// What gnuplot is told; the style is that of bench/charts.cc.
export function chartOf(costs, path) {
  const series = [
    ['post', US, 'a post, servers'], ['postDatabase', US, 'a post, PostgreSQL'], ['postNats', US, 'a post, NATS'],
    ['heard', US, 'a post heard from another, servers'], ['page', US, 'a page, servers'],
    ['pageDatabase', US, 'a page, PostgreSQL'], ['delivery', NS, 'a delivery, servers (right axis)', 'x1y2'],
  ];
  const plots = series.map(([, , title, axes]) =>
    `'-' using 1:2 axes ${axes ?? 'x1y1'} title '${title}' with linespoints pt 7 ps 0.6 lw 2${axes ? ' dt 2' : ''}`);
  const data = series.map(([name, { scale }]) => [...costs].filter(([, cost]) => cost[name] !== null)
    .map(([nodes, cost]) => `${nodes} ${cost[name] * scale}\n`).join(''));
  return `set terminal pngcairo size 900,540 font 'sans,11'
set output '${path}'
set title "CPU time of one unit, by the number of servers"
set xlabel 'servers'
set ylabel 'µs'
set grid
set key outside bottom center horizontal
set xtics (${[...costs.keys()].join(', ')})
set xrange [0.8:${Math.max(...costs.keys()) + 0.2}]
set yrange [0:*]
set y2label 'ns'
set y2tics
set ytics nomirror
set y2range [0:*]
plot ${plots.join(', ')}
${data.map((points) => `${points}e\n`).join('')}`;
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
