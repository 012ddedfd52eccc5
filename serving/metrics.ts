/** What Prometheus learns of the server, on `/metrics`. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** From a fraction of a millisecond to what nobody waits for, in seconds. */
const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const loadBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** All metrics of one server. `model` and `version` are empty where a request is about none. */
export function createMetrics() {
  const registry = new Registry();
  // Process, heap, garbage collection and event-loop lag.
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requests: new Histogram({
      name: 'tradewind_http_request_duration_seconds',
      help: 'Time from the request head to the end of the answer. Status 499: the client went away.',
      labelNames: ['method', 'route', 'status', 'model', 'version'] as const,
      buckets: latencyBuckets,
      registers,
    }),
    inFlight: new Gauge({
      name: 'tradewind_http_requests_in_flight',
      help: 'Requests that are not answered yet.',
      registers,
    }),
    inference: new Histogram({
      name: 'tradewind_inference_duration_seconds',
      help: 'Time of one run of a model graph.',
      labelNames: ['model', 'version'] as const,
      buckets: latencyBuckets,
      registers,
    }),
    loads: new Counter({
      name: 'tradewind_model_loads_total',
      help: 'Champions loaded, by outcome: done or failed.',
      labelNames: ['model', 'outcome'] as const,
      registers,
    }),
    loadTime: new Histogram({
      name: 'tradewind_model_load_duration_seconds',
      help: 'Time from noticing a new champion to serving it.',
      labelNames: ['model'] as const,
      buckets: loadBuckets,
      registers,
    }),
    servedVersion: new Gauge({
      name: 'tradewind_model_served_version',
      help: 'Version that a model is served in.',
      labelNames: ['model'] as const,
      registers,
    }),
    loadFailing: new Gauge({
      name: 'tradewind_model_load_failing',
      help: '1 while the champion cannot be loaded, 0 otherwise.',
      labelNames: ['model'] as const,
      registers,
    }),
    pollFailures: new Counter({
      name: 'tradewind_registry_poll_failures_total',
      help: 'Times that the registry could not be read.',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
