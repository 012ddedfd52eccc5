/** Workflows that pass too much through Temporal, each at another place. */
import { continueAsNew, executeChild, proxyActivities } from '@temporalio/workflow';

const { echo, produce } = proxyActivities<{
  echo(text: string): Promise<number>;
  produce(bytes: number): Promise<string>;
}>({
  startToCloseTimeout: '10s',
  retry: { maximumAttempts: 3 },
});

export async function passesToActivity(bytes: number): Promise<number> {
  return echo('x'.repeat(bytes));
}
export async function takesFromActivity(bytes: number): Promise<number> {
  return (await produce(bytes)).length;
}
export async function returns(bytes: number): Promise<string> {
  return 'x'.repeat(bytes);
}
export async function passesToChild(bytes: number): Promise<number> {
  return executeChild(countsText, { args: ['x'.repeat(bytes)] });
}
export async function countsText(text: string): Promise<number> {
  return text.length;
}
export async function goesOnWith(bytes: number, text = ''): Promise<number> {
  return text === '' ? continueAsNew<typeof goesOnWith>(bytes, 'x'.repeat(bytes)) : text.length;
}
