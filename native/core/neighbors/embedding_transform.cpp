#include "core/neighbors/embedding_transform.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kRowBlock = 64;
constexpr int64_t kColumnBlock = 16;
// Smaller variances, relative to the largest, and to the squared mean (float32 rounding), are none.
constexpr double kNoVariance = 1e-9;
constexpr double kRounding = 1e-14;

// Row i as doubles, scaled to unit length where asked for, less `mean` where given.
void read_row(FloatMatrix rows, int64_t i, bool unit, const double* mean, double* out) {
  const float* row = rows.row(i);
  double scale = 1;
  if (unit) {
    double square = 0;
    for (int64_t j = 0; j < rows.cols; ++j) square += static_cast<double>(row[j]) * row[j];
    scale = square > 0 ? 1 / std::sqrt(square) : 0;
  }
  for (int64_t j = 0; j < rows.cols; ++j) out[j] = row[j] * scale - (mean != nullptr ? mean[j] : 0);
}

std::vector<double> covariance(FloatMatrix rows, bool unit, const std::vector<double>& mean, int threads,
                               const JobControl& job) {
  const int64_t d = rows.cols;
  std::vector<double> sum(static_cast<size_t>(d * d), 0.0), block(static_cast<size_t>(kRowBlock * d));
  const int64_t tasks = (d + kColumnBlock - 1) / kColumnBlock;
  for (int64_t first = 0; first < rows.rows; first += kRowBlock) {
    job.check();
    const int64_t count = std::min(kRowBlock, rows.rows - first);
    for (int64_t i = 0; i < count; ++i) read_row(rows, first + i, unit, mean.data(), block.data() + i * d);
    parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
      const int64_t end = std::min(d, (task + 1) * kColumnBlock);
      for (int64_t a = task * kColumnBlock; a < end; ++a) {
        double* target = sum.data() + a * d;
        for (int64_t i = 0; i < count; ++i) {
          const double* x = block.data() + i * d;
          const double factor = x[a];
          for (int64_t b = 0; b <= a; ++b) target[b] += factor * x[b];
        }
      }
    });
    job.report(first + count, rows.rows);
  }
  const double scale = rows.rows > 0 ? 1 / static_cast<double>(rows.rows) : 0;
  for (int64_t a = 0; a < d; ++a) {
    for (int64_t b = 0; b <= a; ++b) sum[static_cast<size_t>(b * d + a)] = sum[static_cast<size_t>(a * d + b)] *= scale;
  }
  return sum;
}

// tred2: v becomes the accumulated transformation, diagonal and off the tridiagonal matrix.
void tridiagonalise(std::vector<std::vector<double>>& v, std::vector<double>& diagonal, std::vector<double>& off) {
  const int64_t n = static_cast<int64_t>(diagonal.size());
  const auto at = [](int64_t i) { return static_cast<size_t>(i); };
  diagonal = v[at(n - 1)];
  for (int64_t i = n - 1; i > 0; --i) {
    double scale = 0, h = 0;
    for (int64_t k = 0; k < i; ++k) scale += std::fabs(diagonal[at(k)]);
    if (scale == 0) {
      off[at(i)] = diagonal[at(i - 1)];
      for (int64_t j = 0; j < i; ++j) {
        diagonal[at(j)] = v[at(i - 1)][at(j)];
        v[at(i)][at(j)] = v[at(j)][at(i)] = 0;
      }
    } else {
      for (int64_t k = 0; k < i; ++k) {
        diagonal[at(k)] /= scale;
        h += diagonal[at(k)] * diagonal[at(k)];
      }
      double f = diagonal[at(i - 1)];
      double g = f > 0 ? -std::sqrt(h) : std::sqrt(h);
      off[at(i)] = scale * g;
      h -= f * g;
      diagonal[at(i - 1)] = f - g;
      std::fill_n(off.begin(), i, 0.0);
      for (int64_t j = 0; j < i; ++j) {
        f = diagonal[at(j)];
        v[at(j)][at(i)] = f;
        g = off[at(j)] + v[at(j)][at(j)] * f;
        for (int64_t k = j + 1; k < i; ++k) {
          g += v[at(k)][at(j)] * diagonal[at(k)];
          off[at(k)] += v[at(k)][at(j)] * f;
        }
        off[at(j)] = g;
      }
      f = 0;
      for (int64_t j = 0; j < i; ++j) {
        off[at(j)] /= h;
        f += off[at(j)] * diagonal[at(j)];
      }
      const double hh = f / (h + h);
      for (int64_t j = 0; j < i; ++j) off[at(j)] -= hh * diagonal[at(j)];
      for (int64_t j = 0; j < i; ++j) {
        f = diagonal[at(j)];
        g = off[at(j)];
        for (int64_t k = j; k < i; ++k) v[at(k)][at(j)] -= f * off[at(k)] + g * diagonal[at(k)];
        diagonal[at(j)] = v[at(i - 1)][at(j)];
        v[at(i)][at(j)] = 0;
      }
    }
    diagonal[at(i)] = h;
  }
  for (int64_t i = 0; i < n - 1; ++i) {
    v[at(n - 1)][at(i)] = v[at(i)][at(i)];
    v[at(i)][at(i)] = 1;
    const double h = diagonal[at(i + 1)];
    if (h != 0) {
      for (int64_t k = 0; k <= i; ++k) diagonal[at(k)] = v[at(k)][at(i + 1)] / h;
      std::vector<double> g(at(i + 1), 0.0);
      for (int64_t k = 0; k <= i; ++k) {
        for (int64_t j = 0; j <= i; ++j) g[at(j)] += v[at(k)][at(i + 1)] * v[at(k)][at(j)];
      }
      for (int64_t k = 0; k <= i; ++k) {
        for (int64_t j = 0; j <= i; ++j) v[at(k)][at(j)] -= g[at(j)] * diagonal[at(k)];
      }
    }
    for (int64_t k = 0; k <= i; ++k) v[at(k)][at(i + 1)] = 0;
  }
  for (int64_t j = 0; j < n; ++j) {
    diagonal[at(j)] = v[at(n - 1)][at(j)];
    v[at(n - 1)][at(j)] = 0;
  }
  v[at(n - 1)][at(n - 1)] = 1;
  off[0] = 0;
}

// tql2 on the transposed transformation: w's rows become the eigenvectors.
void diagonalise(std::vector<std::vector<double>>& w, std::vector<double>& diagonal, std::vector<double>& off) {
  const int64_t n = static_cast<int64_t>(diagonal.size());
  const auto at = [](int64_t i) { return static_cast<size_t>(i); };
  std::rotate(off.begin(), off.begin() + 1, off.end());
  off[at(n - 1)] = 0;
  double shift = 0, largest = 0;
  constexpr double kEpsilon = 2.220446049250313e-16;
  for (int64_t l = 0; l < n; ++l) {
    largest = std::max(largest, std::fabs(diagonal[at(l)]) + std::fabs(off[at(l)]));
    int64_t m = l;
    while (m < n - 1 && std::fabs(off[at(m)]) > kEpsilon * largest) ++m;
    while (m > l && std::fabs(off[at(l)]) > kEpsilon * largest) {
      double g = diagonal[at(l)];
      double p = (diagonal[at(l + 1)] - g) / (2 * off[at(l)]);
      const double r = p < 0 ? -std::hypot(p, 1.0) : std::hypot(p, 1.0);
      diagonal[at(l)] = off[at(l)] / (p + r);
      diagonal[at(l + 1)] = off[at(l)] * (p + r);
      const double next = diagonal[at(l + 1)];
      double h = g - diagonal[at(l)];
      for (int64_t i = l + 2; i < n; ++i) diagonal[at(i)] -= h;
      shift += h;
      p = diagonal[at(m)];
      double c = 1, c2 = 1, c3 = 1, s = 0, s2 = 0;
      const double below = off[at(l + 1)];
      for (int64_t i = m - 1; i >= l; --i) {
        c3 = c2;
        c2 = c;
        s2 = s;
        g = c * off[at(i)];
        h = c * p;
        const double length = std::hypot(p, off[at(i)]);
        off[at(i + 1)] = s * length;
        s = off[at(i)] / length;
        c = p / length;
        p = c * diagonal[at(i)] - s * g;
        diagonal[at(i + 1)] = h + s * (c * g + s * diagonal[at(i)]);
        std::vector<double>&upper = w[at(i)], &lower = w[at(i + 1)];
        for (int64_t k = 0; k < n; ++k) {
          const double value = lower[at(k)];
          lower[at(k)] = s * upper[at(k)] + c * value;
          upper[at(k)] = c * upper[at(k)] - s * value;
        }
      }
      p = -s * s2 * c3 * below * off[at(l)] / next;
      off[at(l)] = s * p;
      diagonal[at(l)] = c * p;
    }
    diagonal[at(l)] += shift;
    off[at(l)] = 0;
  }
}

}  // namespace

std::vector<double> symmetric_eigen(std::vector<double>& matrix, int64_t d) {
  const auto n = static_cast<size_t>(d);
  if (n == 0) return {};
  std::vector<std::vector<double>> v(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i) std::copy_n(matrix.begin() + static_cast<std::ptrdiff_t>(i * n), n, v[i].begin());
  std::vector<double> diagonal(n), off(n, 0.0);
  tridiagonalise(v, diagonal, off);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) std::swap(v[i][j], v[j][i]);
  }
  diagonalise(v, diagonal, off);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return diagonal[a] > diagonal[b]; });
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) {
    values[i] = diagonal[order[i]];
    std::copy(v[order[i]].begin(), v[order[i]].end(), matrix.begin() + static_cast<std::ptrdiff_t>(i * n));
  }
  return values;
}

EmbeddingTransform fit_transform(FloatMatrix rows, TransformKind kind, int64_t directions, bool unit, int threads,
                                 const JobControl& job) {
  const int64_t d = rows.cols;
  EmbeddingTransform transform{unit, d, d, std::vector<double>(static_cast<size_t>(d), 0.0), {}};
  std::vector<double> row(static_cast<size_t>(d));
  for (int64_t i = 0; i < rows.rows; ++i) {
    read_row(rows, i, unit, nullptr, row.data());
    for (size_t j = 0; j < row.size(); ++j) transform.mean[j] += row[j];
  }
  for (double& value : transform.mean) value /= static_cast<double>(std::max<int64_t>(1, rows.rows));
  if (kind == TransformKind::centre) return transform;

  std::vector<double> vectors = covariance(rows, unit, transform.mean, threads, job);
  const std::vector<double> variances = symmetric_eigen(vectors, d);
  if (kind == TransformKind::whiten) {
    double floor = kNoVariance * variances[0];
    const double square = std::inner_product(transform.mean.begin(), transform.mean.end(), transform.mean.begin(), 0.0);
    floor = std::max(floor, kRounding * square);
    const auto meaningful = std::count_if(variances.begin(), variances.end(), [&](double v) { return v > floor; });
    transform.out_dims = std::min<int64_t>(directions, meaningful);
    vectors.resize(static_cast<size_t>(transform.out_dims * d));
    for (size_t at = 0; at < vectors.size(); ++at) vectors[at] /= std::sqrt(variances[at / static_cast<size_t>(d)]);
    transform.projection = std::move(vectors);
  } else {
    // The directions that stay: their coordinates are the rows without the leading ones, rotated.
    transform.out_dims = d - directions;
    transform.projection.assign(vectors.begin() + static_cast<std::ptrdiff_t>(directions * d), vectors.end());
  }
  return transform;
}

void apply_transform(const EmbeddingTransform& transform, FloatMatrix rows, float* out, int threads,
                     const JobControl& job) {
  const int64_t d = transform.dims, columns = transform.out_dims;
  const int64_t blocks = (rows.rows + kRowBlock - 1) / kRowBlock;
  parallel_for(blocks, effective_threads(threads, blocks), [&](int64_t task, int) {
    job.check();
    std::vector<double> row(static_cast<size_t>(d));
    for (int64_t i = task * kRowBlock; i < std::min(rows.rows, (task + 1) * kRowBlock); ++i) {
      read_row(rows, i, transform.unit, transform.mean.data(), row.data());
      for (int64_t c = 0; c < columns; ++c) {
        double value = transform.projection.empty() ? row[static_cast<size_t>(c)] : 0;
        if (!transform.projection.empty()) {
          const double* direction = transform.projection.data() + c * d;
          for (int64_t j = 0; j < d; ++j) value += direction[j] * row[static_cast<size_t>(j)];
        }
        out[i * columns + c] = static_cast<float>(value);
      }
    }
  });
}

}  // namespace nearvote
