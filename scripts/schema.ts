/** The pipeline spec's JSON Schema, for editors: `# yaml-language-server: $schema=../contracts/pipeline.schema.json`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { pipelineSpecSchema } from '../contracts/spec.ts';
import { specSchemaOf } from '../contracts/specs.ts';
import { tableSpecSchema } from '../contracts/table-spec.ts';
import { tableTasks } from '../contracts/tables.ts';

export type JsonSchema = z.core.JSONSchema.JSONSchema;

export const pipelineSchemaPath = fileURLToPath(new URL('../contracts/pipeline.schema.json', import.meta.url));

/**
 * What people may write: keys with a default may be left out. Draft 7, which every YAML editor knows.
 * @param task - the schema of its specs alone; of all tasks when left out.
 */
export function pipelineJsonSchema(task?: unknown): JsonSchema {
  if (task !== undefined) return jsonSchemaOf(specSchemaOf(task));
  const [recommend, table] = [pipelineSpecSchema, tableSpecSchema].map(jsonSchemaOf);
  const { $schema, ...recommender } = recommend;
  delete table.$schema;
  // By its task: an editor then tells what the other keys of that task mean.
  return {
    $schema,
    title: 'Tradewind pipeline',
    if: { properties: { task: { enum: [...tableTasks] } }, required: ['task'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: table,
    else: recommender,
  } as JsonSchema;
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    // Bounds of safe integers are noise in an editor's hints.
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
}

/** Leaves the file alone when it is up to date already. */
export async function writePipelineSchema(path: string = pipelineSchemaPath): Promise<void> {
  const text = `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`;
  const present = await readFile(path, 'utf8').catch(() => '');
  if (present !== text) await writeFile(path, text);
}

if (import.meta.main) await writePipelineSchema();
