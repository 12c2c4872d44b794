// Rounds of smoothing under one setting, in double precision.
#include <utility>

#include "core/neighbors/posterior_graph.h"
#include "core/simd/dispatch.h"

namespace nearvote {
namespace {

constexpr int64_t kLanes = simd::kLanes;

}  // namespace

class PosteriorGraph::Rounds {
 public:
  Rounds(const PosteriorGraph& graph, const SmoothingSettings& settings, const HiddenGold& hidden,
         const RunOptions& options)
      : graph_(graph),
        options_(options),
        kernels_(simd::active_kernels().smoothing),
        gold_weight_(settings.gold_weight),
        known_(graph.gold_.size()),
        mean_(static_cast<size_t>(graph.classes_)),
        inverse_(mean_.size()),
        parts_(static_cast<size_t>(graph.blocks() * graph.kept())) {
    if (graph.in_panels()) {
      ratio_ = AlignedBuffer<double>(graph.padded_rows());
      std::fill(ratio_.data() + graph.rows(), ratio_.data() + ratio_.size(), 1.0);
      graph.own_ratios(settings.own_weight, options, ratio_.data());
    } else {
      own_ = own_factor(graph.proba_.data(), graph.counts_.data(), graph.balance_, settings.own_weight, graph.rows(),
                        options.threads);
    }
    for (size_t place = 0; place < known_.size(); ++place)
      known_[place] = gold_weight_ > 0 && !hidden(static_cast<int64_t>(place)) ? 1 : 0;
    first_mean();
  }

  // One round: states of the rows, the clamped ones with their labels. before: the states of the last one; null: the
  // first round. Takes the mean of the new states.
  void round(const double* before, double* after) {
    const int64_t kept = graph_.kept();
    graph_.for_blocks(options_, [&](int64_t begin, int64_t end, int64_t block) {
      double* part = parts_.data() + block * kept;
      std::fill_n(part, kept, 0.0);
      if (graph_.in_panels()) {
        double sums[kLanes] = {};
        in_panels(before, begin, end, block, [&](int64_t row, int64_t count, double* proba) {
          clamp(row, count, proba + kLanes);
          for (int64_t l = 0; l < count; ++l) sums[l] += after[row + l] = proba[kLanes + l];
        });
        for (const double sum : sums) *part += sum;
      } else {
        in_rows(before, begin, end, block, [&](int64_t row, const double* proba) {
          double* state = after + row * kept;
          std::copy_n(proba + 1, kept, state);
          clamp(row, 1, state);
          for (int64_t y = 0; y < kept; ++y) part[y] += state[y];
        });
      }
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
    const int64_t classes = graph_.classes_;
    graph_.for_blocks(options_, [&](int64_t begin, int64_t end, int64_t block) {
      if (graph_.in_panels())
        in_panels(before, begin, end, block, [&](int64_t row, int64_t count, const double* result) {
          for (int64_t l = 0; l < count; ++l) {
            proba[2 * (row + l)] = result[l];
            proba[2 * (row + l) + 1] = result[kLanes + l];
          }
        });
      else
        in_rows(before, begin, end, block,
                [&](int64_t row, const double* result) { std::copy_n(result, classes, proba + row * classes); });
    });
  }

  Beliefs beliefs(const double* states) const {
    const int64_t rows = graph_.rows(), classes = graph_.classes_, kept = graph_.kept();
    Beliefs out{std::vector<double>(static_cast<size_t>(rows * classes)),
                std::vector<double>(static_cast<size_t>(rows), 1.0), mean_};
    graph_.for_blocks(options_, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t row = begin; row < end; ++row) {
        const double* state = states + row * kept;
        double* to = out.state.data() + row * classes;
        to[0] = 1;
        for (int64_t y = 0; y < kept; ++y) to[0] -= to[y + 1] = state[y];
      }
    });
    for (size_t place = 0; place < known_.size(); ++place)
      if (known_[place] != 0) out.weight[static_cast<size_t>(graph_.gold_[place])] = gold_weight_;
    return out;
  }

 private:
  void first_mean() {
    const std::vector<double>& base = graph_.first_mean_;
    std::vector<double> sum(base.begin(), base.end() - 1);
    double total = base.back();
    for (size_t place = 0; place < known_.size(); ++place) {
      if (known_[place] == 0) continue;
      const int32_t row = graph_.gold_[place];
      const double counted = graph_.votes(row) ? 1 : 0;
      for (int64_t y = 0; y < graph_.classes_; ++y)
        sum[static_cast<size_t>(y)] +=
            (y == graph_.label(static_cast<int64_t>(place)) ? 1 : 0) - counted * graph_.proba(row)[y];
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

  // states: of the `count` rows from `row` on.
  void clamp(int64_t row, int64_t count, double* states) const {
    const int64_t kept = graph_.kept();
    if (known_.empty()) return;
    for (auto gold = graph_.gold_from(row); gold != graph_.gold_.end() && *gold < row + count; ++gold) {
      const auto place = static_cast<size_t>(gold - graph_.gold_.begin());
      for (int64_t y = 0; known_[place] != 0 && y < kept; ++y)
        states[(*gold - row) * kept + y] = y + 1 == graph_.label(static_cast<int64_t>(place)) ? 1 : 0;
    }
  }

  // Calls use(first row, rows, posteriors: kLanes of class 0, then of class 1) for the panels of a block.
  template <class Use>
  void in_panels(const double* before, int64_t begin, int64_t end, int64_t block, Use&& use) const {
    const SmoothingLists& lists = *graph_.lists_;
    const GoldEntry* entry = graph_.block_entries(block);
    const GoldEntry* entries_end = graph_.block_entries(block + 1);
    double sums[3 * kLanes], proba[2 * kLanes];
    for (int64_t row = begin; row < end; row += kLanes) {
      const int64_t panel = row / kLanes;
      const double* of_panel = sums;
      if (before != nullptr) {
        kernels_.sums(lists.indices(panel), lists.weights(panel), lists.k(), before, sums + 2 * kLanes);
        std::copy_n(lists.sums(panel), 2 * kLanes, sums);
      } else if (entry < entries_end && entry->row < row + kLanes) {
        std::copy_n(graph_.first(row), 3 * kLanes, sums);
      } else {
        of_panel = graph_.first(row);
      }
      for (; entry < entries_end && entry->row < row + kLanes; ++entry) {
        double* lane = sums + (entry->row - row);
        add_gold(*entry, before == nullptr, lane[0], lane[kLanes], lane + 2 * kLanes);
      }
      kernels_.two_classes(of_panel, ratio_.data() + row, mean_.data(), inverse_.data(), proba);
      use(row, std::min(kLanes, end - row), proba);
    }
  }

  // Calls use(row, posterior) for the rows of a block.
  template <class Use>
  void in_rows(const double* before, int64_t begin, int64_t end, int64_t block, Use&& use) const {
    const SmoothingLists& lists = *graph_.lists_;
    const int64_t kept = graph_.kept(), width = kept + 2;
    const GoldEntry* entry = graph_.block_entries(block);
    const GoldEntry* entries_end = graph_.block_entries(block + 1);
    std::vector<double> sums(static_cast<size_t>(kLanes * width)), proba(static_cast<size_t>(graph_.classes_));
    for (int64_t first = begin; first < end; first += kLanes) {
      const int64_t last = std::min(end, first + kLanes);
      double* sum = sums.data();
      for (int64_t row = first; row < last; ++row, sum += width) {
        if (before == nullptr) {
          std::copy_n(graph_.first(row), width, sum);
          continue;
        }
        sum[0] = lists.row_weight(row);
        sum[1] = lists.row_squares(row);
        sum_row(lists, before, kept, row, sum + 2);
      }
      for (; entry < entries_end && entry->row < last; ++entry) {
        sum = sums.data() + (entry->row - first) * width;
        add_gold(*entry, before == nullptr, sum[0], sum[1], sum + 2);
      }
      sum = sums.data();
      for (int64_t row = first; row < last; ++row, sum += width) {
        finish(row, sum[0], sum[1], sum + 2, proba.data());
        use(row, proba.data());
      }
    }
  }

  // What a clamped neighbour counts beyond its state at weight one (in the first round: beyond its votes).
  void add_gold(const GoldEntry& entry, bool first, double& weights, double& squares, double* sum) const {
    const auto place = static_cast<size_t>(entry.place);
    if (known_[place] == 0) return;
    const int32_t row = graph_.gold_[place];
    const double weight = entry.weight, counted = !first || graph_.votes(row) ? 1 : 0;
    weights += (gold_weight_ - counted) * weight;
    squares += (gold_weight_ * gold_weight_ - counted) * weight * weight;
    for (int64_t y = 0; y < graph_.kept(); ++y) {
      const double is = y + 1 == graph_.label(static_cast<int64_t>(place)) ? 1 : 0;
      sum[y] += weight * (gold_weight_ * is - counted * (first ? graph_.proba(row)[y + 1] : is));
    }
  }

  // The posterior from the row's own evidence and its neighbours' sums (knn_posterior.h).
  void finish(int64_t row, double weight, double squares, const double* sum, double* proba) const {
    const double* own = own_.data() + row * graph_.classes_;
    const double scale = squares > 0 ? weight / squares : 0;
    double rest = scale * weight, total = 0;
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
  const simd::SmoothingKernels& kernels_;
  double gold_weight_;
  std::vector<uint8_t> known_;   // per gold row: 1 where it is clamped
  std::vector<double> own_;      // n x K; empty of two classes
  AlignedBuffer<double> ratio_;  // of two classes: padded rows
  std::vector<double> mean_;     // K: of the states before the next round
  std::vector<double> inverse_;  // K: 1 / mean
  std::vector<double> parts_;    // blocks x kept: sums of states
};

SmoothedRows PosteriorGraph::smooth(const SmoothingSettings& settings, const HiddenGold& hidden, int rounds,
                                    const RunOptions& options) const {
  Rounds run(*this, settings, hidden, options);
  AlignedBuffer<double> states(rows() * kept()), next(states.size());
  run.round(nullptr, states.data());
  for (int round = 1; round + 1 < rounds; ++round) {
    run.round(states.data(), next.data());
    std::swap(states, next);
    options.job.report(round, rounds);
  }
  SmoothedRows out{run.beliefs(states.data()), std::vector<double>(static_cast<size_t>(rows() * classes_)),
                   std::vector<uint8_t>(static_cast<size_t>(rows()))};
  run.last(states.data(), out.proba.data());
  for_blocks(options, [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t row = begin; row < end; ++row)
      out.evidence[static_cast<size_t>(row)] = votes(row) || lists_->row_weight(row) > 0 ? 1 : 0;
  });
  return out;
}

}  // namespace nearvote
