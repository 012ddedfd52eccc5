/** The pipeline spec's JSON Schema, for editors: `# yaml-language-server: $schema=../contracts/pipeline.schema.json`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { pipelineSpecSchema } from '../contracts/spec.ts';

export type JsonSchema = z.core.JSONSchema.JSONSchema;

export const pipelineSchemaPath = fileURLToPath(new URL('../contracts/pipeline.schema.json', import.meta.url));

/** What people may write: keys with a default may be left out. Draft 7, which every YAML editor knows. */
export function pipelineJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(pipelineSpecSchema, {
    io: 'input',
    target: 'draft-7',
    // Bounds of safe integers are noise in an editor's hints.
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { ...schema, title: 'Tradewind pipeline' };
}

/** Leaves the file alone when it is up to date already. */
export async function writePipelineSchema(path: string = pipelineSchemaPath): Promise<void> {
  const text = `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`;
  const present = await readFile(path, 'utf8').catch(() => '');
  if (present !== text) await writeFile(path, text);
}

if (import.meta.main) await writePipelineSchema();
