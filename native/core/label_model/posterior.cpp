#include "core/label_model/posterior.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kBlock = 256;     // rows whose sums are held at once
constexpr int64_t kTask = 1 << 11;  // rows a thread takes

// The model's weights addressed by the vote itself: row (lf, vote - low) holds K numbers, and abstaining adds nothing
// (multiplies by one) because its weight went into `start`.
class Table {
 public:
  explicit Table(const LabelModel& model)
      : model_(model), classes_(model.domain.classes), low_(model.domain.signed_votes ? -1 : 0), start_(model.start) {
    const bool bayes = model.combine == Combine::bayes;
    weights_.resize(static_cast<size_t>(model.lfs * (classes_ + 1) * classes_));
    for (int64_t i = 0; i < model.lfs; ++i) {
      for (int y = 0; y < classes_; ++y) {
        const double abstain = bayes ? model.weight(i, 0, y) : 0.0;
        if (bayes) start_[static_cast<size_t>(y)] += abstain;
        for (int outcome = 0; outcome <= classes_; ++outcome) {
          const int8_t vote = model.domain.vote_of(outcome - 1);
          row_of(i, vote)[y] = model.weight(i, outcome, y) - abstain;
        }
      }
    }
    if (classes_ == 2) {
      odds_.resize(static_cast<size_t>(model.lfs) * 4);
      for (int64_t i = 0; i < model.lfs; ++i) {
        for (int slot = 0; slot < 3; ++slot) {
          const double* row = row_of(i, static_cast<int8_t>(slot + low_));
          odds_[static_cast<size_t>(i * 4 + slot)] = row[1] - row[0];
        }
      }
    }
  }

  bool sums_odds() const { return model_.combine == Combine::bayes && classes_ == 2; }

  // P(Y = y | votes) for `count` <= kBlock rows into out: count x K.
  void block(const int8_t* votes, int64_t count, double* out) const {
    switch (model_.combine) {
      case Combine::bayes:
        return sums_odds() ? odds(votes, count, out) : logs(votes, count, out);
      case Combine::shares:
        return shares(votes, count, out);
      case Combine::product:
        return products(votes, count, out);
    }
  }

  // Of rows first .. first + count of columns. by_row: scratch of count x lfs.
  void block(const int8_t* const* columns, int64_t first, int64_t count, int8_t* by_row, double* out) const {
    if (sums_odds()) return column_odds(columns, first, count, out);
    const int64_t lfs = model_.lfs;
    for (int64_t i = 0; i < lfs; ++i)
      for (int64_t r = 0; r < count; ++r) by_row[r * lfs + i] = columns[i][first + r];
    block(by_row, count, out);
  }

 private:
  double* row_of(int64_t lf, int8_t vote) { return weights_.data() + (lf * (classes_ + 1) + (vote - low_)) * classes_; }
  const double* row_of(int64_t lf, int8_t vote) const { return const_cast<Table*>(this)->row_of(lf, vote); }

  // Two classes: one sum of log-odds a row. Four rows at a time hide the latency of the additions.
  void odds(const int8_t* votes, int64_t count, double* out) const {
    const int64_t lfs = model_.lfs;
    const double first = start_[1] - start_[0];
    const double* table = odds_.data() - low_;
    for (int64_t r = 0; r < count; r += 4) {
      const int64_t live = std::min<int64_t>(4, count - r);
      const int8_t* row[4];
      double sum[4];
      for (int64_t s = 0; s < 4; ++s) {
        row[s] = votes + (r + std::min(s, live - 1)) * lfs;
        sum[s] = first;
      }
      for (int64_t i = 0; i < lfs; ++i)
        for (int s = 0; s < 4; ++s) sum[s] += table[i * 4 + row[s][i]];
      for (int64_t s = 0; s < live; ++s) from_odds(sum[s], out + (r + s) * 2);
    }
  }

  // The same of columns: four of them at a time spare reading and writing the sums.
  void column_odds(const int8_t* const* columns, int64_t first, int64_t count, double* out) const {
    double sums[kBlock];
    std::fill_n(sums, count, start_[1] - start_[0]);
    const int64_t lfs = model_.lfs;
    const double* table = odds_.data() - low_;
    int64_t i = 0;
    for (; i + 4 <= lfs; i += 4, table += 16) {
      const int8_t *a = columns[i] + first, *b = columns[i + 1] + first, *c = columns[i + 2] + first,
                   *d = columns[i + 3] + first;
      for (int64_t r = 0; r < count; ++r)
        sums[r] = (((sums[r] + table[a[r]]) + table[4 + b[r]]) + table[8 + c[r]]) + table[12 + d[r]];
    }
    for (; i < lfs; ++i, table += 4)
      for (int64_t r = 0; r < count; ++r) sums[r] += table[columns[i][first + r]];
    for (int64_t r = 0; r < count; ++r) from_odds(sums[r], out + r * 2);
  }

  // From exp(-|log-odds|), so that the smaller probability keeps its digits.
  static void from_odds(double sum, double* out) {
    const double ratio = std::exp(-std::fabs(sum));
    const double larger = 1 / (1 + ratio), smaller = ratio / (1 + ratio);
    out[0] = sum > 0 ? smaller : larger;
    out[1] = sum > 0 ? larger : smaller;
  }

  void logs(const int8_t* votes, int64_t count, double* out) const {
    for (int64_t r = 0; r < count; ++r) {
      double* p = out + r * classes_;
      add_row(votes + r * model_.lfs, p);
      const double top = *std::max_element(p, p + classes_);
      double sum = 0;
      for (int y = 0; y < classes_; ++y) sum += p[y] = std::exp(p[y] - top);
      for (int y = 0; y < classes_; ++y) p[y] /= sum;
    }
  }

  void add_row(const int8_t* row, double* p) const {
    std::copy_n(start_.data(), classes_, p);
    for (int64_t i = 0; i < model_.lfs; ++i) {
      if (row[i] == 0) continue;
      const double* w = row_of(i, row[i]);
      for (int y = 0; y < classes_; ++y) p[y] += w[y];
    }
  }

  void shares(const int8_t* votes, int64_t count, double* out) const {
    for (int64_t r = 0; r < count; ++r) {
      double* p = out + r * classes_;
      std::fill_n(p, classes_, 0.0);
      const int8_t* row = votes + r * model_.lfs;
      double total = 0;
      for (int64_t i = 0; i < model_.lfs; ++i) {
        if (row[i] == 0) continue;
        const double* w = row_of(i, row[i]);
        for (int y = 0; y < classes_; ++y) p[y] += w[y];
        total += 1;
      }
      for (int y = 0; y < classes_; ++y) p[y] = total > 0 ? p[y] / total : start_[static_cast<size_t>(y)];
    }
  }

  void products(const int8_t* votes, int64_t count, double* out) const {
    for (int64_t r = 0; r < count; ++r) {
      double* p = out + r * classes_;
      std::copy_n(start_.data(), classes_, p);
      const int8_t* row = votes + r * model_.lfs;
      for (int64_t i = 0; i < model_.lfs; ++i) {
        const double* w = row_of(i, row[i]);
        for (int y = 0; y < classes_; ++y) p[y] *= w[y];
      }
      double sum = 0;
      for (int y = 0; y < classes_; ++y) sum += p[y];
      for (int y = 0; y < classes_; ++y) p[y] = sum == 0 ? 1.0 / classes_ : p[y] / sum;
    }
  }

  const LabelModel& model_;
  int classes_;
  int low_;
  std::vector<double> start_;
  std::vector<double> weights_;
  std::vector<double> odds_;  // two classes: m x 4, log-odds of class 1 by vote - low
};

// Calls body(first row, count, P: room for count x K, thread) for blocks of rows.
template <class Body>
void for_row_blocks(const LabelModel& model, int64_t rows, int threads, const JobControl& job, Body&& body) {
  const int64_t tasks = (rows + kTask - 1) / kTask;
  const int team = effective_threads(threads, tasks);
  std::vector<double> scratch(static_cast<size_t>(team * kBlock * model.domain.classes));
  parallel_for(tasks, team, [&](int64_t task, int thread) {
    job.check();
    double* p = scratch.data() + thread * kBlock * model.domain.classes;
    const int64_t end = std::min((task + 1) * kTask, rows);
    for (int64_t row = task * kTask; row < end; row += kBlock) body(row, std::min(kBlock, end - row), p, thread);
  });
}

// Calls use(first row, count, P) for blocks of rows, P: count x K.
template <class Use>
void for_blocks(const LabelModel& model, VoteMatrix votes, int threads, const JobControl& job, Use&& use) {
  const Table table(model);
  for_row_blocks(model, votes.rows, threads, job, [&](int64_t row, int64_t count, double* p, int) {
    table.block(votes.row(row), count, p);
    use(row, count, p);
  });
}

// Bytes hold counts of 255 columns, and are counted up many at a time.
void count_voters(const std::vector<const int8_t*>& columns, int64_t first, int64_t count, int32_t* voters) {
  std::fill_n(voters, count, 0);
  for (size_t begin = 0; begin < columns.size(); begin += 255) {
    uint8_t few[kBlock] = {};
    for (size_t i = begin; i < std::min(columns.size(), begin + 255); ++i) {
      const int8_t* votes = columns[i] + first;
      for (int64_t r = 0; r < count; ++r) few[r] = static_cast<uint8_t>(few[r] + (votes[r] != 0));
    }
    for (int64_t r = 0; r < count; ++r) voters[r] += few[r];
  }
}

// Among the classes that tie for the largest p, the one with the larger balance; -1 if that ties too.
int winner_by_prior(const double* p, const std::vector<double>& balance) {
  const double top = *std::max_element(p, p + balance.size());
  std::vector<double> tied(balance.size(), -1.0);
  for (size_t y = 0; y < balance.size(); ++y) {
    if (top - p[y] <= 1e-9) tied[y] = balance[y];
  }
  return decided_class(tied.data(), static_cast<int>(tied.size()));
}

}  // namespace

int decided_class(const double* p, int classes) {
  const int best = static_cast<int>(std::max_element(p, p + classes) - p);
  for (int y = 0; y < classes; ++y) {
    if (y != best && p[best] - p[y] <= 1e-9) return -1;
  }
  return best;
}

int64_t proba_columns(const LabelModel& model) { return model.domain.signed_votes ? 1 : model.domain.classes; }

void predict_proba(const LabelModel& model, VoteMatrix votes, double* out, int threads, const JobControl& job) {
  const int64_t columns = proba_columns(model);
  for_blocks(model, votes, threads, job, [&](int64_t row, int64_t count, const double* p) {
    if (columns > 1) {
      std::copy_n(p, count * columns, out + row * columns);
    } else {
      for (int64_t r = 0; r < count; ++r) out[row + r] = p[2 * r + 1];
    }
  });
}

void predict(const LabelModel& model, VoteMatrix votes, Undecided ties, Undecided uncovered, int8_t* out, int threads,
             const JobControl& job) {
  const int classes = model.domain.classes;
  const int prior = decided_class(model.class_balance.data(), classes);
  for_blocks(model, votes, threads, job, [&](int64_t row, int64_t count, const double* p) {
    for (int64_t r = 0; r < count; ++r) {
      const int8_t* votes_of_row = votes.row(row + r);
      const bool covered = std::any_of(votes_of_row, votes_of_row + votes.cols, [](int8_t vote) { return vote != 0; });
      int label = decided_class(p + r * classes, classes);
      if (!covered) {
        label = uncovered == Undecided::prior ? prior : -1;
      } else if (label < 0 && ties == Undecided::prior) {
        label = winner_by_prior(p + r * classes, model.class_balance);
      }
      out[row + r] = model.domain.vote_of(label);
    }
  });
}

void for_posteriors(const LabelModel& model, const std::vector<const int8_t*>& columns, int64_t rows, int threads,
                    const JobControl& job, const std::function<void(const PosteriorBlock&)>& use) {
  const Table table(model);
  const int64_t scratch = table.sums_odds() ? 0 : kBlock * model.lfs;
  const int team = effective_threads(threads, (rows + kTask - 1) / kTask);
  std::vector<int8_t> by_row(static_cast<size_t>(team * scratch));
  for_row_blocks(model, rows, team, job, [&](int64_t row, int64_t count, double* p, int thread) {
    int32_t voters[kBlock];
    table.block(columns.data(), row, count, by_row.data() + thread * scratch, p);
    count_voters(columns, row, count, voters);
    use({row, count, p, voters});
  });
}

}  // namespace nearvote
