// Cross-validation of smoothing: settings and folds are lanes that share every list entry read. A row's states of all
// lanes lie side by side, kept classes first, then lanes; a neighbour is then a few cache lines.
#include <algorithm>

#include "core/base/aligned.h"
#include "core/base/parallel.h"
#include "core/neighbors/lanes.h"
#include "core/neighbors/posterior_graph.h"
#include "core/simd/dispatch.h"

namespace nearvote {
namespace {

constexpr int64_t kMostStates = int64_t{1} << 25;  // floats of one round's states

struct Lane {
  size_t setting;
  HiddenGold hidden;
};

}  // namespace

// Lanes that are not used repeat the last one.
template <class Vec>
class PosteriorGraph::Folds {
  static constexpr int kLanes = kLanesOf<Vec>;

 public:
  Folds(const PosteriorGraph& graph, const std::vector<SmoothingSettings>& settings, const Lane* lanes, int64_t count,
        const RunOptions& options)
      : graph_(graph),
        options_(options),
        kernels_(simd::active_kernels().smoothing),
        lanes_(lanes, lanes + count),
        count_(count),
        states_(graph.rows() * graph.kept()),
        next_(graph.rows() * graph.kept()),
        mean_(graph.classes_),
        inverse_(graph.classes_),
        parts_(graph.blocks() * graph.kept()) {
    lanes_.resize(kLanes, lanes_.back());
    for (int l = 0; l < kLanes; ++l) {
      const Lane& lane = lanes_[static_cast<size_t>(l)];
      const SmoothingSettings& setting = settings[lane.setting];
      lane_of(gold_weight_, l) = static_cast<float>(setting.gold_weight);
      if (l == 0 || setting.own_weight != own_.back().own_weight) add_own(setting.own_weight);
      lane_of(own_.back().mine, l) = 1;
      for (size_t place = 0; place < graph.gold_.size(); ++place)
        clamped_.push_back(setting.gold_weight > 0 && !lane.hidden(static_cast<int64_t>(place)) ? 1 : 0);
    }
    set_gold_terms();
  }

  // out: settings x gold rows x K.
  void run(int rounds, double* out) {
    first_mean();
    round(nullptr);
    for (int done = 1; done + 1 < rounds; ++done) {
      std::swap(states_, next_);
      round(states_.data());
    }
    const auto classes = static_cast<size_t>(graph_.classes_);
    AlignedBuffer<Vec> sums(graph_.kept() + 2), proba(graph_.classes_);
    const auto& entries = graph_.gold_entries_;
    for (size_t place = 0; place < graph_.gold_.size(); ++place) {
      const int64_t row = graph_.gold_[place];
      const GoldEntry* entry = std::lower_bound(entries.data(), entries.data() + entries.size(), row,
                                                [](const GoldEntry& e, int64_t wanted) { return e.row < wanted; });
      const GoldEntry* end = entry;
      while (end < entries.data() + entries.size() && end->row == row) ++end;
      posterior(row, next_.data(), entry, end, sums.data(), proba.data());
      for (int64_t l = 0; l < count_; ++l) {
        const Lane& lane = lanes_[static_cast<size_t>(l)];
        if (lane.hidden.fold >= 0 && !lane.hidden(static_cast<int64_t>(place))) continue;
        double* to = out + (lane.setting * graph_.gold_.size() + place) * classes;
        for (size_t y = 0; y < classes; ++y) to[y] = lane_of(proba[static_cast<int64_t>(y)], static_cast<int>(l));
      }
    }
  }

 private:
  // Own factors of all rows, the largest of a row 1.
  struct Own {
    double own_weight;
    std::vector<float> values;  // n x K
    Vec mine;                   // 1 for the lanes they are of, else 0
  };

  void add_own(double own_weight) {
    const int64_t classes = graph_.classes_;
    const bool two = graph_.in_panels();  // then the ratio says all
    std::vector<double> factor(two ? static_cast<size_t>(graph_.rows()) : 0);
    if (two)
      own_ratio(graph_.proba_.data(), graph_.counts_.data(), graph_.balance_, own_weight, graph_.rows(), factor.data(),
                options_.threads);
    else
      factor = own_factor(graph_.proba_.data(), graph_.counts_.data(), graph_.balance_, own_weight, graph_.rows(),
                          options_.threads);
    std::vector<float> values(static_cast<size_t>(graph_.rows() * classes));
    graph_.for_blocks(options_, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t row = begin; row < end; ++row) {
        float* to = values.data() + row * classes;
        if (two) {
          const double ratio = factor[static_cast<size_t>(row)];
          to[0] = static_cast<float>(ratio > 1 ? 1 / ratio : 1);
          to[1] = static_cast<float>(ratio > 1 ? 1 : ratio);
          continue;
        }
        const double* from = factor.data() + row * classes;
        const double most = *std::max_element(from, from + classes);
        for (int64_t y = 0; y < classes; ++y) to[y] = static_cast<float>(from[y] / most);
      }
    });
    own_.push_back({own_weight, std::move(values), Vec{}});
  }

  // lanes: 1 where the gold row's label is known.
  const uint8_t* clamped(int64_t lane) const {
    return clamped_.data() + static_cast<size_t>(lane) * graph_.gold_.size();
  }

  void first_mean() {
    const std::vector<double>& base = graph_.first_mean_;
    std::vector<double> sum(base.size() - 1);
    for (int l = 0; l < kLanes; ++l) {
      std::copy_n(base.begin(), sum.size(), sum.begin());
      double total = base.back();
      for (size_t place = 0; place < graph_.gold_.size(); ++place) {
        if (clamped(l)[place] == 0) continue;
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

  void set_mean(int lane, const std::vector<double>& sum, double rows) {
    for (int64_t y = 0; y < graph_.classes_; ++y) {
      const double pseudo = 1 / static_cast<double>(graph_.classes_);
      const double mean = (pseudo + std::max(sum[static_cast<size_t>(y)], 0.0)) / (1 + rows);
      lane_of(mean_[y], lane) = static_cast<float>(mean);
      lane_of(inverse_[y], lane) = static_cast<float>(1 / mean);
    }
  }

  // From `before` (null: the first round) into next_, and the mean of that.
  void round(const Vec* before) {
    const int64_t blocks = graph_.blocks(), kept = graph_.kept();
    graph_.for_blocks(options_, [&](int64_t begin, int64_t row_end, int64_t block) {
      AlignedBuffer<Vec> sums(kept + 2), part(kept), proba(kept + 1);
      std::fill_n(part.data(), kept, Vec{});
      const GoldEntry* entry = graph_.block_entries(block);
      const GoldEntry* entries_end = graph_.block_entries(block + 1);
      auto gold = graph_.gold_from(begin);
      for (int64_t row = begin; row < row_end; ++row) {
        const GoldEntry* end = entry;
        while (end < entries_end && end->row == row) ++end;
        posterior(row, before, entry, end, sums.data(), proba.data());
        entry = end;
        Vec* state = next_.data() + row * kept;
        std::copy_n(proba.data() + 1, kept, state);
        if (gold != graph_.gold_.end() && *gold == row) clamp(gold++ - graph_.gold_.begin(), state);
        for (int64_t y = 0; y < kept; ++y) part[y] = part[y] + state[y];
      }
      std::copy_n(part.data(), kept, parts_.data() + block * kept);
    });
    std::vector<double> sum(static_cast<size_t>(graph_.classes_));
    for (int l = 0; l < kLanes; ++l) {
      const auto rows = static_cast<double>(graph_.rows());
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t block = 0; block < blocks; ++block)
        for (int64_t y = 0; y < kept; ++y) sum[static_cast<size_t>(y) + 1] += lane_of(parts_[block * kept + y], l);
      sum[0] = rows;
      for (int64_t y = 1; y <= kept; ++y) sum[0] -= sum[static_cast<size_t>(y)];
      set_mean(l, sum, rows);
    }
  }

  void clamp(int64_t place, Vec* state) const {
    const int32_t label = graph_.labels_[static_cast<size_t>(graph_.gold_[static_cast<size_t>(place)])];
    for (int l = 0; l < kLanes; ++l)
      for (int64_t y = 0; y < graph_.kept() && clamped(l)[place] != 0; ++y)
        lane_of(state[y], l) = y + 1 == label ? 1.0f : 0.0f;
  }

  // Sums over the row's neighbours, one a kept class.
  void sum(int64_t row, const Vec* states, Vec* sums) const {
    const int32_t* index = graph_.lists_->row_indices(row);
    const float* weights = graph_.lists_->row_weights(row);
    const int64_t k = graph_.lists_->k(), kept = graph_.kept();
    for (int64_t y = 0; y < kept; ++y) {
      if constexpr (kLanes == simd::kLanes) {
        kernels_.lane_sums(index, weights, k, reinterpret_cast<const float*>(states + y), kept * kLanes,
                           reinterpret_cast<float*>(sums + y));
      } else {
        Vec sum{};
        for (int64_t j = 0; j < k * simd::kLanes; j += simd::kLanes)
          sum = sum + weights[j] * states[index[j] * kept + y];
        sums[y] = sum;
      }
    }
  }

  // K posteriors. entry .. end: the row's neighbours that are gold; sums: scratch for kept() + 2.
  void posterior(int64_t row, const Vec* before, const GoldEntry* entry, const GoldEntry* end, Vec* sums,
                 Vec* proba) const {
    const int64_t kept = graph_.kept();
    Vec &weights = sums[0], &squares = sums[1], *const said = sums + 2;
    if (before != nullptr) {
      weights = all_lanes<Vec>(static_cast<float>(graph_.lists_->row_weight(row)));
      squares = all_lanes<Vec>(static_cast<float>(graph_.lists_->row_squares(row)));
      sum(row, before, said);
    } else {
      const auto first = graph_.first_of(row);
      for (int64_t i = 0; i < kept + 2; ++i) sums[i] = all_lanes<Vec>(static_cast<float>(first(i)));
    }
    for (; entry < end; ++entry) {
      const Vec* terms = (before == nullptr ? first_terms_ : terms_).data() + entry->place * (kept + 2);
      weights = weights + entry->weight * terms[0];
      squares = squares + entry->weight * entry->weight * terms[1];
      for (int64_t y = 0; y < kept; ++y) said[y] = said[y] + entry->weight * terms[2 + y];
    }
    const auto own = [&](int64_t y) {
      Vec of_lanes{};
      for (const Own& group : own_)
        of_lanes = of_lanes + group.values[static_cast<size_t>(row * (kept + 1) + y)] * group.mine;
      return of_lanes;
    };
    if constexpr (kLanes == simd::kLanes) {
      if (kept == 1) {
        const Vec both[2] = {own(0), own(1)};
        return kernels_.lane_two_classes(floats(sums), floats(both), floats(mean_.data()), floats(inverse_.data()),
                                         floats(proba));
      }
    }
    const Vec scale = share(weights, squares);
    Vec rest = scale * weights, total{};
    for (int64_t y = kept; y >= 0; --y) {
      const Vec of_class = positive(y == 0 ? rest : scale * said[y - 1]);
      rest = rest - of_class;
      proba[y] = own(y) * (of_class + mean_[y]) * inverse_[y];
      total = total + proba[y];
    }
    total = all_lanes<Vec>(1) / total;
    for (int64_t y = 0; y <= kept; ++y) proba[y] = proba[y] * total;
  }

  // What a clamped neighbour at weight one counts beyond its state (in the first round: beyond its votes): weight,
  // square, and the kept classes.
  void set_gold_terms() {
    const int64_t kept = graph_.kept();
    const auto places = static_cast<int64_t>(graph_.gold_.size());
    for (AlignedBuffer<Vec>* terms : {&first_terms_, &terms_}) {
      *terms = AlignedBuffer<Vec>(places * (kept + 2));
      for (int64_t place = 0; place < places; ++place) {
        const int64_t row = graph_.gold_[static_cast<size_t>(place)];
        const int32_t label = graph_.labels_[static_cast<size_t>(row)];
        const bool first = terms == &first_terms_;
        const float counted = !first || graph_.votes(row) ? 1.0f : 0.0f;
        Vec* to = terms->data() + place * (kept + 2);
        std::fill_n(to, kept + 2, Vec{});
        for (int l = 0; l < kLanes; ++l) {
          if (clamped(l)[place] == 0) continue;
          const float gold = lane_of(gold_weight_, l);
          lane_of(to[0], l) = gold - counted;
          lane_of(to[1], l) = gold * gold - counted;
          for (int64_t y = 0; y < kept; ++y) {
            const float is = y + 1 == label ? 1.0f : 0.0f;
            const float was = first ? static_cast<float>(graph_.proba(row)[y + 1]) : is;
            lane_of(to[2 + y], l) = gold * is - counted * was;
          }
        }
      }
    }
  }

  static const float* floats(const Vec* values) { return reinterpret_cast<const float*>(values); }
  static float* floats(Vec* values) { return reinterpret_cast<float*>(values); }

  const PosteriorGraph& graph_;
  const RunOptions& options_;
  const simd::SmoothingKernels& kernels_;
  std::vector<Lane> lanes_;
  int64_t count_;                      // lanes that are used
  AlignedBuffer<Vec> states_, next_;   // n x kept classes
  AlignedBuffer<Vec> mean_, inverse_;  // K: of the states before the next round
  AlignedBuffer<Vec> parts_;           // blocks x kept classes: sums of states
  Vec gold_weight_;
  std::vector<Own> own_;
  std::vector<uint8_t> clamped_;            // lanes x gold rows
  AlignedBuffer<Vec> first_terms_, terms_;  // gold rows x (kept classes + 2): of the first round, of the others
};

template <class Vec>
void PosteriorGraph::run_folds(const std::vector<SmoothingSettings>& settings, int64_t folds, int rounds,
                               const RunOptions& options, double* out) const {
  std::vector<Lane> lanes;
  for (size_t s = 0; s < settings.size(); ++s) {
    if (settings[s].gold_weight == 0) {
      lanes.push_back({s, {}});
      continue;
    }
    for (int64_t fold = 0; fold < folds; ++fold) lanes.push_back({s, {fold, folds}});
  }
  for (size_t first = 0; first < lanes.size(); first += kLanesOf<Vec>) {
    const auto count = static_cast<int64_t>(std::min<size_t>(kLanesOf<Vec>, lanes.size() - first));
    Folds<Vec>(*this, settings, lanes.data() + first, count, options).run(rounds, out);
  }
}

std::vector<double> PosteriorGraph::cross_validate(const std::vector<SmoothingSettings>& settings, int64_t folds,
                                                   int rounds, const RunOptions& options) const {
  std::vector<double> out(settings.size() * gold_.size() * static_cast<size_t>(classes_));
  if (rows() * kept() <= kMostStates / kLanesOf<Float16>)
    run_folds<Float16>(settings, folds, rounds, options, out.data());
  else
    run_folds<float>(settings, folds, rounds, options, out.data());
  return out;
}

}  // namespace nearvote
