/** What a study may be asked for by name. */

/** `tuning/samplers/` has each of them. */
export const samplerNames = ['random', 'grid', 'sobol', 'tpe', 'gp'] as const;
export type SamplerName = (typeof samplerNames)[number];

/** Those that look at earlier trials: for the others a warm start would be without effect. */
export const samplersThatLearn: readonly SamplerName[] = ['tpe', 'gp'];

/** Each costs every suggestion's request a reference. */
export const mostWarmStudies = 16;

/** Segments of a workflow id that may stand in an object key: none is `.` or `..`. */
export const studyIdPattern = /^\w[\w.:-]*(?:\/\w[\w.:-]*)*$/;
