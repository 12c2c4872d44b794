#include "core/neighbors/centre.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace nearvote {
namespace {

constexpr int64_t kFewestRows = 256, kSample = 256;
// Shares of the mean square. About the first the filter gains what the centre costs; above the second the rows are
// hardly told apart by float32.
constexpr double kLeastShare = 0.3, kMostShare = 1 - 0x1p-20;
constexpr double kMostSquares = 0x1p90;  // no difference overflows

}  // namespace

std::shared_ptr<const Centre> common_centre(FloatMatrix rows, Metric metric, const simd::Kernels& kernels) {
  if (rows.rows < kFewestRows || metric == Metric::l2) return nullptr;
  std::vector<double> sum(static_cast<size_t>(rows.cols));
  double squares = 0;
  int64_t counted = 0;
  for (int64_t s = 0; s < kSample; ++s) {
    const float* row = rows.row(s * rows.rows / kSample);
    const double square = kernels.dot(row, row, rows.cols);
    if (!std::isfinite(square) || square == 0) continue;
    const double factor = metric == Metric::cosine ? 1 / std::sqrt(square) : 1;
    for (int64_t i = 0; i < rows.cols; ++i) sum[static_cast<size_t>(i)] += factor * static_cast<double>(row[i]);
    squares += factor * factor * square;
    ++counted;
  }
  if (counted == 0) return nullptr;
  const auto count = static_cast<double>(counted);
  auto centre = std::make_shared<Centre>();
  centre->values = AlignedBuffer<float>(rows.cols);
  for (int64_t i = 0; i < rows.cols; ++i) centre->values[i] = static_cast<float>(sum[static_cast<size_t>(i)] / count);
  centre->squares = kernels.dot(centre->values.data(), centre->values.data(), rows.cols);
  centre->norm = static_cast<float>(std::sqrt(centre->squares) * (1 + 0x1p-20));
  const double share = centre->squares / (squares / count);
  const bool pays = share >= kLeastShare && share <= kMostShare && centre->squares < kMostSquares;
  return pays ? centre : nullptr;
}

}  // namespace nearvote
