// A session after any edits against the whole computation from scratch, bit for bit: extension from its definition
// (neighbors_reference.h); count_votes and fit_label_model on the direct votes; predict_proba and predict.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <string>

#include "core/label_model/fit.h"
#include "core/label_model/posterior.h"
#include "core/session/explain.h"
#include "core/session/session.h"
#include "core/session/session_file.h"
#include "core/session/threshold_test.h"
#include "core/tests/check.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Lf {
  std::string name;
  std::vector<int8_t> votes;
  double threshold;
};

LabelModel fit(const VoteCounts& counts) {
  FitOptions options;
  options.class_balance.assign(static_cast<size_t>(counts.domain.classes), 1.0);
  options.class_balance[0] = 2;
  return fit_label_model(counts, options).model;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
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

// Few changes, as when a rule is edited, or a new column.
std::vector<int8_t> edited(std::vector<int8_t> votes, const VoteDomain& domain, std::mt19937& rng) {
  const auto changes = 1 + rng() % 4;
  for (size_t c = 0; c < changes; ++c)
    votes[rng() % votes.size()] =
        domain.vote_of(static_cast<int>(rng() % static_cast<unsigned>(domain.classes + 1)) - 1);
  return votes;
}

// Runs one random sequence; true if the state matched after every edit.
bool run_sequence(unsigned seed, int64_t rows, int64_t dims, int edits) {
  std::mt19937 rng(seed);
  const auto& kinds = reference::all_kinds();
  const auto kind = kinds[rng() % kinds.size()];
  const Metric metric = std::vector<Metric>{Metric::cosine, Metric::dot, Metric::l2}[rng() % 3];
  const VoteDomain domain = rng() % 2 == 0 ? VoteDomain{2, true} : VoteDomain{static_cast<int>(2 + rng() % 3), false};
  Pair pair(reference::embeddings(kind, rows + rows / 4, dims, seed), rows, metric, domain,
            1 + static_cast<int64_t>(rng() % 9));
  const auto threshold = [&] {
    const auto pick = rng() % 6;
    const bool l2 = metric == Metric::l2;
    if (pick == 0) return l2 ? kInfinity : -kInfinity;
    if (pick == 1) return l2 ? 0.0 : kInfinity;
    return pair.some_score(rng);  // often exactly a score: the comparison is strict
  };
  for (int edit = 0; edit < edits; ++edit) {
    auto& lfs = pair.lfs();
    const auto what = rng() % 9;
    if (lfs.empty() || (what == 0 && lfs.size() < 5)) {
      const double coverage = std::vector<double>{0.0, 0.03, 0.1, 0.4, 1.0}[rng() % 5];
      pair.set_votes({"lf" + std::to_string(rng() % 9), reference::votes(pair.rows(), 1, domain, coverage, rng()).data,
                      threshold()});
      pair.remember();
    } else if (what <= 3) {
      Lf lf = lfs[rng() % lfs.size()];
      lf.votes = edited(lf.votes, domain, rng);
      pair.set_votes(lf);
      pair.remember();
    } else if (what <= 5) {
      pair.set_threshold(rng() % lfs.size(), threshold());
      pair.remember();
    } else if (what == 8) {
      pair.append(static_cast<int64_t>(rng() % 8), rng);
      pair.remember();
    } else if (what == 6) {
      pair.remove(rng() % lfs.size());
      pair.remember();
    } else {
      pair.undo();
    }
    if (!pair.matches_scratch()) return false;
  }
  return true;
}

}  // namespace

TEST(any_sequence_of_edits_equals_a_computation_from_scratch) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const bool equal = run_sequence(seed, seed % 5 == 0 ? 1 + seed % 9 : 20 + seed % 40, 1 + seed % 20, 10);
    if (!equal) std::printf("  sequence %u differs\n", seed);
    CHECK(equal);
  }
}

// Enough work for the filtered search behind the lists.
TEST(the_filtered_search_decides_the_same) {
  for (unsigned seed = 0; seed < 24; ++seed) CHECK(run_sequence(10000 + seed, 600, 33, 6));
}

TEST(a_bad_edit_changes_nothing) {
  Pair pair(reference::embeddings(reference::Kind::random, 30, 5, 1), Metric::cosine, {}, 4);
  pair.set_votes({"a", reference::votes(30, 1, {}, 0.3, 1).data, 0.5});
  const auto before = pair.session().state();
  const std::vector<int8_t> invalid(30, 7);
  CHECK_THROWS(pair.session().set_votes({{"a", invalid.data(), {}}}, {}), InvalidArgument);
  CHECK_THROWS(pair.session().set_votes({{"new", pair.lfs()[0].votes.data(), {}}}, {}), InvalidArgument);
  CHECK_THROWS(pair.session().set_threshold("b", 0.1, {}), InvalidArgument);
  CHECK_THROWS(pair.session().remove_lf("b"), InvalidArgument);
  int32_t cancel = 1;
  RunOptions cancelled;
  cancelled.job.cancel = &cancel;
  CHECK_THROWS(pair.session().set_threshold("a", 0.1, cancelled), Cancelled);
  CHECK(pair.session().state() == before);
  CHECK(pair.matches_scratch());
}

TEST(a_saved_session_comes_back_and_a_damaged_one_is_refused) {
  const std::string path = "test_session.tmp";
  for (const Metric metric : {Metric::cosine, Metric::l2}) {
    const auto rows = reference::embeddings(reference::Kind::clustered, 40, 7, 3);
    const auto set = std::make_shared<EmbeddingSet>(rows.view(), metric);
    Session session(set, {}, 5, {});
    const auto votes = reference::votes(40, 2, {}, 0.2, 4);
    std::vector<int8_t> a(40), b(40);
    for (size_t i = 0; i < 40; ++i) a[i] = votes.data[2 * i], b[i] = votes.data[2 * i + 1];
    PendingEdit edit = session.set_votes({{"a", a.data(), 0.4}, {"b", b.data(), 0.7}}, {});
    LabelModel model = fit(edit.counts);
    session.commit(std::move(edit), std::move(model), {});
    write_session(session, "notes of mine", path, {});

    CHECK(read_session_header(path).notes == "notes of mine");
    LoadedSession loaded = read_session(path, set, {});
    LabelModel again = fit(loaded.edit.counts);
    loaded.session.commit(std::move(loaded.edit), std::move(again), {});
    CHECK(same_bits(loaded.session.state()->proba, session.state()->proba));
    for (size_t j = 0; j < 2; ++j) {
      const LfColumn &before = *session.state()->lfs[j], &after = *loaded.session.state()->lfs[j];
      CHECK(after.name == before.name && after.threshold == before.threshold && after.searched == before.searched);
      CHECK(after.extended == before.extended && after.nearest == before.nearest);
    }
    for (int64_t row = 0; row < 40; ++row)
      CHECK(std::equal(session.lists().entries(row), session.lists().entries(row) + session.lists().count(row),
                       loaded.session.lists().entries(row)));

    auto other = rows;
    other.data[17] = std::nextafter(other.data[17], 100.0f);
    CHECK_THROWS(read_session(path, std::make_shared<EmbeddingSet>(other.view(), Metric::dot), {}), InvalidArgument);

    std::FILE* file = std::fopen(path.c_str(), "rb");
    std::vector<char> bytes(1 << 16);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
    std::fclose(file);
    const auto refused = [&](const std::vector<char>& content) {
      std::FILE* out = std::fopen(path.c_str(), "wb");
      if (!content.empty()) std::fwrite(content.data(), 1, content.size(), out);
      std::fclose(out);
      CHECK_THROWS(read_session(path, set, {}), InvalidArgument);
    };
    for (size_t at = 0; at < bytes.size(); at += 7) {
      auto flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 16);
      refused(flipped);
    }
    refused({bytes.begin(), bytes.end() - 1});
    refused({bytes.begin(), bytes.begin() + 20});
    refused({});
    auto longer = bytes;
    longer.push_back(0);
    refused(longer);
  }
  std::remove(path.c_str());
  CHECK_THROWS(read_session_header(path), InvalidArgument);
}

// The parts of an explanation, put together as explain.h says, are the posterior to the bit.
TEST(an_explanation_adds_up_to_the_posterior) {
  for (const VoteDomain domain : {VoteDomain{2, true}, VoteDomain{4, false}}) {
    Pair pair(reference::embeddings(reference::Kind::clustered, 60, 5, 2), Metric::cosine, domain, 6);
    for (int i = 0; i < 5; ++i)
      pair.set_votes(
          {"lf" + std::to_string(i), reference::votes(60, 1, domain, 0.2, static_cast<unsigned>(i)).data, 0.6});
    const SessionState& state = *pair.session().state();
    CHECK(state.model.combine == Combine::bayes);
    for (int64_t row = 0; row < 60; ++row) {
      const Explanation why = explain(state, row);
      std::vector<double> sums = why.start;
      double odds = why.start[1] - why.start[0];
      for (const Evidence& evidence : why.evidence) {
        for (size_t y = 0; y < sums.size(); ++y) sums[y] += evidence.weights[y];
        odds += evidence.weights[1] - evidence.weights[0];
        const LfColumn& lf = *state.lfs[static_cast<size_t>(evidence.lf)];
        CHECK(evidence.vote == lf.extended[row]);
        CHECK(std::isnan(evidence.score) == (lf.votes()[row] != 0));
        CHECK(std::isnan(evidence.score) || evidence.score > 0.6);
      }
      std::vector<double> posterior;
      if (domain.signed_votes) {
        const double ratio = std::exp(-std::fabs(odds));
        posterior = {odds > 0 ? 1 / (1 + ratio) : ratio / (1 + ratio)};
      } else {
        const double top = *std::max_element(sums.begin(), sums.end());
        double total = 0;
        for (double& sum : sums) total += sum = std::exp(sum - top);
        for (const double sum : sums) posterior.push_back(sum / total);
      }
      const auto columns = static_cast<int64_t>(posterior.size());
      CHECK(same_bits(posterior, why.posterior) && same_bits(posterior, why.own));
      CHECK(std::equal(posterior.begin(), posterior.end(), state.proba.begin() + row * columns));
    }
  }
}

TEST(undo_ends_at_the_empty_session) {
  Pair pair(reference::embeddings(reference::Kind::clustered, 30, 5, 1), Metric::cosine, {}, 4);
  for (int i = 0; i < 3; ++i) {
    pair.set_votes({"lf" + std::to_string(i), reference::votes(30, 1, {}, 0.3, static_cast<unsigned>(i)).data, 0.5});
    pair.remember();
  }
  for (int i = 0; i < 3; ++i) pair.undo();
  CHECK(pair.session().state()->lfs.empty());
  CHECK_THROWS(pair.session().undo({}), InvalidArgument);
}

TEST(a_session_of_no_rows_or_one) {
  for (int64_t rows : {0, 1}) {
    Pair pair(reference::embeddings(reference::Kind::random, rows, 3, 1), Metric::cosine, {}, 4);
    pair.set_votes({"a", std::vector<int8_t>(static_cast<size_t>(rows), 1), 0.5});
    CHECK(pair.matches_scratch());
  }
}

TEST(a_rounded_score_is_only_trusted_away_from_the_threshold) {
  std::mt19937 rng(5);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int i = 0; i < 100000; ++i) {
    for (Metric metric : {Metric::cosine, Metric::l2}) {
      const double score = metric == Metric::l2 ? std::fabs(uniform(rng)) : uniform(rng);
      const double threshold = score + (rng() % 2 == 0 ? 0 : 1e-8) * uniform(rng);
      const Inside answer = ThresholdTest(metric, threshold)(static_cast<float>(score));
      CHECK(answer == Inside::unclear || (answer == Inside::yes) == within_threshold(metric, score, threshold));
    }
  }
  for (double threshold : {kInfinity, -kInfinity, std::nan(""), 1e300, -1e300}) {
    for (Metric metric : {Metric::dot, Metric::l2}) {
      for (double score : {0.0, 1.0, 1e39, metric == Metric::dot ? -1e39 : 2.0}) {
        const Inside answer = ThresholdTest(metric, threshold)(static_cast<float>(score));
        CHECK(answer == Inside::unclear || (answer == Inside::yes) == within_threshold(metric, score, threshold));
      }
    }
  }
}

CHECK_MAIN
