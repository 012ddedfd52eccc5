/** SwiftShader, the Vulkan driver that computes on the CPU and comes with Chromium: a GPU for tests where there is none. */
import { existsSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findChromium } from './browser.ts';

export interface SoftwareVulkan {
  /** What a process is to be started with. */
  env: NodeJS.ProcessEnv;
  /** Holds a link to the Vulkan loader and nothing else of Chromium's libraries; to be removed afterwards. */
  folder: string;
}

/** `undefined` where no Chromium with its libraries is found. Linux only. */
export function softwareVulkan(): SoftwareVulkan | undefined {
  const chromium = findChromium();
  if (process.platform !== 'linux' || chromium === undefined) return undefined;
  // A distribution's program is often a script; the browser is elsewhere.
  const places = [
    dirname(realpathSync(chromium)),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/opt/google/chrome',
  ];
  const names = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'];
  const place = places.find((at) => names.every((name) => existsSync(join(at, name))));
  if (place === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'tradewind-vulkan-'));
  symlinkSync(join(place, names[0]), join(folder, names[0]));
  const driver = join(place, names[2]);
  // The second name is for loaders before 1.3.207.
  return {
    folder,
    env: { ...process.env, LD_LIBRARY_PATH: folder, VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver },
  };
}
