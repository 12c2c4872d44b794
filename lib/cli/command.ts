/** A subcommand of `nearvote`. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  /** Rejects with an Error whose message is one line for the user. */
  run(args: string[], signal: AbortSignal): Promise<void>;
}
