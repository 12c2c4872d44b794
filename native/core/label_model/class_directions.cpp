#include "core/label_model/class_directions.h"

#include <cmath>

namespace nearvote {

ClassDirections::ClassDirections(const std::vector<double>& balance) : rank_(static_cast<int>(balance.size()) - 1) {
  std::vector<double> axis;
  for (const double p : balance) axis.push_back(std::sqrt(p));
  axis.back() += 1;  // the reflection takes the last axis to minus sqrt(balance)
  double norm = 0;
  for (const double a : axis) norm += a * a;
  for (int y = 0; y <= rank_; ++y)
    for (int k = 0; k < rank_; ++k) {
      basis_.push_back((y == k ? 1.0 : 0.0) - 2 * axis[static_cast<size_t>(y)] * axis[static_cast<size_t>(k)] / norm);
    }
}

}  // namespace nearvote
