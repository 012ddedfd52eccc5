import type { Links } from '../../contracts/lifecycle.ts';
import type { StackState } from '../stack/connection.ts';

export function linksOf(state: StackState): Links {
  return {
    namespace: state.temporal.namespace,
    ...(state.temporal.webUi === undefined ? {} : { webUi: state.temporal.webUi }),
    ...(state.api.url === undefined ? {} : { api: state.api.url }),
  };
}

/** Where the Web UI shows a workflow's last run; `undefined` where no Web UI is known. */
export function workflowUrl(links: Links, workflowId: string): string | undefined {
  if (links.webUi === undefined || links.namespace === undefined) return undefined;
  return `${links.webUi}/namespaces/${links.namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
