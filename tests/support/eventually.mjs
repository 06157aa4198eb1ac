// Repeats `attempt` until it no longer throws, and returns what it returned; throws its last error when
// the time is over. What tests do instead of sleeping.
export async function eventually(attempt, { timeoutMs = 10_000, pauseMs = 20 } = {}) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

// What one member did is seen by others on other servers some moments later, when the event has reached
// them. On a single server there is no such moment, and this tries once.
export function acrossServers(attempt) {
  return process.env.STAMPEDE_PROFILE === 'cluster' ? eventually(attempt, { timeoutMs: 3000 }) : attempt();
}
