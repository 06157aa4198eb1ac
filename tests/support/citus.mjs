// Citus for tests: a coordinator and two workers on this machine, which look like one PostgreSQL to whoever has
// the coordinator's address. Debian has no package of it, so tests ask `citusMissing` first and are skipped then.
import { Postgres } from './postgres.mjs';

const SETTINGS = {
  shared_preload_libraries: 'citus', max_prepared_transactions: 200, wal_level: 'logical',
  'citus.node_conninfo': 'sslmode=disable',
  // What a dead worker left half done is finished when it is back.
  'citus.recover_2pc_interval': '1s',
};

// Why there is no Citus to test with, or false.
export async function citusMissing() {
  const postgres = await Postgres.start();
  try {
    const count = await postgres.query("select count(*) from pg_available_extensions where name = 'citus'");
    return count === '1' ? false : 'the installed PostgreSQL has no extension citus (pg_available_extensions)';
  } finally {
    await postgres.close();
  }
}

export class Citus {
  static async start(options = {}) {
    const citus = new Citus();
    const one = () => Postgres.start({ ...options, settings: SETTINGS });
    [citus.coordinator, ...citus.workers] = await Promise.all([one(), one(), one()]);
    return citus;
  }

  get nodes() { return [this.coordinator, ...this.workers]; }
  get address() { return this.coordinator.address; }
  query(sql, database) { return this.coordinator.query(sql, database); }

  // A cluster of Citus is one of databases: each node has its part under the same name.
  async createDatabase(name) {
    for (const node of this.nodes) {
      await node.createDatabase(name);
      await node.query('create extension citus', name);
    }
    const placeOf = (node) => `'127.0.0.1', ${node.port}`;
    await this.query(`select citus_set_coordinator_host(${placeOf(this.coordinator)})`, name);
    for (const worker of this.workers) await this.query(`select citus_add_node(${placeOf(worker)})`, name);
  }

  async close() {
    for (const node of this.nodes) await node.close();
  }
}
