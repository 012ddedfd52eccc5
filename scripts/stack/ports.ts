/** Which port each server listens on. */
import getPort from 'get-port';
import { TradewindError } from '../../contracts/errors.ts';
import type { PortName, Ports } from './state.ts';

export const portSettings = {
  temporal: { variable: 'TRADEWIND_TEMPORAL_PORT', flag: '--temporal-port', standard: 7233 },
  temporalUi: { variable: 'TRADEWIND_TEMPORAL_UI_PORT', flag: '--temporal-ui-port', standard: 8233 },
  s3: { variable: 'TRADEWIND_S3_PORT', flag: '--s3-port', standard: 7070 },
  api: { variable: 'TRADEWIND_API_PORT', flag: '--api-port', standard: 8443 },
} as const satisfies Record<PortName, { variable: string; flag: string; standard: number }>;

export const portNames = Object.keys(portSettings) as PortName[];

/** @throws TradewindError `USAGE` */
export function askedPorts(env: NodeJS.ProcessEnv): Ports {
  const asked: Ports = {};
  for (const name of portNames) {
    const { variable, flag } = portSettings[name];
    const value = env[variable];
    if (value === undefined || value === '') continue;
    const port = Number(value);
    if (!/^\d+$/.test(value) || port > 65_535) {
      throw new TradewindError('USAGE', {
        subject: variable,
        rule: 'be a port between 1 and 65535, or 0 for any free one',
        value: `"${value}"`,
        remedy: `Correct the variable or the flag ${flag}.`,
      });
    }
    asked[name] = port;
  }
  return asked;
}

export class PortChoice {
  readonly chosen: Ports = {};
  /** What would have been chosen, were it free. */
  readonly taken: Ports = {};
  readonly #asked: Ports;
  readonly #previous: Ports;

  /**
   * @param asked - by flags or environment; 0 means any
   * @param previous - of the last time this home was up: addresses stay the same over restarts
   */
  constructor(asked: Ports, previous: Ports) {
    this.#asked = asked;
    this.#previous = previous;
  }

  /** What a server would like to have, were it free. */
  wanted(name: PortName): number {
    return this.#asked[name] || this.#previous[name] || (this.#asked[name] ?? portSettings[name].standard);
  }

  /** A free port, the wanted one if possible. Asked again for the same name, it tries another one if that is taken. */
  async choose(name: PortName): Promise<number> {
    const wanted = this.wanted(name);
    const exclude = Object.values(this.chosen);
    delete this.chosen[name];
    const port = await getPort({ ...(wanted > 0 ? { port: wanted } : {}), exclude });
    if (wanted > 0 && port !== wanted) this.taken[name] = wanted;
    return (this.chosen[name] = port);
  }
}
