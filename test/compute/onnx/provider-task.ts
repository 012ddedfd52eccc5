/** A task of the compute pool that says whether its process can use a provider. */
import { proveProvider } from '../../../compute/onnx/native-provider.ts';
import type { Execution } from '../../../contracts/execution.ts';

export async function usable(execution: Execution): Promise<boolean> {
  return proveProvider(execution).then(
    () => true,
    () => false,
  );
}
