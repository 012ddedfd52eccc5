/** `tradewind study <workflow>`: shows a study, and tells it what to do while it runs. */
import { InvalidArgumentError, type Command } from 'commander';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { TradewindError } from '../../contracts/errors.ts';
import { workflowIds } from '../../contracts/names.ts';
import type { ParameterValues } from '../../contracts/parameters.ts';
import type { EnqueueOrder, StudyBudget, StudyStatus } from '../../contracts/study.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { TrialArchive } from '../../store/trial-archive.ts';
import { addExamples } from '../help.ts';
import { refusalIn } from '../runs/failures.ts';
import { requireWorkflow } from '../runs/find.ts';
import { budgetLine, studyHeadline, studyLines } from '../runs/draw-study.ts';
import { connectTemporal, requireStack, stackEnvironment } from '../stack/connection.ts';
import { printJson } from '../terminal.ts';

interface Shown {
  json?: boolean;
}

const workflowArgument = [
  '<workflow>',
  'id of the study or of its run, or the name of a model for its last study',
] as const;
const example = 'lifecycle/shop/20261123-171400-a1b2';

export function register(program: Command): void {
  const group = program
    .command('study')
    .summary('Show a study, or tell it what to do')
    .description('show the trials of a study, running or ended; pause, change, extend or stop one that runs')
    .configureHelp({ ...program.configureHelp(), subcommandTerm: (command) => command.name() })
    .argument(...workflowArgument)
    .option('--all', 'all trials, not the best and the last ones alone')
    .option('--json', 'print one JSON object, with all trials')
    .action(show);
  addExamples(group, [
    ['tradewind study shop', 'the last study of the model'],
    [`tradewind study ${example} --all`, 'every trial of one study'],
    ['tradewind study enqueue shop als factors=64', 'try these parameters next'],
  ]);
  const order = (name: string, does: string) =>
    group
      .command(name)
      .summary(does)
      .description(`${does}.`)
      .argument(...workflowArgument);
  const json = ['--json', 'print one JSON object'] as const;

  addExamples(
    order('pause', 'Start no further trials; those that run end')
      .option(...json)
      .action((workflow: string, _: Shown, command: Command) => tell(workflow, 'pause', [], command)),
    [['tradewind study pause shop', 'its time limit stands still meanwhile']],
  );
  addExamples(
    order('resume', 'Go on after a pause')
      .option(...json)
      .action((workflow: string, _: Shown, command: Command) => tell(workflow, 'resume', [], command)),
    [['tradewind study resume shop', 'go on where it was']],
  );
  addExamples(
    order('budget', 'Change how much a study may try')
      .option('--trials <n>', 'trials over all candidates that search something', number)
      .option('--parallel <n>', 'trials in flight', number)
      .option('--minutes <n>', 'time limit, from the start of the study and without its pauses', number)
      .option('--patience <n>', 'end after as many trials without improvement, or "none"', numberOrNone)
      .option(...json)
      .action(changeBudget),
    [
      ['tradewind study budget shop --trials 200', 'go on to 200 trials'],
      ['tradewind study budget shop --minutes 30 --patience none', 'half an hour, whatever it finds'],
    ],
  );
  addExamples(
    order('enqueue', 'Try these parameters next')
      .argument('<candidate>', 'algorithm, or the number of the candidate from 0')
      .argument('[parameters...]', 'searched parameters, as name=value; the rest takes its defaults')
      .option(...json)
      .action(enqueue),
    [['tradewind study enqueue shop als factors=64 regularization=3', 'within the ranges that the study searches']],
  );
  addExamples(
    order('stop', 'End a study with what it has')
      .option('--now', 'do not wait for the trials that run')
      .option(...json)
      .action((workflow: string, { now = false }: { now?: boolean }, command: Command) =>
        tell(workflow, 'stop', [{ now }], command),
      ),
    [['tradewind study stop shop', 'its run goes on with the best trial so far']],
  );
}

async function show(workflow: string, options: Shown & { all?: boolean }): Promise<void> {
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  const store = ArtifactStore.fromEnvironment(stackEnvironment(state));
  try {
    const workflowId = await studyId(client, workflow);
    const status = await client.workflow.getHandle(workflowId).query<StudyStatus>('study');
    const archived = await new TrialArchive(store).read(status.archive);
    const trials = [...archived, ...status.tail].toSorted((a, b) => a.index - b.index);
    if (options.json) {
      const { archive: _, tail: __, ...rest } = status;
      printJson({ workflowId, ...rest, trials });
    } else {
      console.log(studyLines(workflowId, status, trials, options.all ?? false));
    }
  } finally {
    store.close();
    await connection.close();
  }
}

interface Budget extends Shown, Partial<Omit<StudyBudget, 'patience'>> {
  patience?: number | 'none';
}

async function changeBudget(workflow: string, given: Budget, command: Command): Promise<void> {
  const { json: _, patience: without, ...change } = given;
  const patience = without === undefined ? {} : { patience: without === 'none' ? null : without };
  await tell(workflow, 'budget', [{ ...change, ...patience }], command);
}

async function enqueue(
  workflow: string,
  candidate: string,
  given: string[],
  _: Shown,
  command: Command,
): Promise<void> {
  const parameters: ParameterValues = {};
  for (const part of given) {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(part) ?? [];
    if (name === undefined) {
      throw new TradewindError('USAGE', {
        subject: 'A parameter of a trial',
        rule: 'be written name=value',
        value: `"${part}"`,
        remedy: 'For example factors=64.',
      });
    }
    parameters[name] = valueOf(text);
  }
  const order: EnqueueOrder = { candidate: /^\d+$/.test(candidate) ? Number(candidate) : candidate, parameters };
  await tell(workflow, 'enqueue', [order], command);
}

async function tell(workflow: string, update: string, args: [] | [unknown], command: Command): Promise<void> {
  // Commander takes it for an option of "study" wherever it stands.
  const { json } = command.optsWithGlobals<Shown>();
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const workflowId = await studyId(client, workflow);
    const handle = client.workflow.getHandle(workflowId);
    const status = await handle
      .executeUpdate<StudyStatus, [unknown]>(update, { args: args as [unknown] })
      .catch((error: unknown) => {
        throw refused(error, workflowId);
      });
    const { archive: _, tail: __, ...rest } = status;
    if (json) printJson({ workflowId, ...rest });
    else console.log(`${studyHeadline(status)}\n${budgetLine(status)}`);
  } finally {
    await connection.close();
  }
}

async function studyId(client: Client, given: string): Promise<string> {
  const ofRun = given.startsWith('lifecycle/') && given.split('/').length === 3;
  return await requireWorkflow(client, ofRun ? workflowIds.study(given) : given, 'tuneModel');
}

function refused(error: unknown, workflowId: string): unknown {
  if (error instanceof WorkflowUpdateFailedError) return refusalIn(error) ?? error;
  if (!(error instanceof WorkflowNotFoundError)) return error;
  return new TradewindError('USAGE', {
    subject: `The study ${workflowId}`,
    rule: 'still run',
    value: 'one that has ended',
    remedy: `"tradewind study ${workflowId}" shows what it found.`,
  });
}

/** `64` is a number, `bm25` is a word. */
function valueOf(text: string): number | string {
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

function numberOrNone(text: string): number | 'none' {
  return text === 'none' ? text : number(text);
}
