/** A Python with onnx and onnxruntime, for tests that run graphs where no code of ours is at hand. */
import { spawnSync } from 'node:child_process';

export const python = process.env['TRADEWIND_PYTHON'] || 'python3';
const probe = spawnSync(python, ['-c', 'import onnx, onnxruntime, numpy'], { encoding: 'utf8' });

/** Why there is none; undefined where there is one. */
export const noPython =
  probe.status === 0
    ? undefined
    : `${python} has no onnx and onnxruntime: ${probe.error?.message ?? probe.stderr.trim().split('\n').at(-1)}`;

// The default reporter does not show the titles of what it skips.
if (noPython !== undefined) console.warn(`Skipped: ${noPython}`);

/** A title with the reason why its tests are skipped, if they are. */
export const withPython = (title: string) => (noPython === undefined ? title : `${title} (skipped: ${noPython})`);
