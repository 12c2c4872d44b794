// What a session's file holds besides the native state: its settings, gold rows and model options, as JSON.
import { rangeError } from './check.js';
import type { LabelModelOptions } from './label-model.js';
import type { SessionFit, SessionSettings } from './session-edit.js';

interface Notes {
  readonly threshold: number | string;
  readonly extension?: 'votes' | 'posterior' | undefined;
  readonly k?: number | undefined;
  readonly gold?: { readonly rows: readonly number[]; readonly labels: readonly number[] };
  readonly model: LabelModelOptions;
}

export function writeNotes({ threshold, extension, k }: SessionSettings, { gold, options }: SessionFit): string {
  const notes: Notes = {
    threshold: Number.isFinite(threshold) ? threshold : String(threshold),
    extension,
    k,
    ...(gold && { gold: { rows: Array.from(gold.rows), labels: Array.from(gold.labels) } }),
    model: options,
  };
  return JSON.stringify(notes, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as Int8Array) : value));
}

/** The file's checksum is checked later, when the session is filled. */
function parse(text: string): Notes {
  try {
    return JSON.parse(text);
  } catch {
    throw rangeError('an undamaged session file', 'path', 'settings that are no JSON');
  }
}

export function readNotes(text: string) {
  const { threshold, extension, k, gold, model } = parse(text);
  // A session that was given a threshold has extension 'votes'.
  return { settings: { extension, k, ...(extension === 'votes' && { threshold: Number(threshold) }) }, gold, model };
}
