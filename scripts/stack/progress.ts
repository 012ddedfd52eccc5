/** The stack coming up or going down, in the terminal: a line for each part. */
import { clip, duration, LiveLines, mark, spinner, style, terminalWidth } from '../terminal.ts';
import { cacheFolder } from './binaries.ts';
import type { ServiceCondition, ServiceState, StackState } from './state.ts';

const words: Record<ServiceCondition, string> = {
  waiting: 'waiting for the others',
  preparing: 'looking for its program',
  building: 'building its program',
  starting: 'starting',
  healthy: 'healthy',
  unhealthy: 'does not answer',
  restarting: 'starting again',
  stopping: 'stopping',
  stopped: 'stopped',
  failed: 'failed',
};

const drawInterval = 80;
/** Away from a terminal a build says this often that it is still going on. */
const noteInterval = 10_000;

export class StackProgress {
  readonly #live = new LiveLines();
  readonly #told = new Map<string, { condition: ServiceCondition; at: number }>();
  readonly #goal: ServiceCondition;
  #drawnAt = 0;
  #saidBuilding = false;
  #last: StackState | undefined;

  /** @param goal - what each part is on its way to */
  constructor(goal: 'healthy' | 'stopped') {
    this.#goal = goal;
  }

  /** Cheap to call often. */
  show(state: StackState): void {
    this.#last = state;
    if (!this.#saidBuilding && state.services.some(({ condition }) => condition === 'building')) {
      this.#saidBuilding = true;
      this.say(`Servers that are not installed are built with Go, and kept in ${cacheFolder()}.`);
    }
    if (!this.#live.enabled) return this.#tell(state);
    if (performance.now() - this.#drawnAt < drawInterval) return;
    this.#draw();
  }

  /** A line above the parts. */
  say(message: string): void {
    if (this.#live.enabled) this.#live.print(message);
    else console.log(message);
  }

  end(): void {
    if (this.#live.enabled && this.#last !== undefined) this.#live.erase();
    else this.#live.end();
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    const { services } = this.#last!;
    this.#live.draw(services.map((service) => serviceLine(service)));
  }

  /** Ends of what goes on, and now and then that it still does. */
  #tell({ services }: StackState): void {
    for (const service of services) {
      const { condition, name, since } = service;
      const told = this.#told.get(name);
      const lasting = Date.now() - Math.max(told?.at ?? 0, Date.parse(since)) > noteInterval;
      const news = told?.condition !== condition && (condition === this.#goal || condition === 'building');
      if (condition === 'waiting' || condition === 'stopped' ? !news : !news && !(lasting && condition !== 'healthy'))
        continue;
      this.#told.set(name, { condition, at: Date.now() });
      console.log(serviceLine(service));
    }
  }
}

const titleWidth = 10;
const timeWidth = 12;

/** `✓ Temporal   127.0.0.1:7233                                             1.2 s`, as wide as the terminal. */
function serviceLine(service: ServiceState): string {
  const { condition, title, note, address, startMilliseconds, since } = service;
  const healthy = condition === 'healthy';
  const text = healthy ? (address ?? words.healthy) : (note ?? words[condition]);
  const elapsed = healthy ? startMilliseconds : condition === 'waiting' ? undefined : Date.now() - Date.parse(since);
  const room = Math.min(terminalWidth(), 100) - titleWidth - timeWidth - 5;
  const time = elapsed === undefined || condition === 'stopped' ? '' : duration(Math.max(0, elapsed));
  const body = clip(text, room).padEnd(room);
  const dull = condition === 'waiting' || condition === 'stopped';
  return `${markOf(condition)} ${title.padEnd(titleWidth)}  ${dull ? style.dim(body) : body}${style.dim(time.padStart(timeWidth))}`;
}

function markOf(condition: ServiceCondition): string {
  if (condition === 'healthy') return mark.good();
  if (condition === 'unhealthy') return mark.warning();
  if (condition === 'failed') return mark.bad();
  if (condition === 'waiting' || condition === 'stopped') return mark.waiting();
  return process.stdout.isTTY ? spinner() : mark.waiting();
}
