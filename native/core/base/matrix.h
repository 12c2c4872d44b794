// Row-major, non-owning matrix views. No bounds checks: callers validate shapes once, at the edge.
#pragma once

#include <cstdint>

namespace nearvote {

template <class T>
struct Matrix {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;

  T* row(int64_t i) const { return data + i * cols; }
  T& operator()(int64_t i, int64_t j) const { return data[i * cols + j]; }
  int64_t size() const { return rows * cols; }
};

using FloatMatrix = Matrix<const float>;
using VoteMatrix = Matrix<const int8_t>;

// n x d floats, `stride` floats apart.
struct Rows {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t dims = 0;
  int64_t stride = 0;

  const float* row(int64_t i) const { return data + i * stride; }
};

}  // namespace nearvote
