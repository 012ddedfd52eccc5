import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { onnxruntimeVersion as loaded } from '../../../compute/onnx/gpu-libraries.ts';
import { folderName, gpuPackages, onnxruntimeVersion, spellSize } from '../../../scripts/gpu/packages.ts';

describe('the pinned packages', () => {
  it('are of the very onnxruntime that package.json names', () => {
    const { dependencies } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(onnxruntimeVersion).toBe(dependencies['onnxruntime-node']);
    expect(onnxruntimeVersion).toBe(loaded);
    expect(gpuPackages[0]).toMatchObject({ name: 'onnxruntime-gpu', version: onnxruntimeVersion });
  });

  it('bring what the loader looks for, under its name, onnxruntime first', () => {
    const names = gpuPackages.flatMap(({ files, links = {} }) => [...Object.keys(files), ...Object.keys(links)]);
    // What libonnxruntime_providers_cuda.so needs by its dynamic section, and what it opens by name.
    const needed =
      'libonnxruntime.so.1 libonnxruntime_providers_shared.so libonnxruntime_providers_cuda.so libcublasLt.so.13 ' +
      'libcublas.so.13 libcurand.so.10 libcudart.so.13 libcudnn.so.9 libcudnn.so libnvrtc.so.13 libnvrtc.so';
    for (const library of needed.split(' ')) {
      expect(names).toContain(library);
    }
    expect(names[0]).toMatch(/^libonnxruntime\.so\./);
  });

  it('have digests, a folder of their own and links to files of theirs', () => {
    expect(new Set(gpuPackages.map(folderName)).size).toBe(gpuPackages.length);
    for (const { sha256, files, links = {} } of gpuPackages) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      for (const target of Object.values(links)) expect(Object.keys(files)).toContain(target);
    }
  });
});

describe('sizes', () => {
  it.each([
    [246_685_715, '247 MB'],
    [999_499_999, '999 MB'],
    [999_500_000, '1.0 GB'],
    [2_086_000_000, '2.1 GB'],
    [12, '0 MB'],
  ])('%d bytes are %s', (bytes, text) => expect(spellSize(bytes)).toBe(text));
});
