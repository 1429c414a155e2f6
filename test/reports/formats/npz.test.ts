/** The outcome matrix for NumPy, read back by hand from zip and .npy. */
import { crc32, inflateRawSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { npz } from '../../../reports/formats/npz.ts';

/** The entries of a zip by its central directory. */
function unzip(bytes: Buffer): Map<string, Buffer> {
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const files = new Map<string, Buffer>();
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < bytes.readUInt16LE(end + 10); i++) {
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50);
    const [crc, packed, size, nameLength] = [
      bytes.readUInt32LE(at + 16),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 24),
      bytes.readUInt16LE(at + 28),
    ];
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const content = inflateRawSync(bytes.subarray(start, start + packed));
    expect(content.length).toBe(size);
    expect(crc32(content)).toBe(crc);
    files.set(name, content);
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return files;
}

describe('npz', () => {
  const bytes = Buffer.from(
    npz({
      robust: { kind: 'int8', shape: [2, 1, 3], values: Int8Array.from([1, 0, -1, 1, 1, 0]) },
      labels: { kind: 'int32', shape: [3], values: Int32Array.from([7, 0, 300]) },
      models: { kind: 'text', shape: [2], values: ['a', 'مر😀'] },
    }),
  );

  it('holds headers and values as NumPy writes them', () => {
    const files = unzip(bytes);
    expect([...files.keys()]).toEqual(['labels.npy', 'models.npy', 'robust.npy']);
    const robust = files.get('robust.npy') as Buffer;
    expect(robust.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    const length = robust.readUInt16LE(8);
    expect((10 + length) % 64).toBe(0);
    expect(robust.toString('latin1', 10, 10 + length).trim()).toBe("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 1, 3), }");
    expect([...new Int8Array(robust.subarray(10 + length))]).toEqual([1, 0, -1, 1, 1, 0]);
    const labels = files.get('labels.npy') as Buffer;
    expect(labels.toString('latin1')).toContain("'descr': '<i4', 'fortran_order': False, 'shape': (3,), ");
    expect(labels.readInt32LE(labels.length - 4)).toBe(300);
    const models = files.get('models.npy') as Buffer;
    expect(models.toString('latin1')).toContain("'<U3'");
    expect(models.readUInt32LE(models.length - 4)).toBe(0x1f600);
  });

  it('is the same bytes on every day and in every time zone, dated 1980-01-01', () => {
    const zone = process.env.TZ;
    onTestFinished(() => {
      if (zone === undefined) Reflect.deleteProperty(process.env, 'TZ');
      else process.env.TZ = zone;
    });
    vi.useFakeTimers({ now: new Date('2031-07-09T23:30:00Z') });
    onTestFinished(() => void vi.useRealTimers());
    const arrays = { robust: { kind: 'int8', shape: [2], values: Int8Array.from([1, 0]) } } as const;
    const written = ['Pacific/Kiritimati', 'UTC', 'Pacific/Pago_Pago'].map((place) => {
      process.env.TZ = place;
      return Buffer.from(npz(arrays));
    });
    expect(written[1]).toEqual(written[0]);
    expect(written[2]).toEqual(written[0]);
    expect(written[0]?.readUInt16LE(10)).toBe(0); // 00:00:00
    expect(written[0]?.readUInt16LE(12)).toBe(0b0000000_0001_00001); // year 1980 + 0, month 1, day 1
  });
});
