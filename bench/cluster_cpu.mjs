// CPU time of processes and threads, and which processor they run on.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { Daemon } from '../tests/support/daemon.mjs';

const execute = promisify(execFile);
const pin = (to) => execute('taskset', ['-pc', to, String(process.pid)]);

// What `start` starts runs on that processor only: processes inherit it from this one, which itself stays on the
// first one that it was told of.
let home;
export async function on(cpu, start) {
  home ??= String(cpu);
  await pin(String(cpu));
  try {
    return await start();
  } finally {
    await pin(home);
  }
}

// Who wakes up does not interrupt the threads of this process, nor any that they start (sched(7), SCHED_BATCH): servers
// that share a processor here would be on machines of their own.
export const uninterrupted = (pid) => execute('chrt', ['--all-tasks', '--batch', '--pid', '0', String(pid)]);

// Keeps a processor awake with what runs only when nobody else does (sched(7), SCHED_IDLE). Falling asleep and waking up
// takes CPU time, in a virtual machine much of it, and the less there is to do, the more often it happens.
export const keepAwake = (cpu) => on(cpu, async () => new Daemon('chrt', ['--idle', '0', 'sh', '-c', 'while :; do :; done']).launch());

// Seconds on a processor: of nanoseconds, where /proc/PID/stat has clock ticks. See proc(5) and
// https://docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat".
const secondsIn = (folder) => Number(fs.readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]) / 1e9;

// Of a process of one thread.
export const cpuOf = (pid) => secondsIn(`/proc/${pid}`);

// Of all threads of a process, by name; those with the same name together.
export function threadsOf(pid) {
  const threads = {};
  for (const id of fs.readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${id}`;
    const name = fs.readFileSync(`${folder}/comm`, 'utf8').trim();
    threads[name] = (threads[name] ?? 0) + secondsIn(folder);
  }
  return threads;
}
