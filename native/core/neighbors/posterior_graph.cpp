#include "core/neighbors/posterior_graph.h"

#include <algorithm>
#include <utility>

#include "core/base/parallel.h"

namespace nearvote {
PosteriorGraph::PosteriorGraph(std::shared_ptr<const SmoothingLists> lists, std::vector<double> proba,
                               std::vector<int32_t> counts, std::vector<int32_t> labels, std::vector<double> balance,
                               const RunOptions& options)
    : lists_(std::move(lists)),
      classes_(static_cast<int64_t>(balance.size())),
      proba_(std::move(proba)),
      counts_(std::move(counts)),
      labels_(std::move(labels)),
      balance_(std::move(balance)) {
  for (int64_t row = 0; row < rows(); ++row)
    if (labels_[static_cast<size_t>(row)] >= 0) gold_.push_back(static_cast<int32_t>(row));
  sum_first(options);
  find_gold(options);
}

void PosteriorGraph::sum_first(const RunOptions& options) {
  const int64_t stride = kept() + 1;
  std::vector<double> counted(static_cast<size_t>(rows() * stride));  // 1 and the posterior of rows with votes, else 0
  first_.resize(static_cast<size_t>(rows() * (kept() + 2)));
  first_mean_.assign(static_cast<size_t>(classes_) + 1, 0.0);
  for (int64_t row = 0; row < rows(); ++row) {
    if (!votes(row)) continue;
    counted[static_cast<size_t>(row * stride)] = 1;
    std::copy_n(proba(row) + 1, kept(), counted.begin() + row * stride + 1);
    for (int64_t y = 0; y < classes_; ++y) first_mean_[static_cast<size_t>(y)] += proba(row)[y];
    first_mean_.back() += 1;
  }
  parallel_for(blocks(), effective_threads(options.threads, blocks()), [&](int64_t block, int) {
    options.job.check();
    const int64_t end = std::min(rows(), (block + 1) * kBlock);
    if (kept() == 1) {
      double sums[4 * 3];
      for (int64_t first = block * kBlock; first < end; first += 4) {
        sum_four_counted(*lists_, counted.data(), first, end, sums);
        std::copy_n(sums, 3 * std::min<int64_t>(4, end - first), first_.begin() + 3 * first);
      }
      return;
    }
    std::vector<double> sums(static_cast<size_t>(stride));
    for (int64_t row = block * kBlock; row < end; ++row) {
      double* to = first_.data() + row * (stride + 1);
      sum_row(*lists_, counted.data(), stride, row, sums.data());
      to[0] = sums[0];
      to[1] = 0;
      for (int64_t j = 0; j < lists_->k(); ++j) {
        const double weight = lists_->weights(row)[j] * counted[static_cast<size_t>(lists_->indices(row)[j] * stride)];
        to[1] += weight * weight;
      }
      std::copy_n(sums.begin() + 1, kept(), to + 2);
    }
  });
}

void PosteriorGraph::find_gold(const RunOptions& options) {
  block_entries_.assign(static_cast<size_t>(blocks()) + 1, 0);
  if (gold_.empty()) return;
  std::vector<std::vector<GoldEntry>> found(static_cast<size_t>(blocks()));
  parallel_for(blocks(), effective_threads(options.threads, blocks()), [&](int64_t block, int) {
    options.job.check();
    for (int64_t row = block * kBlock; row < std::min(rows(), (block + 1) * kBlock); ++row) {
      const int32_t* index = lists_->indices(row);
      for (int64_t j = 0; j < lists_->k(); ++j) {
        if (labels_[static_cast<size_t>(index[j])] < 0 || lists_->weights(row)[j] == 0) continue;
        const auto place = std::lower_bound(gold_.begin(), gold_.end(), index[j]) - gold_.begin();
        found[static_cast<size_t>(block)].push_back(
            {static_cast<int32_t>(row), static_cast<int32_t>(place), lists_->weights(row)[j]});
      }
    }
  });
  for (size_t block = 0; block < found.size(); ++block) {
    gold_entries_.insert(gold_entries_.end(), found[block].begin(), found[block].end());
    block_entries_[block + 1] = static_cast<int64_t>(gold_entries_.size());
  }
}

// Rounds under one setting, in double precision.
class PosteriorGraph::Rounds {
 public:
  Rounds(const PosteriorGraph& graph, const SmoothingSettings& settings, const HiddenGold& hidden,
         const RunOptions& options)
      : graph_(graph),
        options_(options),
        gold_weight_(settings.gold_weight),
        own_(own_factor(graph.proba_.data(), graph.counts_.data(), graph.balance_, settings.own_weight, graph.rows(),
                        options.threads)),
        label_(static_cast<size_t>(graph.rows()), -1),
        mean_(static_cast<size_t>(graph.classes_)),
        inverse_(mean_.size()),
        parts_(static_cast<size_t>(graph.blocks() * graph.kept())) {
    for (size_t place = 0; place < graph.gold_.size(); ++place) {
      const auto row = static_cast<size_t>(graph.gold_[place]);
      if (gold_weight_ > 0 && !hidden(static_cast<int64_t>(place))) label_[row] = graph.labels_[row];
    }
    first_mean();
  }

  // One round: states of the rows, the clamped ones with their labels. before: the states of the last one; null: the
  // first round. Takes the mean of the new states.
  void round(const double* before, double* after) {
    const int64_t kept = graph_.kept();
    for_rows(before, [&](int64_t row, const double* proba, double* part) {
      double* state = after + row * kept;
      std::copy_n(proba + 1, kept, state);
      if (const int32_t label = label_[static_cast<size_t>(row)]; label >= 0)
        for (int64_t y = 0; y < kept; ++y) state[y] = y + 1 == label ? 1 : 0;
      for (int64_t y = 0; y < kept; ++y) part[y] += state[y];
    });
    std::vector<double> sum(mean_.size(), 0.0);
    for (int64_t block = 0; block < graph_.blocks(); ++block)
      for (int64_t y = 0; y < kept; ++y)
        sum[static_cast<size_t>(y) + 1] += parts_[static_cast<size_t>(block * kept + y)];
    const auto rows = static_cast<double>(graph_.rows());
    sum[0] = rows;
    for (size_t y = 1; y < sum.size(); ++y) sum[0] -= sum[y];
    set_mean(sum, rows);
  }

  // The last round: n x K.
  void last(const double* before, double* proba) {
    for_rows(before, [&](int64_t row, const double* result, double*) {
      std::copy_n(result, graph_.classes_, proba + row * graph_.classes_);
    });
  }

  Beliefs beliefs(const std::vector<double>& states) const {
    const int64_t rows = graph_.rows(), classes = graph_.classes_, kept = graph_.kept();
    Beliefs out{std::vector<double>(static_cast<size_t>(rows * classes)), std::vector<double>(label_.size()), mean_};
    for (int64_t row = 0; row < rows; ++row) {
      const double* state = states.data() + row * kept;
      double* to = out.state.data() + row * classes;
      to[0] = 1;
      for (int64_t y = 0; y < kept; ++y) to[0] -= to[y + 1] = state[y];
      out.weight[static_cast<size_t>(row)] = label_[static_cast<size_t>(row)] < 0 ? 1 : gold_weight_;
    }
    return out;
  }

 private:
  void first_mean() {
    const std::vector<double>& base = graph_.first_mean_;
    std::vector<double> sum(base.begin(), base.end() - 1);
    double total = base.back();
    for (const int32_t row : graph_.gold_) {
      const int32_t label = label_[static_cast<size_t>(row)];
      if (label < 0) continue;
      const double counted = graph_.votes(row) ? 1 : 0;
      for (int64_t y = 0; y < graph_.classes_; ++y)
        sum[static_cast<size_t>(y)] += (y == label ? 1 : 0) - counted * graph_.proba(row)[y];
      total += 1 - counted;
    }
    set_mean(sum, total);
  }

  // One pseudo-row is spread over the classes so that none is impossible.
  void set_mean(const std::vector<double>& sum, double rows) {
    for (size_t y = 0; y < sum.size(); ++y) {
      mean_[y] = (1 / static_cast<double>(graph_.classes_) + std::max(sum[y], 0.0)) / (1 + rows);
      inverse_[y] = 1 / mean_[y];
    }
  }

  // Calls use(row, posterior, sums of the row's block) for all rows, each block's in order.
  template <class Use>
  void for_rows(const double* before, Use&& use) {
    const int64_t classes = graph_.classes_, kept = graph_.kept(), blocks = graph_.blocks();
    const SmoothingLists& lists = *graph_.lists_;
    parallel_for(blocks, effective_threads(options_.threads, blocks), [&](int64_t block, int) {
      options_.job.check();
      std::vector<double> sums(static_cast<size_t>(4 * kept)), proba(static_cast<size_t>(classes));
      std::vector<double> part(static_cast<size_t>(kept));
      const GoldEntry* entry = graph_.gold_entries_.data() + graph_.block_entries_[static_cast<size_t>(block)];
      const GoldEntry* entries_end =
          graph_.gold_entries_.data() + graph_.block_entries_[static_cast<size_t>(block) + 1];
      const int64_t end = std::min(graph_.rows(), (block + 1) * kBlock);
      for (int64_t first = block * kBlock; first < end; first += 4) {
        if (before != nullptr && kept == 1) sum_four(lists, before, first, end, sums.data());
        for (int64_t row = first; row < std::min(first + 4, end); ++row) {
          double* sum = sums.data() + (row - first) * kept;
          SmoothingLists::Sums all = lists.sums(row);
          if (before == nullptr) {
            const double* start = graph_.first(row);
            all = {start[0], start[1]};
            std::copy_n(start + 2, kept, sum);
          } else if (kept > 1) {
            sum_row(lists, before, kept, row, sum);
          }
          for (; entry < entries_end && entry->row == row; ++entry) add_gold(*entry, before == nullptr, all, sum);
          finish(row, all, sum, proba.data());
          use(row, proba.data(), part.data());
        }
      }
      std::copy(part.begin(), part.end(), parts_.begin() + block * kept);
    });
  }

  // What a clamped neighbour counts beyond its state at weight one (in the first round: beyond its votes).
  void add_gold(const GoldEntry& entry, bool first, SmoothingLists::Sums& all, double* sum) const {
    const int32_t row = graph_.gold_[static_cast<size_t>(entry.place)], label = label_[static_cast<size_t>(row)];
    if (label < 0) return;
    const double weight = entry.weight, counted = !first || graph_.votes(row) ? 1 : 0;
    all.weight += (gold_weight_ - counted) * weight;
    all.squares += (gold_weight_ * gold_weight_ - counted) * weight * weight;
    for (int64_t y = 0; y < graph_.kept(); ++y) {
      const double is = y + 1 == label ? 1 : 0;
      sum[y] += weight * (gold_weight_ * is - counted * (first ? graph_.proba(row)[y + 1] : is));
    }
  }

  // The posterior from the row's own evidence and its neighbours' sums (knn_posterior.h).
  void finish(int64_t row, const SmoothingLists::Sums& all, const double* sum, double* proba) const {
    const double* own = own_.data() + row * graph_.classes_;
    const double scale = all.squares > 0 ? all.weight / all.squares : 0;
    const double effective = scale * all.weight;
    double rest = effective, total = 0;
    for (int64_t y = 1; y < graph_.classes_; ++y) {
      const double said = scale * sum[y - 1], mean = mean_[static_cast<size_t>(y)];
      rest -= said;
      total += proba[y] = own[y] * (std::max(said, 0.0) + mean) * inverse_[static_cast<size_t>(y)];
    }
    total += proba[0] = own[0] * (std::max(rest, 0.0) + mean_[0]) * inverse_[0];
    for (int64_t y = 0; y < graph_.classes_; ++y) proba[y] /= total;
  }

  const PosteriorGraph& graph_;
  const RunOptions& options_;
  double gold_weight_;
  std::vector<double> own_;
  std::vector<int32_t> label_;   // n: of clamped rows, else -1
  std::vector<double> mean_;     // K: of the states before the next round
  std::vector<double> inverse_;  // K: 1 / mean
  std::vector<double> parts_;    // blocks x kept: sums of states
};

SmoothedRows PosteriorGraph::smooth(const SmoothingSettings& settings, const HiddenGold& hidden, int rounds,
                                    const RunOptions& options) const {
  Rounds run(*this, settings, hidden, options);
  std::vector<double> states(static_cast<size_t>(rows() * kept())), next(states.size());
  run.round(nullptr, states.data());
  for (int round = 1; round + 1 < rounds; ++round) {
    run.round(states.data(), next.data());
    states.swap(next);
    options.job.report(round, rounds);
  }
  SmoothedRows out{run.beliefs(states), std::vector<double>(static_cast<size_t>(rows() * classes_)), {}};
  run.last(states.data(), out.proba.data());
  for (int64_t row = 0; row < rows(); ++row) out.evidence.push_back(votes(row) || lists_->sums(row).weight > 0 ? 1 : 0);
  return out;
}

SmoothedRows PosteriorGraph::alone(const RunOptions& options) const {
  const auto n = static_cast<size_t>(rows());
  SmoothedRows out{{std::vector<double>(proba_.size()), std::vector<double>(n),
                    std::vector<double>(static_cast<size_t>(classes_), 1.0)},
                   own_factor(proba_.data(), counts_.data(), balance_, 1, rows(), options.threads),
                   {}};
  for (int64_t row = 0; row < rows(); ++row) {
    double *proba = out.proba.data() + row * classes_, total = 0;
    for (int64_t y = 0; y < classes_; ++y) total += proba[y];
    for (int64_t y = 0; y < classes_; ++y) proba[y] /= total;
    out.evidence.push_back(votes(row) ? 1 : 0);
  }
  return out;
}

}  // namespace nearvote
