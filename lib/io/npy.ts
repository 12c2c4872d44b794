// NumPy's .npy files: one array, format versions 1 to 3 (numpy.lib.format). Read: f2, f4, f8, i1, i2, i4, i8, u1, b1 in
// either byte order, C order only; half floats become float32, 64-bit integers int32, booleans uint8. Nothing is ever
// unpickled. Written: version 1, little-endian, C order.
import { type FileHandle, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { rangeError } from '../check.js';

/** The element types an array read from a file can have. */
export type NpyData = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array;

/** An array read from a .npy file: row-major. */
export interface NpyArray {
  readonly data: NpyData;
  readonly shape: readonly number[];
}

/** The fields of a .npy header. */
interface NpyHeader {
  readonly type: string;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the data starts, in bytes. */
  readonly offset: number;
}

const BYTES: Record<string, number> = { f2: 2, f4: 4, f8: 8, i1: 1, i2: 2, i4: 4, i8: 8, u1: 1, b1: 1 };
const MAX_HEADER = 1 << 20;
const READ_BYTES = 1 << 28;

/**
 * Reads a .npy file.
 *
 * @throws RangeError when the file is truncated or too long, holds objects, records or another element type, or is in
 *   Fortran order; the system's error when it cannot be opened.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { type, bigEndian, fortranOrder, shape, offset } = await readHeader(file, path, size);
    if (fortranOrder && shape.filter((length) => length > 1).length > 1) {
      throw rangeError('C order', path, 'an array in Fortran order (save np.ascontiguousarray(a))');
    }
    const bytes = shape.reduce((product, length) => product * length, BYTES[type]!);
    if (size - offset !== bytes) {
      const fault = size - offset < bytes ? 'the file is truncated' : 'the file holds more than one array';
      throw rangeError(`${bytes} bytes of data (${shape.join(' x ')} ${type})`, path, `${size - offset} (${fault})`);
    }
    const buffer = new ArrayBuffer(bytes);
    await readAt(file, Buffer.from(buffer), offset);
    if (bigEndian === (endianness() === 'LE')) swapBytes(Buffer.from(buffer), BYTES[type]!);
    return { data: decode(type, buffer, path), shape };
  } finally {
    await file.close();
  }
}

/** The header of a version 1 file and the bytes of `data`, ready to be written one after the other. */
export function encodeNpy(data: NpyData, shape: readonly number[]): [Uint8Array, Uint8Array] {
  const kind =
    data instanceof Float32Array || data instanceof Float64Array ? 'f' : data instanceof Uint8Array ? 'u' : 'i';
  const order = data.BYTES_PER_ELEMENT === 1 ? '|' : endianness() === 'LE' ? '<' : '>';
  const dims = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const fields = `{'descr': '${order}${kind}${data.BYTES_PER_ELEMENT}', 'fortran_order': False, 'shape': ${dims}, }`;
  const length = Math.ceil((10 + fields.length + 1) / 64) * 64;
  const header = Buffer.from(`\x93NUMPY\x01\x00  ${fields.padEnd(length - 11)}\n`, 'latin1');
  header.writeUInt16LE(length - 10, 8);
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

async function readHeader(file: FileHandle, path: string, size: number): Promise<NpyHeader> {
  const start = Buffer.alloc(12);
  await readAt(file, start.subarray(0, Math.min(12, size)), 0);
  if (start.toString('latin1', 0, 6) !== '\x93NUMPY') {
    const archive = start.toString('latin1', 0, 2) === 'PK';
    throw rangeError(
      'a .npy file',
      path,
      archive ? 'a zip archive (.npz; save one array with np.save)' : 'something else',
    );
  }
  const version = start[6]!;
  if (version < 1 || version > 3) throw rangeError('format version 1, 2 or 3', path, `version ${version}`);
  const [offset, length] = version === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)];
  if (length > MAX_HEADER || offset + length > size) {
    throw rangeError(`a header of ${length} bytes`, path, `a file of ${size} bytes (it is truncated or damaged)`);
  }
  const text = Buffer.alloc(length);
  await readAt(file, text, offset);
  return { ...parseFields(text.toString(version === 3 ? 'utf8' : 'latin1'), path), offset: offset + length };
}

/** Reads the header's Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. */
function parseFields(text: string, path: string): Omit<NpyHeader, 'offset'> {
  const descr = /'descr'\s*:\s*'([<>|=]?)(\w+)'/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text);
  if (/'descr'\s*:\s*\[/.test(text)) throw rangeError('plain numbers', path, 'a structured array');
  if (descr === null || order === null || shape === null) {
    throw rangeError(
      "'descr', 'fortran_order' and 'shape' in the header",
      path,
      JSON.stringify(text.trim().slice(0, 80)),
    );
  }
  const type = descr[2]!;
  if (type.startsWith('O')) throw rangeError('plain numbers', path, 'pickled Python objects (dtype object)');
  if (!(type in BYTES)) throw rangeError(`one of the types ${Object.keys(BYTES).join(', ')}`, path, `'${type}'`);
  const lengths = shape[1]!.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  return { type, bigEndian: descr[1] === '>', fortranOrder: order[1] === 'True', shape: lengths };
}

/** Fills `target` from `position` on; a file that shrank meanwhile is an error. */
async function readAt(file: FileHandle, target: Buffer, position: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await file.read(target, done, Math.min(READ_BYTES, target.length - done), position + done);
    if (bytesRead === 0) throw new Error('The file became shorter while it was read');
    done += bytesRead;
  }
}

function swapBytes(bytes: Buffer, width: number): void {
  if (width === 2) bytes.swap16();
  else if (width === 4) bytes.swap32();
  else if (width === 8) bytes.swap64();
}

function decode(type: string, buffer: ArrayBuffer, path: string): NpyData {
  switch (type) {
    case 'f2':
      return halvesToFloats(new Uint16Array(buffer));
    case 'f4':
      return new Float32Array(buffer);
    case 'f8':
      return new Float64Array(buffer);
    case 'i1':
      return new Int8Array(buffer);
    case 'i2':
      return new Int16Array(buffer);
    case 'i4':
      return new Int32Array(buffer);
    case 'i8':
      return narrow(new BigInt64Array(buffer), path);
    default:
      return new Uint8Array(buffer);
  }
}

/** NumPy's default integers hold small values here: labels, votes, row numbers. */
function narrow(wide: BigInt64Array, path: string): Int32Array {
  const data = new Int32Array(wide.length);
  for (let i = 0; i < wide.length; i++) {
    data[i] = Number(wide[i]);
    if (BigInt(data[i]!) !== wide[i])
      throw rangeError('integers of at most 32 bits', `${path} at element ${i}`, `${wide[i]}`);
  }
  return data;
}

let halfTable: Float32Array | undefined;

/** IEEE 754 binary16 to binary32 through a table of all 65,536 values. */
function halvesToFloats(halves: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => halfToFloat(bits));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = halfTable[halves[i]!]!;
  return floats;
}

/** Exact for every value, subnormals, infinities and NaN included. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
