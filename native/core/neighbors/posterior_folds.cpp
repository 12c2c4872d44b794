// Cross-validation of smoothing: settings and folds are lanes that share every list entry read. A row's states of all
// lanes lie side by side, kept classes first, then lanes; a neighbour is then a few cache lines.
#include <algorithm>
#include <cmath>

#include "core/base/aligned.h"
#include "core/base/parallel.h"
#include "core/neighbors/posterior_graph.h"

namespace nearvote {
namespace {

constexpr int64_t kWidth = 16;                 // floats that are added side by side: a cache line
constexpr int64_t kStates = int64_t{1} << 23;  // floats of states held at once
constexpr int64_t kMostLanes = 32;

struct Lane {
  size_t setting;
  HiddenGold hidden;
};

// Sums over a row's neighbours of states with a stride of `width` floats, a multiple of kWidth.
void sum_lanes(const SmoothingLists& lists, const float* states, int64_t width, int64_t row, float* sums) {
  const int32_t* index = lists.indices(row);
  const float* weight = lists.weights(row);
  for (int64_t part = 0; part < width; part += kWidth) {
    float sum[kWidth] = {};
    for (int64_t j = 0; j < lists.k(); ++j) {
      const float* state = states + index[j] * width + part;
      for (int64_t l = 0; l < kWidth; ++l) sum[l] += weight[j] * state[l];
    }
    std::copy_n(sum, kWidth, sums + part);
  }
}

}  // namespace

class PosteriorGraph::Folds {
 public:
  Folds(const PosteriorGraph& graph, const std::vector<SmoothingSettings>& settings, std::vector<Lane> lanes,
        const RunOptions& options)
      : graph_(graph),
        options_(options),
        lanes_(std::move(lanes)),
        count_(static_cast<int64_t>(lanes_.size())),
        width_((graph.kept() * count_ + kWidth - 1) / kWidth * kWidth),
        states_(graph.rows() * width_),
        next_(graph.rows() * width_),
        mean_(static_cast<size_t>(graph.classes_ * count_)),
        inverse_(mean_.size()),
        parts_(static_cast<size_t>(graph.blocks() * width_)) {
    for (const Lane& lane : lanes_) {
      const auto weight = static_cast<float>(settings[lane.setting].gold_weight);
      gold_weight_.push_back(weight);
      own_.push_back(own_of(settings[lane.setting].own_weight));
      for (size_t place = 0; place < graph.gold_.size(); ++place)
        clamped_.push_back(weight > 0 && !lane.hidden(static_cast<int64_t>(place)) ? 1 : 0);
    }
  }

  // out: settings x gold rows x K.
  void run(int rounds, double* out) {
    first_mean();
    round(nullptr);
    for (int done = 1; done + 1 < rounds; ++done) {
      std::swap(states_, next_);
      round(states_.data());
    }
    Scratch scratch(*this);
    for (size_t place = 0; place < graph_.gold_.size(); ++place) {
      const int64_t row = graph_.gold_[place], classes = graph_.classes_;
      const auto& entries = graph_.gold_entries_;
      const GoldEntry* entry = std::lower_bound(entries.data(), entries.data() + entries.size(), row,
                                                [](const GoldEntry& e, int64_t wanted) { return e.row < wanted; });
      sum_lanes(*graph_.lists_, next_.data(), width_, row, scratch.sums.data());
      posterior(row, next_.data(), entry, scratch);
      for (int64_t l = 0; l < count_; ++l) {
        const Lane& lane = lanes_[static_cast<size_t>(l)];
        if (lane.hidden.fold >= 0 && !lane.hidden(static_cast<int64_t>(place))) continue;
        double* to = out + (lane.setting * graph_.gold_.size() + place) * static_cast<size_t>(classes);
        for (int64_t y = 0; y < classes; ++y) to[y] = scratch.proba[static_cast<size_t>(y * count_ + l)];
      }
    }
  }

 private:
  struct Scratch {
    explicit Scratch(const Folds& folds)
        : sums(static_cast<size_t>(folds.width_)),
          part(sums.size()),
          proba(folds.mean_.size()),
          weight(folds.lanes_.size()),
          squares(weight.size()),
          scale(weight.size()),
          rest(weight.size()),
          total(weight.size()) {}

    std::vector<float> sums;                                 // width
    std::vector<float> part;                                 // width: sums of a block's states
    std::vector<float> proba;                                // K x lanes
    std::vector<float> weight, squares, scale, rest, total;  // lanes
  };

  // Own factors of all rows as floats, the largest of a row 1; one for all lanes with the same weight.
  const std::vector<float>* own_of(double own_weight) {
    for (const auto& known : factors_)
      if (known.own_weight == own_weight) return known.values.get();
    const std::vector<double> factor = own_factor(graph_.proba_.data(), graph_.counts_.data(), graph_.balance_,
                                                  own_weight, graph_.rows(), options_.threads);
    auto values = std::make_unique<std::vector<float>>(factor.size());
    const auto classes = static_cast<size_t>(graph_.classes_);
    for (size_t at = 0; at < factor.size(); at += classes) {
      const double most = *std::max_element(factor.begin() + static_cast<std::ptrdiff_t>(at),
                                            factor.begin() + static_cast<std::ptrdiff_t>(at + classes));
      for (size_t y = 0; y < classes; ++y) (*values)[at + y] = static_cast<float>(factor[at + y] / most);
    }
    factors_.push_back({own_weight, std::move(values)});
    return factors_.back().values.get();
  }

  bool clamped(int64_t lane, int64_t place) const {
    return clamped_[static_cast<size_t>(lane) * graph_.gold_.size() + static_cast<size_t>(place)] != 0;
  }

  void first_mean() {
    const std::vector<double>& base = graph_.first_mean_;
    std::vector<double> sum(base.size() - 1);
    for (int64_t l = 0; l < count_; ++l) {
      std::copy_n(base.begin(), sum.size(), sum.begin());
      double total = base.back();
      for (size_t place = 0; place < graph_.gold_.size(); ++place) {
        if (!clamped(l, static_cast<int64_t>(place))) continue;
        const int64_t row = graph_.gold_[place];
        const double counted = graph_.votes(row) ? 1 : 0;
        for (size_t y = 0; y < sum.size(); ++y)
          sum[y] += (static_cast<int32_t>(y) == graph_.labels_[static_cast<size_t>(row)] ? 1 : 0) -
                    counted * graph_.proba(row)[y];
        total += 1 - counted;
      }
      set_mean(l, sum, total);
    }
  }

  void set_mean(int64_t lane, const std::vector<double>& sum, double rows) {
    for (int64_t y = 0; y < graph_.classes_; ++y) {
      const double pseudo = 1 / static_cast<double>(graph_.classes_);
      const double mean = (pseudo + std::max(sum[static_cast<size_t>(y)], 0.0)) / (1 + rows);
      mean_[static_cast<size_t>(y * count_ + lane)] = static_cast<float>(mean);
      inverse_[static_cast<size_t>(y * count_ + lane)] = static_cast<float>(1 / mean);
    }
  }

  // From `before` (null: the first round) into next_, and the mean of that.
  void round(const float* before) {
    const int64_t blocks = graph_.blocks(), kept = graph_.kept();
    parallel_for(blocks, effective_threads(options_.threads, blocks), [&](int64_t block, int) {
      options_.job.check();
      Scratch scratch(*this);
      const GoldEntry* entry = graph_.gold_entries_.data() + graph_.block_entries_[static_cast<size_t>(block)];
      const GoldEntry* entries_end =
          graph_.gold_entries_.data() + graph_.block_entries_[static_cast<size_t>(block) + 1];
      auto gold = std::lower_bound(graph_.gold_.begin(), graph_.gold_.end(), block * kBlock);
      for (int64_t row = block * kBlock; row < std::min(graph_.rows(), (block + 1) * kBlock); ++row) {
        if (before != nullptr) sum_lanes(*graph_.lists_, before, width_, row, scratch.sums.data());
        posterior(row, before, entry, scratch);
        while (entry < entries_end && entry->row == row) ++entry;
        float* state = next_.data() + row * width_;
        std::copy(scratch.proba.begin() + count_, scratch.proba.end(), state);
        std::fill(state + kept * count_, state + width_, 0.0f);
        if (gold != graph_.gold_.end() && *gold == row) clamp(gold++ - graph_.gold_.begin(), state);
        for (int64_t at = 0; at < kept * count_; ++at) scratch.part[static_cast<size_t>(at)] += state[at];
      }
      std::copy(scratch.part.begin(), scratch.part.end(), parts_.begin() + block * width_);
    });
    std::vector<double> sum(static_cast<size_t>(graph_.classes_));
    for (int64_t l = 0; l < count_; ++l) {
      const auto rows = static_cast<double>(graph_.rows());
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t block = 0; block < blocks; ++block)
        for (int64_t y = 0; y < kept; ++y)
          sum[static_cast<size_t>(y) + 1] += parts_[static_cast<size_t>(block * width_ + y * count_ + l)];
      sum[0] = rows;
      for (int64_t y = 1; y <= kept; ++y) sum[0] -= sum[static_cast<size_t>(y)];
      set_mean(l, sum, rows);
    }
  }

  void clamp(int64_t place, float* state) const {
    const int32_t label = graph_.labels_[static_cast<size_t>(graph_.gold_[static_cast<size_t>(place)])];
    for (int64_t l = 0; l < count_; ++l)
      for (int64_t y = 0; y < graph_.kept() && clamped(l, place); ++y) state[y * count_ + l] = y + 1 == label ? 1 : 0;
  }

  // Into scratch.proba, from scratch.sums (not in the first round). entry: the first of the row's, if it has any.
  void posterior(int64_t row, const float* before, const GoldEntry* entry, Scratch& scratch) const {
    const int64_t kept = graph_.kept();
    const double* first = graph_.first(row);
    if (before == nullptr)
      for (int64_t y = 0; y < kept; ++y)
        std::fill_n(scratch.sums.begin() + y * count_, count_, static_cast<float>(first[2 + y]));
    const SmoothingLists::Sums all =
        before == nullptr ? SmoothingLists::Sums{first[0], first[1]} : graph_.lists_->sums(row);
    std::fill(scratch.weight.begin(), scratch.weight.end(), static_cast<float>(all.weight));
    std::fill(scratch.squares.begin(), scratch.squares.end(), static_cast<float>(all.squares));
    const GoldEntry* end = graph_.gold_entries_.data() + graph_.gold_entries_.size();
    for (; entry < end && entry->row == row; ++entry) add_gold(*entry, before == nullptr, scratch);
    for (int64_t l = 0; l < count_; ++l) {
      const auto at = static_cast<size_t>(l);
      scratch.scale[at] = scratch.squares[at] > 0 ? scratch.weight[at] / scratch.squares[at] : 0;
      scratch.rest[at] = scratch.scale[at] * scratch.weight[at];
      scratch.total[at] = 0;
    }
    for (int64_t y = kept; y >= 0; --y) {
      for (int64_t l = 0; l < count_; ++l) {
        const auto at = static_cast<size_t>(l), of_class = static_cast<size_t>(y * count_ + l);
        const float own = (*own_[at])[static_cast<size_t>(row * graph_.classes_ + y)];
        const float said =
            std::max(y == 0 ? scratch.rest[at] : scratch.scale[at] * scratch.sums[of_class - lanes_.size()], 0.0f);
        scratch.rest[at] -= said;
        scratch.total[at] += scratch.proba[of_class] = own * (said + mean_[of_class]) * inverse_[of_class];
      }
    }
    for (int64_t y = 0; y <= kept; ++y)
      for (int64_t l = 0; l < count_; ++l)
        scratch.proba[static_cast<size_t>(y * count_ + l)] /= scratch.total[static_cast<size_t>(l)];
  }

  // What a clamped neighbour counts beyond its state at weight one (in the first round: beyond its votes).
  void add_gold(const GoldEntry& entry, bool first, Scratch& scratch) const {
    const int64_t row = graph_.gold_[static_cast<size_t>(entry.place)];
    const int32_t label = graph_.labels_[static_cast<size_t>(row)];
    const float weight = entry.weight, counted = !first || graph_.votes(row) ? 1.0f : 0.0f;
    for (int64_t l = 0; l < count_; ++l) {
      if (!clamped(l, entry.place)) continue;
      const auto at = static_cast<size_t>(l);
      const float gold = gold_weight_[at];
      scratch.weight[at] += (gold - counted) * weight;
      scratch.squares[at] += (gold * gold - counted) * weight * weight;
      for (int64_t y = 0; y < graph_.kept(); ++y) {
        const float is = y + 1 == label ? 1.0f : 0.0f;
        const float was = first ? static_cast<float>(graph_.proba(row)[y + 1]) : is;
        scratch.sums[static_cast<size_t>(y * count_ + l)] += weight * (gold * is - counted * was);
      }
    }
  }

  struct Factor {
    double own_weight;
    std::unique_ptr<std::vector<float>> values;
  };

  const PosteriorGraph& graph_;
  const RunOptions& options_;
  std::vector<Lane> lanes_;
  int64_t count_, width_;
  AlignedBuffer<float> states_, next_;  // n x width
  std::vector<float> mean_, inverse_;   // K x lanes: of the states before the next round
  std::vector<float> parts_;            // blocks x width: sums of states
  std::vector<float> gold_weight_;      // lanes
  std::vector<Factor> factors_;
  std::vector<const std::vector<float>*> own_;  // lanes: n x K
  std::vector<uint8_t> clamped_;                // lanes x gold rows
};

std::vector<double> PosteriorGraph::cross_validate(const std::vector<SmoothingSettings>& settings, int64_t folds,
                                                   int rounds, const RunOptions& options) const {
  std::vector<Lane> lanes;
  for (size_t s = 0; s < settings.size(); ++s) {
    if (settings[s].gold_weight == 0) {
      lanes.push_back({s, {}});
      continue;
    }
    for (int64_t fold = 0; fold < folds; ++fold) lanes.push_back({s, {fold, folds}});
  }
  std::vector<double> out(settings.size() * gold_.size() * static_cast<size_t>(classes_));
  const int64_t fit = kStates / std::max<int64_t>(1, rows() * kept());
  const auto most = static_cast<size_t>(std::clamp<int64_t>(fit, 1, kMostLanes));
  for (size_t first = 0; first < lanes.size(); first += most) {
    const size_t end = std::min(lanes.size(), first + most);
    Folds(*this, settings,
          {lanes.begin() + static_cast<std::ptrdiff_t>(first), lanes.begin() + static_cast<std::ptrdiff_t>(end)},
          options)
        .run(rounds, out.data());
  }
  return out;
}

}  // namespace nearvote
