// P(u | Y = y) - P(u) sums to zero over y when weighed by P(y). So g_y = sqrt(P(y)) (P(u | y) - P(u)) / sd(u) has only
// K - 1 directions: those orthogonal to sqrt(P(y)). This is an orthonormal basis of them (a Householder reflection).
#pragma once

#include <cstddef>
#include <vector>

namespace nearvote {

class ClassDirections {
 public:
  explicit ClassDirections(const std::vector<double>& balance);

  int rank() const { return rank_; }  // K - 1

  // g: K numbers by class; directions: K - 1.
  void from_classes(const double* g, double* directions) const {
    for (int k = 0; k < rank_; ++k) {
      directions[k] = 0;
      for (int y = 0; y <= rank_; ++y) directions[k] += basis_[static_cast<size_t>(y * rank_ + k)] * g[y];
    }
  }
  void to_classes(const double* directions, double* g) const {
    for (int y = 0; y <= rank_; ++y) {
      g[y] = 0;
      for (int k = 0; k < rank_; ++k) g[y] += basis_[static_cast<size_t>(y * rank_ + k)] * directions[k];
    }
  }

 private:
  int rank_;
  std::vector<double> basis_;  // K x (K - 1)
};

}  // namespace nearvote
