/** Packages on their way, in the terminal: a line for each that is done, and one that moves. */
import { LiveLines, mark, spinner } from '../terminal.ts';
import type { PackageProgress } from './fetch-package.ts';
import { spellSize, unpackedBytes, type GpuPackage } from './packages.ts';

export class InstallProgress {
  readonly #live = new LiveLines();
  readonly #packages: readonly GpuPackage[];
  #begun: GpuPackage | undefined;

  constructor(packages: readonly GpuPackage[]) {
    this.#packages = packages;
  }

  say(line: string): void {
    if (this.#live.enabled) this.#live.print(line);
    else console.log(line);
  }

  /** @param progress - left out when the package is in its place */
  show(wanted: GpuPackage, progress?: PackageProgress): void {
    const title = `${wanted.name} ${wanted.version}`;
    if (progress === undefined) {
      this.say(`${mark.good()} ${title}, ${spellSize(unpackedBytes(wanted))}`);
    } else if (this.#live.enabled) {
      const place = `${this.#packages.indexOf(wanted) + 1} of ${this.#packages.length}`;
      const { step, done, total } = progress;
      this.#live.draw([`${spinner()} ${title} (${place}): ${step} ${spellSize(done)} of ${spellSize(total)}`]);
    } else if (this.#begun !== wanted) {
      this.#begun = wanted;
      console.log(`  ${title}, ${spellSize(wanted.bytes)} to download`);
    }
  }

  end(): void {
    this.#live.erase();
  }
}
