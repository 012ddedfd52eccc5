/** A command was ended by Ctrl-C or SIGTERM and has cleaned up after itself: exit code 130, and no error's sentence. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
