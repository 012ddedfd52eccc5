/** Entry of an inference thread: opens one model and answers requests about it, one after another, until told to close. */
import { parentPort, workerData } from 'node:worker_threads';
import { TradewindError } from '../contracts/errors.ts';
import type { InferenceAnswer, InferenceRequest, ModelFiles, SerializedError } from './inference-messages.ts';
import { Recommender } from './recommender.ts';
import { Refusal } from './refusals.ts';

const port = parentPort!;
const send = (answer: InferenceAnswer) => port.postMessage(answer);

function serialize(error: unknown): SerializedError {
  if (!(error instanceof TradewindError)) return { message: error instanceof Error ? error.message : String(error) };
  const { message, code, complaint } = error;
  return { message, code, complaint, ...(error instanceof Refusal && { status: error.status }) };
}

async function answer(recommender: Recommender, request: Exclude<InferenceRequest, { kind: 'close' }>): Promise<void> {
  try {
    const value =
      request.kind === 'recommend'
        ? await recommender.recommend(request.query)
        : await recommender.infer(request.tensors, request.outputs);
    send({ kind: 'done', id: request.id, value, runMilliseconds: recommender.runMilliseconds });
  } catch (error) {
    send({ kind: 'refused', id: request.id, error: serialize(error) });
  }
}

try {
  const recommender = await Recommender.open(workerData as ModelFiles);
  await recommender.warmUp();
  let last = Promise.resolve();
  port.on('message', (request: InferenceRequest) => {
    last = last.then(async () => {
      if (request.kind !== 'close') return answer(recommender, request);
      // The thread ends by itself, with nothing left to wait for: terminating it during a run would abort the process.
      await recommender.close();
      port.close();
    });
  });
  send({ kind: 'ready', facts: recommender.facts });
} catch (error) {
  send({ kind: 'failed', error: serialize(error) });
  port.close();
}
