/** All activities of all queues: thin adapters from a workflow's request to the library rooms. */
import { dataActivities } from './data.ts';
import type { Dependencies } from './dependencies.ts';
import { earlierStudyActivities } from './earlier-studies.ts';
import { modelActivities } from './models.ts';
import { releaseActivities } from './release.ts';
import { studyActivities } from './study.ts';
import { tableDataActivities } from './table-data.ts';
import { tableModelActivities } from './table-models.ts';

export function createActivities(deps: Dependencies) {
  return {
    ...dataActivities(deps),
    ...studyActivities(deps),
    ...earlierStudyActivities(deps),
    ...modelActivities(deps),
    ...releaseActivities(deps),
    ...tableDataActivities(deps),
    ...tableModelActivities(deps),
  };
}

export type Activities = ReturnType<typeof createActivities>;
