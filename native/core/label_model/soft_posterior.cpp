#include "core/label_model/soft_posterior.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kTask = 1 << 10;

bool soft(const float* shares, int64_t classes) {
  return std::any_of(shares, shares + classes, [](float share) { return share > 0; });
}

// Adds (bayes, shares) or multiplies in (product) the weights of one outcome, `times` of it.
void add(const LabelModel& model, int64_t lf, int outcome, double times, double* row) {
  for (int y = 0; y < model.domain.classes; ++y) {
    const double weight = model.weight(lf, outcome, y);
    if (model.combine == Combine::product)
      row[y] *= times == 1 ? weight : std::pow(weight, times);
    else
      row[y] += times * weight;
  }
}

void normalise(const LabelModel& model, double voted, double* row) {
  const int classes = model.domain.classes;
  if (model.combine == Combine::shares && voted == 0) std::copy_n(model.start.data(), classes, row);
  if (model.combine == Combine::bayes) {
    const double top = *std::max_element(row, row + classes);
    for (int y = 0; y < classes; ++y) row[y] = std::exp(row[y] - top);
  }
  double sum = 0;
  for (int y = 0; y < classes; ++y) sum += row[y];
  for (int y = 0; y < classes; ++y) row[y] = sum == 0 ? 1.0 / classes : row[y] / sum;
}

}  // namespace

void predict_soft(const LabelModel& model, VoteMatrix votes, const float* shares, double* out, int threads,
                  const JobControl& job) {
  const int64_t classes = model.domain.classes, tasks = (votes.rows + kTask - 1) / kTask;
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    job.check();
    for (int64_t i = task * kTask; i < std::min(votes.rows, (task + 1) * kTask); ++i) {
      const float* of_row = shares + i * votes.cols * classes;
      double* row = out + i * classes;
      if (model.combine == Combine::shares)
        std::fill_n(row, classes, 0.0);
      else
        std::copy_n(model.start.data(), classes, row);
      int64_t soft_votes = 0;
      for (int64_t j = 0; j < votes.cols; ++j) soft_votes += soft(of_row + j * classes, classes);
      const double each = 1 / static_cast<double>(std::max<int64_t>(1, soft_votes));
      double voted = static_cast<double>(soft_votes);
      for (int64_t j = 0; j < votes.cols; ++j) {
        const float* share = of_row + j * classes;
        if (!soft(share, classes)) {
          add(model, j, model.domain.class_of(votes(i, j)) + 1, 1, row);
          voted += votes(i, j) != 0;
          continue;
        }
        for (int c = 0; c < classes; ++c) {
          if (share[c] > 0) add(model, j, c + 1, each * share[c], row);
        }
        if (each < 1 && model.combine != Combine::shares) add(model, j, 0, 1 - each, row);
      }
      normalise(model, voted, row);
    }
  });
}

}  // namespace nearvote
