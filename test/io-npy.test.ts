// .npy files: expectations are bytes written by hand after numpy.lib.format, and NumPy's own conversion rules.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeNpy, readNpy } from '../lib/io/npy.js';

const folder = mkdtempSync(join(tmpdir(), 'nearvote-npy-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A .npy file as numpy.lib.format describes it. */
function npy(header: string, body: Uint8Array, version = 1): string {
  const text = Buffer.from(`${header.padEnd(version === 1 ? 117 : 115)}\n`, 'latin1');
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  const path = join(folder, `${Math.random()}.npy`);
  writeFileSync(path, Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.of(version, 0), length, text, body]));
  return path;
}
const fields = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
const bytes = (...values: number[]) => Uint8Array.from(values);
const floats = Float32Array.of(1.5, -2, 0.25, 4, -0.5, 3);

describe('readNpy', () => {
  it.each([1, 2, 3])('reads format version %i', async (version) => {
    const read = await readNpy(npy(fields('<f4', '(2, 3)'), new Uint8Array(floats.buffer), version));
    expect(read).toEqual({ data: floats, shape: [2, 3] });
  });

  it.each([
    ['|i1', bytes(255, 0, 1), Int8Array.of(-1, 0, 1)],
    ['<i2', bytes(0xff, 0xff, 0x39, 0x30), Int16Array.of(-1, 12345)],
    ['<i4', bytes(0xfe, 0xff, 0xff, 0xff), Int32Array.of(-2)],
    ['<i8', bytes(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), Int32Array.of(-2)],
    ['|u1', bytes(200), Uint8Array.of(200)],
    ['|b1', bytes(1, 0), Uint8Array.of(1, 0)],
    ['<f8', bytes(0, 0, 0, 0, 0, 0, 0xf8, 0x3f), Float64Array.of(1.5)],
    ['>i2', bytes(0x30, 0x39), Int16Array.of(12345)],
    ['>f4', bytes(0x3f, 0xc0, 0, 0), Float32Array.of(1.5)],
    ['>f8', bytes(0x3f, 0xf8, 0, 0, 0, 0, 0, 0), Float64Array.of(1.5)],
  ])('reads %s', async (descr, body, expected) => {
    const read = await readNpy(npy(fields(descr, `(${expected.length},)`), body));
    expect(read).toEqual({ data: expected, shape: [expected.length] });
  });

  it('reads half floats exactly', async () => {
    // 1, -2, largest, smallest normal, smallest subnormal, -0, infinities, NaN: IEEE 754 binary16.
    const bits = [0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000, 0x7c00, 0xfc00, 0x7e00];
    const expected = [1, -2, 65504, 2 ** -14, 2 ** -24, -0, Infinity, -Infinity, NaN];
    const { data } = await readNpy(npy(fields('<f2', '(9,)'), new Uint8Array(Uint16Array.from(bits).buffer)));
    expect(data).toEqual(Float32Array.from(expected));
  });

  it('reads empty arrays', async () => {
    expect(await readNpy(npy(fields('<f4', '(0, 5)'), bytes()))).toEqual({ data: new Float32Array(0), shape: [0, 5] });
  });

  it('takes Fortran order where it is C order too', async () => {
    expect((await readNpy(npy(fields('|i1', '(3, 1)', 'True'), bytes(1, 2, 3)))).shape).toEqual([3, 1]);
  });

  it.each([
    [
      'truncated data',
      fields('<f4', '(2, 3)'),
      bytes(1, 2, 3),
      /24 bytes of data \(2 x 3 f4\).*received 3 \(the file is truncated\)/,
    ],
    ['two arrays', fields('|i1', '(1,)'), bytes(1, 2), /holds more than one array/],
    ['pickled objects', fields('|O', '(1,)'), bytes(128, 4), /plain numbers.*pickled Python objects/],
    ['records', "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(0), /structured array/],
    ['complex numbers', fields('<c8', '(1,)'), new Uint8Array(8), /one of the types f2, f4.*'c8'/],
    ['Fortran order', fields('<f4', '(2, 3)', 'True'), new Uint8Array(24), /C order.*np\.ascontiguousarray/],
    ['a damaged header', '{}', bytes(0), /'descr', 'fortran_order' and 'shape'/],
    ['wide integers', fields('<i8', '(1,)'), bytes(0, 0, 0, 0, 1, 0, 0, 0), /at most 32 bits.*element 0.*4294967296/],
  ])('explains %s', async (_, header, body, message) => {
    await expect(readNpy(npy(header, body))).rejects.toThrow(message);
  });

  it('explains other files', async () => {
    const write = (name: string, content: Uint8Array) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    await expect(readNpy(write('a.npy', Buffer.from('PK\x03\x04 and more')))).rejects.toThrow(/\.npz.*np\.save/);
    await expect(readNpy(write('b.npy', Buffer.from('1,2,3')))).rejects.toThrow(/a \.npy file.*something else/);
    await expect(readNpy(write('c.npy', Buffer.alloc(0)))).rejects.toThrow(/a \.npy file/);
    const start = (version: number) => Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\x00\x76\x00{}`, 'latin1');
    await expect(readNpy(write('d.npy', start(1)))).rejects.toThrow(/truncated/);
    await expect(readNpy(write('e.npy', start(9)))).rejects.toThrow(/version 9/);
    await expect(readNpy(join(folder, 'missing.npy'))).rejects.toThrow(/ENOENT.*missing\.npy/);
  });
});

describe('encodeNpy', () => {
  it('writes what numpy.save writes', () => {
    // np.save of np.array([[1., 2.]]): 128 bytes of header in all, data aligned to 64 bytes.
    const [header, body] = encodeNpy(Float64Array.of(1, 2), [1, 2]);
    const dict = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
    expect(Buffer.from(header).toString('latin1')).toBe(`\x93NUMPY\x01\x00\x76\x00${dict.padEnd(117)}\n`);
    expect(body).toEqual(new Uint8Array(Float64Array.of(1, 2).buffer));
  });

  it('honours views and one dimension', () => {
    const [header, body] = encodeNpy(Int8Array.of(9, 8, 7).subarray(1), [2]);
    expect(Buffer.from(header).toString('latin1')).toContain("'|i1', 'fortran_order': False, 'shape': (2,)");
    expect(Array.from(body)).toEqual([8, 7]);
  });
});
