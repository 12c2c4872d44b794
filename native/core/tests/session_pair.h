// A session beside the plain list of what it should hold, compared bit for bit: extension from its definition
// (neighbors_reference.h); count_votes and fit_label_model on the direct votes; predict_proba and predict.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/label_model/fit.h"
#include "core/label_model/posterior.h"
#include "core/neighbors/canonical.h"
#include "core/session/session.h"
#include "core/tests/check.h"
#include "core/tests/neighbors_reference.h"

namespace nearvote::reference {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Lf {
  std::string name;
  std::vector<int8_t> votes;
  double threshold;
};

inline LabelModel fit(const VoteCounts& counts) {
  FitOptions options;
  options.class_balance.assign(static_cast<size_t>(counts.domain.classes), 1.0);
  options.class_balance[0] = 2;
  return fit_label_model(counts, options).model;
}

inline bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

// A session and the plain list of what it should hold.
class Pair {
 public:
  // Starts with the first `rows` rows of `all`.
  Pair(reference::Floats all, int64_t rows, Metric metric, VoteDomain domain, int64_t length)
      : all_(std::move(all)),
        rows_(first(rows)),
        metric_(metric),
        domain_(domain),
        keys_(reference::keys(rows_, rows_, metric)),
        session_(std::make_shared<EmbeddingSet>(rows_.view(), metric), domain, length, {}) {
    commit(session_.set_votes({}, {}));
    past_.push_back({lfs_, rows});
  }
  Pair(reference::Floats all, Metric metric, VoteDomain domain, int64_t length)
      : Pair(all, all.rows, metric, domain, length) {}

  Session& session() { return session_; }
  std::vector<Lf>& lfs() { return lfs_; }
  int64_t rows() const { return rows_.rows; }
  double some_score(std::mt19937& rng) const { return score_of_key(metric_, keys_[rng() % keys_.size()]); }

  void set_votes(const Lf& lf) {
    commit(session_.set_votes({{lf.name, lf.votes.data(), lf.threshold}}, {}));
    const auto known = std::find_if(lfs_.begin(), lfs_.end(), [&](const Lf& l) { return l.name == lf.name; });
    if (known == lfs_.end())
      lfs_.push_back(lf);
    else
      *known = lf;
  }
  void set_threshold(size_t j, double threshold) {
    commit(session_.set_threshold(lfs_[j].name, threshold, {}));
    lfs_[j].threshold = threshold;
  }
  void remove(size_t j) {
    commit(session_.remove_lf(lfs_[j].name));
    lfs_.erase(lfs_.begin() + static_cast<std::ptrdiff_t>(j));
  }
  void append(int64_t rows, std::mt19937& rng) {
    rows = std::min(rows, all_.rows - rows_.rows);
    std::vector<std::vector<int8_t>> votes;
    std::vector<const int8_t*> pointers;
    for (Lf& lf : lfs_) {
      votes.push_back(reference::votes(rows, 1, domain_, 0.3, rng()).data);
      lf.votes.insert(lf.votes.end(), votes.back().begin(), votes.back().end());
    }
    for (const auto& column : votes) pointers.push_back(column.data());
    const FloatMatrix added{all_.view().row(rows_.rows), rows, all_.cols};
    commit(session_.append_rows(added, pointers, {}));
    resize(rows_.rows + rows);
  }
  void undo() {
    if (past_.size() < 2) return;
    const auto before = session_.state();
    check_change(session_.undo({}), before.get());
    past_.pop_back();
    lfs_ = past_.back().lfs;
    if (past_.back().rows != rows_.rows) resize(past_.back().rows);
  }
  // A session forgets what is too long ago.
  void remember() {
    past_.push_back({lfs_, rows_.rows});
    const auto kept = static_cast<size_t>(undoable_) + 1;
    if (past_.size() > kept) past_.erase(past_.begin(), past_.end() - static_cast<std::ptrdiff_t>(kept));
  }

  bool matches_scratch() const {
    const auto n = static_cast<size_t>(rows_.rows), m = lfs_.size();
    reference::Votes votes{std::vector<int8_t>(n * m), rows_.rows, static_cast<int64_t>(m)};
    std::vector<double> thresholds;
    for (size_t j = 0; j < m; ++j) {
      for (size_t i = 0; i < n; ++i) votes.data[i * m + j] = lfs_[j].votes[i];
      thresholds.push_back(lfs_[j].threshold);
    }
    const auto nearest = reference::nearest_voters(rows_, votes, rows_, votes, domain_, metric_, keys_);
    const auto extended = reference::extend(votes, nearest, domain_, metric_, thresholds);
    const SessionState& state = *session_.state();
    if (state.lfs.size() != m) return false;
    for (size_t j = 0; j < m; ++j) {
      const LfColumn& lf = *state.lfs[j];
      if (lf.name != lfs_[j].name || lf.threshold != lfs_[j].threshold ||
          !std::equal(lf.votes().begin(), lf.votes().end(), lfs_[j].votes.begin(), lfs_[j].votes.end()))
        return false;
      for (int64_t i = 0; i < rows_.rows; ++i) {
        const size_t cell = static_cast<size_t>(i) * m + j;
        if (lf.extended[i] != extended.votes[cell]) return false;
        const int32_t neighbor = extended.neighbors[cell];
        if (neighbor >= 0 && (lf.nearest[i] != neighbor || lf.score[i] != extended.scores[cell])) return false;
      }
      for (int c = 0; c < domain_.classes; ++c) {
        int64_t votes_of_class = 0;
        for (size_t i = 0; i < n; ++i) votes_of_class += extended.votes[i * m + j] == domain_.vote_of(c);
        if (lf.per_class[static_cast<size_t>(c)] != votes_of_class) return false;
      }
    }
    const VoteMatrix matrix{extended.votes.data(), rows_.rows, static_cast<int64_t>(m)};
    const VoteCounts counts = count_votes(votes.view(), domain_);
    if (counts.joint != state.counts.joint || counts.overlaps != state.counts.overlaps ||
        counts.conflicts != state.counts.conflicts || counts.covered != state.counts.covered ||
        counts.rows != state.counts.rows)
      return false;
    const LabelModel model = fit(counts);
    std::vector<double> proba(n * static_cast<size_t>(proba_columns(model)));
    std::vector<int8_t> labels(n);
    predict_proba(model, matrix, proba.data());
    predict(model, matrix, Undecided::abstain, Undecided::abstain, labels.data());
    return same_bits(model.weights, state.model.weights) && same_bits(proba, state.proba) && labels == state.labels;
  }

 private:
  struct Past {
    std::vector<Lf> lfs;
    int64_t rows;
  };

  reference::Floats first(int64_t rows) const {
    return {{all_.data.begin(), all_.data.begin() + rows * all_.cols}, rows, all_.cols};
  }
  void resize(int64_t rows) {
    rows_ = first(rows);
    keys_ = reference::keys(rows_, rows_, metric_);
  }
  void commit(PendingEdit edit) {
    const auto before = session_.state();
    LabelModel model = fit(edit.counts);
    const Change change = session_.commit(std::move(edit), std::move(model), {});
    undoable_ = change.undoable;
    check_change(change, before.get());
  }

  void check_change(const Change& change, const SessionState* before) const {
    const SessionState& after = *session_.state();
    std::vector<int32_t> labels, coverage;
    for (size_t i = 0; i < after.labels.size(); ++i) {
      const bool covered = std::any_of(after.lfs.begin(), after.lfs.end(),
                                       [&](const auto& lf) { return lf->extended[static_cast<int64_t>(i)] != 0; });
      const bool known = before != nullptr && i < before->labels.size();
      if (!known || before->labels[i] != after.labels[i]) labels.push_back(static_cast<int32_t>(i));
      if (!known || (before->covered[i] != 0) != covered) coverage.push_back(static_cast<int32_t>(i));
    }
    CHECK(change.labels == labels);
    CHECK(change.coverage == coverage);
  }

  reference::Floats all_, rows_;
  Metric metric_;
  VoteDomain domain_;
  std::vector<double> keys_;
  Session session_;
  std::vector<Lf> lfs_;
  std::vector<Past> past_;
  int64_t undoable_ = 0;
};

}  // namespace nearvote::reference
