#include "core/neighbors/k_nearest_voters.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/knn_posterior.h"
#include "core/neighbors/top_k.h"
#include "core/neighbors/voted_rows.h"

namespace nearvote {
namespace {

// A support row that votes, and how near it is.
struct Voter {
  float score;  // similarity or distance, as top_k gives it
  int32_t row;
};

// The votes of the support rows that have a direction, by row and by LF.
struct VoteLists {
  VoteLists(const EmbeddingSet& support, VoteMatrix votes)
      : first_of_row(static_cast<size_t>(votes.rows) + 1, 0), rows_of_lf(static_cast<size_t>(votes.cols)) {
    for (int64_t i = 0; i < votes.rows; ++i) {
      for (int64_t j = 0; j < votes.cols && !support.is_zero(i); ++j) {
        if (votes(i, j) == 0) continue;
        lfs.push_back(static_cast<int32_t>(j));
        rows_of_lf[static_cast<size_t>(j)].push_back(static_cast<int32_t>(i));
      }
      first_of_row[static_cast<size_t>(i) + 1] = lfs.size();
    }
  }

  std::vector<size_t> first_of_row;  // rows + 1: where the LFs that vote on a row start in lfs
  std::vector<int32_t> lfs;
  std::vector<std::vector<int32_t>> rows_of_lf;  // ascending
};

// The nearest rows of every query, whatever they vote on: most cells are settled by them.
struct NearestRows {
  std::vector<int32_t> rows;
  std::vector<float> scores;
  int64_t length;
};

NearestRows nearest_rows(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k,
                         const RunOptions& options) {
  NearestRows found;
  found.length = std::min(support.rows(), std::max<int64_t>(128, 16 * k));
  found.rows.resize(static_cast<size_t>(queries.rows() * found.length));
  found.scores.resize(found.rows.size());
  if (!found.rows.empty()) top_k(queries, support, found.length, found.rows.data(), found.scores.data(), options);
  return found;
}

// One thread's work: the voters of one query's open cells.
class Worker {
 public:
  Worker(const EmbeddingSet& queries, const EmbeddingSet& support, VoteMatrix support_votes, const SoftVotes& out,
         const VoteDomain& domain, const VoteLists& lists, int64_t k)
      : support_(support),
        support_votes_(support_votes),
        out_(out),
        domain_(domain),
        lists_(lists),
        k_(k),
        canonical_(queries, support),
        voters_(static_cast<size_t>(support_votes.cols)),
        key_(static_cast<size_t>(support.rows()), kUnknown) {}

  void search(int64_t query, const int8_t* query_votes, const NearestRows& near, bool has_direction) {
    const int64_t lfs = support_votes_.cols;
    for (auto& voters : voters_) voters.clear();
    if (has_direction) {
      const int32_t* rows = near.rows.data() + query * near.length;
      const float* scores = near.scores.data() + query * near.length;
      for (int64_t i = 0; i < near.length; ++i) take({scores[i], rows[i]}, query_votes);
      if (near.length < support_.rows()) search_rest(query, query_votes);
    }
    for (int64_t lf = 0; lf < lfs; ++lf) write(query * lfs + lf, voters_[static_cast<size_t>(lf)], lf);
  }

 private:
  static constexpr double kUnknown = std::numeric_limits<double>::infinity();

  void take(const Voter& voter, const int8_t* query_votes) {
    const auto row = static_cast<size_t>(voter.row);
    for (size_t at = lists_.first_of_row[row]; at < lists_.first_of_row[row + 1]; ++at) {
      auto& voters = voters_[static_cast<size_t>(lists_.lfs[at])];
      if (query_votes[lists_.lfs[at]] == 0 && static_cast<int64_t>(voters.size()) < k_) voters.push_back(voter);
    }
  }

  // Cells with fewer than k voters among the nearest rows: all voters of their LF. These are few: rare LFs.
  void search_rest(int64_t query, const int8_t* query_votes) {
    wanted_.clear();
    for (size_t lf = 0; lf < voters_.size(); ++lf) {
      const auto& rows = lists_.rows_of_lf[lf];
      if (query_votes[lf] != 0 || static_cast<int64_t>(voters_[lf].size()) >= k_ || voters_[lf].size() == rows.size())
        continue;
      for (const int32_t row : rows) {
        double& key = key_[static_cast<size_t>(row)];
        if (key != kUnknown) continue;
        key = 0;
        wanted_.push_back(row);
      }
    }
    if (wanted_.empty()) return;
    canonical_.set_query(query);
    keys_.resize(wanted_.size());
    canonical_.keys(wanted_.data(), static_cast<int64_t>(wanted_.size()), keys_.data());
    for (size_t i = 0; i < wanted_.size(); ++i) key_[static_cast<size_t>(wanted_[i])] = keys_[i];
    for (size_t lf = 0; lf < voters_.size(); ++lf) {
      const auto& rows = lists_.rows_of_lf[lf];
      if (query_votes[lf] != 0 || static_cast<int64_t>(voters_[lf].size()) >= k_ || voters_[lf].size() == rows.size())
        continue;
      order_ = rows;
      const auto count = std::min(static_cast<std::ptrdiff_t>(k_), static_cast<std::ptrdiff_t>(order_.size()));
      std::partial_sort(order_.begin(), order_.begin() + count, order_.end(), [&](int32_t a, int32_t b) {
        const double x = key_[static_cast<size_t>(a)], y = key_[static_cast<size_t>(b)];
        return x > y || (x == y && a < b);
      });
      voters_[lf].clear();
      for (std::ptrdiff_t i = 0; i < count; ++i) {
        const int32_t row = order_[static_cast<size_t>(i)];
        const double score = score_of_key(support_.metric(), key_[static_cast<size_t>(row)]);
        voters_[lf].push_back({static_cast<float>(score), row});
      }
    }
    for (const int32_t row : wanted_) key_[static_cast<size_t>(row)] = kUnknown;
  }

  void write(int64_t cell, const std::vector<Voter>& voters, int64_t lf) {
    const int64_t classes = domain_.classes;
    float* shares = out_.shares + cell * classes;
    std::fill_n(shares, classes, 0.0f);
    out_.scores[cell] = std::numeric_limits<float>::quiet_NaN();
    out_.neighbors[cell] = -1;
    indices_.clear();
    weights_.clear();
    double mean = 0;
    for (const Voter& voter : voters) {
      indices_.push_back(voter.row);
      weights_.push_back(voter.score);
      mean += voter.score;
    }
    const auto count = static_cast<int64_t>(voters.size());
    neighbor_weights(support_.metric(), indices_.data(), weights_.data(), 1, count, 1);
    double total = 0;
    sums_.assign(static_cast<size_t>(classes), 0.0);
    for (size_t i = 0; i < voters.size(); ++i) {
      sums_[static_cast<size_t>(domain_.class_of(support_votes_(voters[i].row, lf)))] += weights_[i];
      total += weights_[i];
    }
    if (!(total > 0)) return;
    const auto most = std::max_element(sums_.begin(), sums_.end()) - sums_.begin();
    for (int64_t c = 0; c < classes; ++c) shares[c] = static_cast<float>(sums_[static_cast<size_t>(c)] / total);
    out_.scores[cell] = static_cast<float>(mean / static_cast<double>(count));
    for (const Voter& voter : voters) {
      if (domain_.class_of(support_votes_(voter.row, lf)) != most) continue;
      out_.neighbors[cell] = voter.row;
      break;
    }
  }

  const EmbeddingSet& support_;
  VoteMatrix support_votes_;
  SoftVotes out_;
  VoteDomain domain_;
  const VoteLists& lists_;
  int64_t k_;
  CanonicalRow canonical_;
  std::vector<std::vector<Voter>> voters_;  // per LF, nearest first
  std::vector<double> key_;                 // per support row, of the current query where it was asked for
  std::vector<int32_t> wanted_, order_, indices_;
  std::vector<double> keys_, sums_;
  std::vector<float> weights_;
};

}  // namespace

void k_nearest_voters(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                      VoteMatrix support_votes, const VoteDomain& domain, int64_t k, const SoftVotes& out,
                      const RunOptions& options) {
  check_voted_rows(queries, query_votes, support, support_votes, domain);
  if (k < 1) throw expected("at least 1", "k", std::to_string(k));

  const NearestRows near = nearest_rows(queries, support, k, options);
  const VoteLists lists(support, support_votes);
  const int64_t block = 64, tasks = (queries.rows() + block - 1) / block;
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(effective_threads(options.threads, tasks)));
  parallel_for(tasks, static_cast<int>(workers.size()), [&](int64_t task, int thread) {
    auto& worker = workers[static_cast<size_t>(thread)];
    if (worker == nullptr) worker = std::make_unique<Worker>(queries, support, support_votes, out, domain, lists, k);
    for (int64_t i = task * block; i < std::min(queries.rows(), (task + 1) * block); ++i) {
      options.job.check();
      worker->search(i, query_votes.row(i), near, !queries.is_zero(i));
    }
  });
  options.job.report(1, 1);
}

}  // namespace nearvote
