// An ONNX model for onnxruntime-node, written by hand: scores = queries x support, then TopK. Wire format: protobuf.
const varint = (value) => {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) | 128 : rest);
    if (rest < 128) return Buffer.from(bytes);
  }
};
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field, value) => {
  const content = Buffer.from(value);
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
};
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

const FLOAT = 1;
const INT64 = 7;

function tensorType(name, type, dims) {
  const shape = dims.map((dim) => message(1, typeof dim === 'string' ? bytes(2, dim) : number(1, dim)));
  return [bytes(1, name), message(2, message(1, number(1, type), message(2, ...shape)))];
}

/** MatMul of 'queries' [n, d] and 'support' [d, p] (transposed beforehand), then the k largest of each row. */
export function matMulTopK({ d, k }) {
  const count = Buffer.alloc(8);
  count.writeBigInt64LE(BigInt(k));
  const graph = message(
    7,
    message(1, bytes(1, 'queries'), bytes(1, 'support'), bytes(2, 'scores'), bytes(4, 'MatMul')),
    message(1, bytes(1, 'scores'), bytes(1, 'k'), bytes(2, 'values'), bytes(2, 'indices'), bytes(4, 'TopK')),
    bytes(2, 'topk'),
    message(5, number(1, 1), number(2, INT64), bytes(8, 'k'), bytes(9, count)),
    message(11, ...tensorType('queries', FLOAT, ['n', d])),
    message(11, ...tensorType('support', FLOAT, [d, 'p'])),
    message(12, ...tensorType('values', FLOAT, ['n', k])),
    message(12, ...tensorType('indices', INT64, ['n', k])),
  );
  return Buffer.concat([number(1, 8), graph, message(8, number(2, 17))]);
}
