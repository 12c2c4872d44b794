#include "core/label_model/class_balance.h"

#include <cmath>
#include <string>

#include "core/base/error.h"

namespace nearvote {

std::vector<double> uniform_balance(int classes) {
  return std::vector<double>(static_cast<size_t>(classes), 1.0 / classes);
}

std::vector<double> log_balance(const std::vector<double>& balance) {
  std::vector<double> logs;
  for (const double p : balance) logs.push_back(p > 0 ? std::log(p) : -1e30);
  return logs;
}

std::vector<double> checked_balance(const std::vector<double>& values, int classes) {
  if (static_cast<int>(values.size()) != classes) {
    throw expected(std::to_string(classes) + " numbers, one for each class", "classBalance",
                   std::to_string(values.size()));
  }
  double sum = 0;
  for (const double value : values) {
    if (!std::isfinite(value) || value < 0)
      throw expected("finite numbers >= 0", "classBalance", std::to_string(value));
    sum += value;
  }
  if (sum <= 0 || !std::isfinite(sum)) throw expected("a positive, finite sum", "classBalance", std::to_string(sum));
  std::vector<double> balance = values;
  for (double& value : balance) value /= sum;
  return balance;
}

}  // namespace nearvote
