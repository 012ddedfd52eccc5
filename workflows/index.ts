/** Everything exported here is a workflow type. */
export { modelLifecycle } from './model-lifecycle.ts';
export { tuneModel } from './tune-model.ts';
export { releaseModel } from './release-model.ts';
export { deployModel } from './deploy-model.ts';
