/**
 * Names of the files that tasks leave in their folders. Apart from the tasks, so that the worker, which takes the files,
 * loads none of the native code that makes them.
 */
export const taskFiles = {
  interactions: 'interactions.parquet',
  items: 'items.parquet',
  validation: 'validation.json',
  cleaned: 'cleaned.parquet',
  profile: 'profile.json',
  state: 'state.safetensors',
  graph: 'model.onnx',
  catalogue: 'catalogue.ndjson',
  examples: 'examples.json',
  table: 'table.parquet',
  unreadable: 'unreadable.parquet',
  quarantine: 'quarantine.parquet',
  good: 'good.parquet',
  goodProfile: 'good-profile.json',
  dropped: 'dropped.parquet',
  split: 'split.safetensors',
  splitSummary: 'split.json',
  preparation: 'preparation.safetensors',
  predictions: 'predictions.safetensors',
  evaluation: 'evaluation.json',
  details: 'details.json',
} as const;
