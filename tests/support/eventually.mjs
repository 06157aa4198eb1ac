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
