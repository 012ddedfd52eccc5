/**
 * The part of the Reflect metadata proposal that `@peculiar/x509` needs of its host (its container reads constructor
 * metadata and expects these three functions to exist). Import it before that package.
 */
type Target = object;
interface MetadataReflect {
  defineMetadata?: (key: unknown, value: unknown, target: Target) => void;
  getOwnMetadata?: (key: unknown, target: Target) => unknown;
  getMetadata?: (key: unknown, target: Target) => unknown;
}

const host = Reflect as unknown as MetadataReflect;

// A real polyfill, if another package has brought one, keeps its say.
if (host.getMetadata === undefined) {
  const stored = new WeakMap<Target, Map<unknown, unknown>>();
  host.defineMetadata = (key, value, target) => {
    const own = stored.get(target) ?? new Map<unknown, unknown>();
    stored.set(target, own.set(key, value));
  };
  host.getOwnMetadata = (key, target) => stored.get(target)?.get(key);
  host.getMetadata = (key, target) => {
    for (let at: Target | null = target; at !== null; at = Object.getPrototypeOf(at) as Target | null) {
      const own = stored.get(at);
      if (own?.has(key)) return own.get(key);
    }
    return undefined;
  };
}
