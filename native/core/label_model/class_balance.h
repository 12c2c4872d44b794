// P(Y): given or uniform. Order: [-1, +1], or classes 1..K.
#pragma once

#include <vector>

namespace nearvote {

std::vector<double> uniform_balance(int classes);

// Logarithms, with -1e30 for an impossible class: finite, and beyond what any number of votes can outweigh.
std::vector<double> log_balance(const std::vector<double>& balance);

// Divides by the sum. Throws InvalidArgument unless `values` holds one finite number >= 0 for each class, not all zero.
std::vector<double> checked_balance(const std::vector<double>& values, int classes);

}  // namespace nearvote
