// The kernels that exist once per instruction set, as one table of functions.
//
// Searches work on tiles: up to kBlockRows support rows against groups of kLanes queries. A tile is stored per group as
// [support row][lane], so that the epilogue walks support rows and treats 16 queries at a time. The product of a tile
// is a filter: its error is bounded (accumulation_error below, plus the quantisation of bf16 operands, which the caller
// knows), and the canonical functions decide among the rows that it cannot tell apart.
//
// This header is all that a file compiled for a newer CPU may share with the rest: plain types, no inline functions.
#pragma once

#include <cstdint>

namespace nearvote::simd {

constexpr int kLanes = 16;       // queries per group, also rows of a panel
constexpr int kBlockRows = 256;  // support rows per tile
constexpr int kLineBytes = 64;   // of one row within one panel step

// The operands of the filter product.
enum class Precision {
  f32,   // support rows as they are (row pointers), queries packed by pack_f32
  bf16,  // rounded to 8 significant bits, 32 values per line
  int8,  // whole multiples, at most -127 to 127, of a scale per row, 64 values per line
};
// Rounded rows lie in panels [step][16 rows][64 bytes], from which queries are packed once more.
constexpr int kPanelStep = kLanes * kLineBytes;
constexpr int64_t kMaxInt8Depth = 1 << 15;  // longer sums could leave 32 bits

// What rounding gave one row.
struct Rounded {
  double kept;     // sum of squares of the rounded row
  double lost;     // sum of squares of what rounding took away
  float scale;     // int8: value = scale * code
  int32_t offset;  // int8: what the product adds to the integer sums of this row as support
};

// A row in fixed point: value = 2^exponent (D0 + D1 2^-8 + D2 2^-16), three digits of -128 .. 127, each value at most
// 2^(exponent - 17) from the row's. The largest magnitude of a row is 63.5 to 127.5 times 2^exponent; a row of zeros
// has any exponent. Digits lie in panels [step][digit][16 rows][64 values].
constexpr int kDigits = 3;
struct DigitRow {
  float exponent;
  float squares;  // sum of squares of the row, divided by 4^exponent, within 2^-8 of itself (d < 2^16)
};

// Rounded support rows, 16 per panel. scale, offset: int8 only, per row. bias: per row, or null for zeros.
struct PackedRows {
  const uint8_t* panels;
  const float* scale;
  const int32_t* offset;
  const float* bias;
};

// One support row that might be the answer of one (lane, cell).
struct Candidate {
  int32_t row;   // position in the searched support
  int32_t cell;  // cell * kLanes + lane
  float score;   // filter score
};

// A pair of rows of one set of which each might be among the other's neighbours.
struct PairHit {
  uint16_t row;   // of the block
  uint16_t lane;  // of the group
  float score;    // filter score
};

// The votes of one block as lists, one per cell that has any, each padded to whole chunks by repeating its last row.
constexpr int kChunk = 8;
struct BlockVotes {
  int64_t lists;
  const int32_t* cells;        // per list
  const int32_t* first_chunk;  // lists + 1: list i is chunks first_chunk[i] .. first_chunk[i + 1] - 1
  const uint8_t* last_rows;    // per list: rows in its last chunk that are not padding, 1 .. kChunk
  const uint16_t* offsets;  // kChunk per chunk: row in the block times kLanes, where its scores are in a group's tile
  const float* best;        // null; or the tile's largest score per lane: a list is passed over whose bound that misses
};

// Rounds of smoothing (neighbors/posterior_graph.h): the same bits in every table. Lists lie in panels of kLanes rows:
// entry j of the row in lane l is [j * kLanes + l] of the panel's k * kLanes indices and weights.
struct SmoothingKernels {
  // Which entries of a panel are rows with a mark. marks: 1 or 0 a row, and three bytes behind; found: k times one bit
  // a lane. Returns whether there are any.
  bool (*marked)(const int32_t* indices, int64_t k, const uint8_t* marks, uint16_t* found);
  // Per row of a panel the sum of weight times state over its entries, in their order. sums: kLanes.
  void (*sums)(const int32_t* indices, const float* weights, int64_t k, const double* states, double* sums);
  // The same where rows with a negative state do not count. sums: 3 * kLanes: weights, their squares, weighted states.
  void (*counted_sums)(const int32_t* indices, const float* weights, int64_t k, const double* states, double* sums);
  // Two classes, posteriors of a panel. sums: as above; own: own factor of class 1 over that of class 0; mean, inverse
  // (1 / mean): 2; proba: kLanes of class 0, then kLanes of class 1.
  void (*two_classes)(const double* sums, const double* own, const double* mean, const double* inverse, double* proba);
  // kLanes states of float side by side, `stride` floats from one neighbour to the next, for `count` rows of a panel
  // (which ones: rows): the weighted sums in the order of the entries. sums: kLanes a row, sums_stride floats apart.
  void (*lane_sums)(const int32_t* indices, const float* weights, int64_t k, const float* states, int64_t stride,
                    const uint8_t* rows, int64_t count, float* sums, int64_t sums_stride);
  // Two classes, what an entry adds to its row's sums as of counted_sums, kLanes each: weight times more, its square
  // times square, and weight times (said less `was` times is).
  void (*lane_add)(const float* more, const float* square, const float* said, const float* is, float was, float weight,
                   float* sums);
  // Two classes, kLanes posteriors of class 1 side by side for `count` rows. sums: 3 * kLanes a row as of counted_sums;
  // own: kLanes a row, as in two_classes; mean, inverse: kLanes of class 0, then kLanes of class 1; second: kLanes a
  // row.
  void (*lane_two_classes)(const float* sums, const float* own, const float* mean, const float* inverse, int64_t count,
                           float* second);
};

struct Kernels {
  const char* name;
  Precision precision;

  // Bound of |computed - exact| / (|x||y| + |bias|) of the float32 product over `depth` terms.
  double (*accumulation_error)(int64_t depth);

  // --- canonical scores (neighbors/canonical.h) and what they are taken of: the same bits in every table ---
  // out[i] = x[i] * factor in double precision, rounded to float.
  void (*scale_row)(const float* x, double factor, int64_t dims, float* out);
  double (*dot)(const float* x, const float* y, int64_t dims);
  double (*squared_distance)(const float* x, const float* y, int64_t dims);
  // One row, widened and zero-padded to a multiple of 8, against four rows of floats padded likewise. next: four rows
  // to prefetch meanwhile.
  void (*dot4)(const double* x, const float* const* y, const float* const* next, int64_t padded_dims, double* out);
  void (*squared_distance4)(const double* x, const float* const* y, const float* const* next, int64_t padded_dims,
                            double* out);

  // --- float32 product ---
  // 16 rows (null: a row of zeros) -> packed[depth][16].
  void (*pack_f32)(const float* const* rows, int64_t depth, float* packed);
  // out[group * group_stride + row * row_stride + lane] = bias[row] + sum_k rows[row][k] * packed[group][k][lane], k in
  // order. bias may be null (zeros). Rows and groups: any number >= 1.
  void (*product_f32)(const float* const* rows, int64_t row_count, const float* packed, int64_t groups, int64_t depth,
                      const float* bias, float* out, int64_t row_stride, int64_t group_stride);

  // --- product of rounded operands; null when precision is f32 ---
  // As accumulation_error, over `depth` rounded values.
  double (*packed_error)(int64_t depth);
  // int8: where rounding takes more than this of a norm, the filter would keep too many candidates: float32 is faster.
  float coarsest;
  // Rounds one row to nearest (subnormals to zero), into its place in a panel; zeros fill its last line.
  Rounded (*quantize)(const float* row, int64_t dims, uint8_t* panel_row);
  // One panel of 16 queries -> the layout product_packed wants, of the same size.
  void (*pack)(const uint8_t* panel, int64_t steps, uint8_t* packed);
  // As product_f32, over panels of 16 rows; row stride 16. lane_scale (int8): of the queries, 16 per group.
  void (*product_packed)(const PackedRows* support, int64_t panel_count, const uint8_t* packed, const float* lane_scale,
                         int64_t groups, int64_t steps, float* out, int64_t group_stride);

  // --- product of digits; null without an integer unit several times faster than float32 ---
  // Splits one row, zero-padded to a multiple of kLanes, into its place in a panel; zeros fill its last lines.
  DigitRow (*split_digits)(const float* row, int64_t padded_dims, uint8_t* panel_row);
  // One panel -> the form product_digits wants of columns, of the same size.
  void (*turn_digits)(const uint8_t* panel, int64_t steps, uint8_t* packed);
  // One panel of rows against `groups` turned panels of columns:
  // out[row * row_stride + group * kLanes + lane] = sums of products of digits i and j, i + j < orders (3 or 4), exact
  // in int32 (3 * 2^14 * depth < 2^31), each order's sum rounded to float, and each of the orders - 1 additions.
  void (*product_digits)(const uint8_t* rows, const float* row_exponents, const uint8_t* columns,
                         const float* column_exponents, int64_t groups, int64_t steps, int orders, float* out,
                         int64_t row_stride);

  // --- epilogues over one group of a tile ---
  // For every list: raises lower[cell][lane] to (largest score of the list) - error[lane]; appends to `out` every row
  // whose score + error reaches that bound. Returns the number appended (at most 16 per vote). base: position of the
  // block's first row.
  int64_t (*scan_votes)(const float* tile, const BlockVotes* votes, int32_t base, const float* error, float* lower,
                        Candidate* out);
  // Of a tile of `groups` groups: the largest scores per group and lane (of_groups, kLanes per group) and per row
  // (of_rows, as many as the next multiple of kLanes; -inf beyond row_count). Rows and groups: at least 1.
  void (*best_of_tile)(const float* tile, int64_t group_stride, int64_t groups, int64_t row_count, float* of_groups,
                       float* of_rows);
  // kLanes rows of a tile as a group of their own, whose rows are the lanes of the groups:
  // out[(group * kLanes + lane) * kLanes + row] = tile[group * group_stride + row * kLanes + lane].
  void (*turn_tile)(const float* tile, int64_t group_stride, int64_t groups, float* out);
  // Appends every row with score >= bound[lane] to that lane's list (rows, scores: kLanes lists of `capacity`), count
  // updated. The caller leaves room for row_count more in every list.
  void (*scan_rows)(const float* tile, int64_t row_count, int32_t base, const float* bound, int32_t* rows,
                    float* scores, int64_t capacity, int32_t* count);
  // Per lane: the lowest of the largest scores of the parts that rows r, r + parts, r + 2 parts ... are. At least
  // `parts` rows reach it. 1 <= parts <= row_count.
  void (*lowest_of_parts)(const float* tile, int64_t row_count, int64_t parts, float* out);
  // Raises *bound to a value that at least k of the scores reach, and hardly more, less slack; keeps the scores that
  // reach it, and their rows, in order. Returns how many. 1 <= k <= count; scores can be read up to a multiple of
  // kLanes.
  int32_t (*cut_list)(float* scores, int32_t* rows, int64_t count, int64_t k, float slack, float* bound);
  // Writes every (row, lane) whose score reaches lane_bound[lane] or, with lane_bias[lane] added, row_bound[row] to
  // `out`. Returns how many: at most 16 per row.
  int64_t (*scan_pairs)(const float* tile, int64_t row_count, const float* lane_bound, const float* lane_bias,
                        const float* row_bound, PairHit* out);

  SmoothingKernels smoothing;
};

extern const Kernels kBaseline;
#if defined(__x86_64__)
extern const Kernels kAvx2;
extern const Kernels kAvx512;
extern const Kernels kAvx512Vnni;
extern const Kernels kAmx;
#elif defined(__aarch64__)
extern const Kernels kNeon;
extern const Kernels kNeonDot;
#endif

}  // namespace nearvote::simd
