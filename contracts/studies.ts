/** What a study may be asked for by name. */

/** `tuning/samplers/` has each of them. */
export const samplerNames = ['random', 'grid', 'sobol', 'tpe', 'gp'] as const;
export type SamplerName = (typeof samplerNames)[number];
