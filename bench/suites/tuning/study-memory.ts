/** Studies of the peer that need not be run again: one of a Gaussian process takes it half a minute. */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { random } from '../../../tuning/samplers/random.ts';
import { openProblem, type ProblemName } from './problems.ts';
import type { Study } from './studies.ts';

interface Line {
  key: string;
  study: Study;
  regrets: number[];
}

/** Places at which an objective is told from another. */
const probes = 8;

/** A file of JSON lines, appended to as studies end, so that a run which is cut short loses only those in flight. */
export class StudyMemory {
  readonly #path: string;
  readonly #versions: string;
  readonly #problems = new Map<ProblemName, Promise<string>>();
  #lines: Promise<Map<string, number[]>> | undefined;

  /** @param versions - of all that decides what a study of the peer comes to, but for the study and its objective. */
  constructor(path: string, versions: string) {
    this.#path = path;
    this.#versions = versions;
  }

  /** The least regret after each trial; undefined where it is not known for so many. */
  async find(study: Study): Promise<number[] | undefined> {
    const lines = await (this.#lines ??= this.#read());
    const regrets = lines.get(await this.#key(study));
    return regrets !== undefined && regrets.length >= study.trials ? regrets : undefined;
  }

  async add(study: Study, regrets: number[]): Promise<void> {
    const key = await this.#key(study);
    await mkdir(dirname(this.#path), { recursive: true });
    await appendFile(this.#path, `${JSON.stringify({ key, study, regrets } satisfies Line)}\n`);
    (await this.#lines)?.set(key, regrets);
  }

  async #key({ contender, problem, seed }: Study): Promise<string> {
    let objective = this.#problems.get(problem);
    if (objective === undefined) {
      objective = fingerprint(problem);
      this.#problems.set(problem, objective);
    }
    return digest({ versions: this.#versions, contender, problem, seed, objective: await objective });
  }

  /** The last line that a run wrote may be cut short: it is left out. */
  async #read(): Promise<Map<string, number[]>> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const lines = text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Line];
      } catch {
        return [];
      }
    });
    return new Map(lines.map(({ key, regrets }) => [key, regrets]));
  }
}

/** An objective is known by its space and its values at random places. */
async function fingerprint(name: ProblemName): Promise<string> {
  const { space, regret } = await openProblem(name);
  const values = Array.from({ length: probes }, (_, index) => regret(random({ space, history: [], seed: 0, index })!));
  return digest({ space, values });
}

const digest = (of: unknown) => createHash('sha256').update(JSON.stringify(of)).digest('hex');
