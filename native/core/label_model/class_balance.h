// P(Y): given or uniform. Order: [-1, +1], or classes 1..K.
#pragma once

#include <vector>

namespace nearvote {

std::vector<double> uniform_balance(int classes);

// Divides by the sum. Throws InvalidArgument unless `values` holds one finite number >= 0 for each class, not all zero.
std::vector<double> checked_balance(const std::vector<double>& values, int classes);

}  // namespace nearvote
