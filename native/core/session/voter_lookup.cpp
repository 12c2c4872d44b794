#include "core/session/voter_lookup.h"

#include <algorithm>
#include <memory>

#include "core/base/parallel.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/filter.h"

namespace nearvote {
namespace {

constexpr int64_t kDirectBelow = 1 << 18;  // multiply-adds
constexpr size_t kCompactAt = 4096;        // candidates of a group of queries
constexpr size_t kDecideAbove = 1 << 15;   // that no bound can drop: masses of duplicates

struct Problem {
  const EmbeddingSet& set;
  const std::vector<int32_t>& queries;
  const std::vector<int32_t>& voters;
  const int8_t* votes;
  const std::vector<double>& at_least;
};

// Scratch of one thread: a block of queries against a range of support blocks.
class Worker {
 public:
  Worker(const Problem& problem, const FilterSupport& filter, int64_t block)
      : problem_(problem),
        filter_(filter),
        block_(problem.set, filter, block),
        canonical_(problem.set, problem.set),
        lower_(block),
        found_(QueryBlock::kTileSize),
        candidates_(static_cast<size_t>(block / simd::kLanes)) {}

  void search(int64_t first, int64_t count, int64_t first_block, int64_t end_block, NearestVoter* out,
              const JobControl& job) {
    block_.load_rows(problem_.queries.data() + first, count);
    std::fill_n(out, count, NearestVoter{});
    for (int64_t i = 0; i < block_.groups() * simd::kLanes; ++i)
      lower_[i] = i < count ? block_.score_below(i, problem_.at_least[static_cast<size_t>(first + i)])
                            : std::numeric_limits<float>::infinity();
    for (int64_t b = first_block; b < end_block; ++b) {
      job.check();
      block_.compute(b);
      const simd::BlockVotes all = every_row(filter_.block_rows(b));
      for (int64_t group = 0; group < block_.groups(); ++group) {
        auto& list = candidates_[static_cast<size_t>(group)];
        const int64_t more =
            problem_.set.kernels().scan_votes(block_.tile(group), &all, static_cast<int32_t>(b * simd::kBlockRows),
                                              block_.error(group), lower_.data() + group * simd::kLanes, found_.data());
        list.insert(list.end(), found_.data(), found_.data() + more);
        if (list.size() < kCompactAt) continue;
        drop_stale(group);
        if (list.size() > kDecideAbove) decide(group, first, out);
      }
    }
    for (int64_t group = 0; group < block_.groups(); ++group) {
      drop_stale(group);
      decide(group, first, out);
    }
  }

 private:
  // One list that holds the whole block.
  simd::BlockVotes every_row(int64_t rows) {
    for (int64_t i = 0; i < simd::kBlockRows; ++i)
      offsets_[i] = static_cast<uint16_t>(std::min(i, rows - 1) * simd::kLanes);
    chunks_[1] = static_cast<int32_t>((rows + simd::kChunk - 1) / simd::kChunk);
    last_rows_ = static_cast<uint8_t>((rows - 1) % simd::kChunk + 1);
    return {1, &cell_, chunks_, &last_rows_, offsets_, nullptr};
  }

  void drop_stale(int64_t group) {
    auto& list = candidates_[static_cast<size_t>(group)];
    const float *error = block_.error(group), *lower = lower_.data() + group * simd::kLanes;
    std::erase_if(list, [&](const simd::Candidate& c) { return c.score + error[c.cell] < lower[c.cell]; });
  }

  // Scores the candidates of a group canonically, lane after lane.
  void decide(int64_t group, int64_t first, NearestVoter* out) {
    auto& list = candidates_[static_cast<size_t>(group)];
    std::sort(list.begin(), list.end(), [](const simd::Candidate& a, const simd::Candidate& b) {
      return a.cell != b.cell ? a.cell < b.cell : a.row < b.row;
    });
    for (size_t begin = 0, end; begin < list.size(); begin = end) {
      const int32_t lane = list[begin].cell;
      rows_.clear();
      for (end = begin; end < list.size() && list[end].cell == lane; ++end) rows_.push_back(filter_.row(list[end].row));
      keys_.resize(rows_.size());
      const int64_t in_block = group * simd::kLanes + lane;
      const auto query = static_cast<size_t>(first + in_block);
      canonical_.set_query(problem_.queries[query]);
      canonical_.keys(rows_.data(), static_cast<int64_t>(rows_.size()), keys_.data());
      for (size_t i = 0; i < rows_.size(); ++i)
        if (keys_[i] >= problem_.at_least[query]) out[in_block].merge({keys_[i], rows_[i], false}, problem_.votes);
      if (out[in_block].row >= 0)
        lower_[in_block] = std::max(lower_[in_block], block_.score_below(in_block, out[in_block].key));
    }
    list.clear();
  }

  const Problem& problem_;
  const FilterSupport& filter_;
  QueryBlock block_;
  CanonicalRow canonical_;
  AlignedBuffer<float> lower_;
  AlignedBuffer<simd::Candidate> found_;                  // in one tile
  std::vector<std::vector<simd::Candidate>> candidates_;  // per group of queries
  std::vector<int32_t> rows_;
  std::vector<double> keys_;
  const int32_t cell_ = 0;
  int32_t chunks_[2] = {};
  uint8_t last_rows_ = 0;
  uint16_t offsets_[simd::kBlockRows];
};

void search_directly(const Problem& problem, NearestVoter* out, int threads, const JobControl& job) {
  parallel_for(static_cast<int64_t>(problem.queries.size()), threads, [&](int64_t q, int) {
    job.check();
    CanonicalRow canonical(problem.set, problem.set);
    canonical.set_query(problem.queries[static_cast<size_t>(q)]);
    std::vector<double> keys(problem.voters.size());
    canonical.keys(problem.voters.data(), static_cast<int64_t>(keys.size()), keys.data());
    out[q] = {};
    for (size_t i = 0; i < keys.size(); ++i)
      if (keys[i] >= problem.at_least[static_cast<size_t>(q)])
        out[q].merge({keys[i], problem.voters[i], false}, problem.votes);
  });
}

}  // namespace

void NearestVoter::merge(const NearestVoter& other, const int8_t* votes) {
  if (other.row < 0 || other.key < key) return;
  if (row < 0 || other.key > key) {
    *this = other;
    return;
  }
  contested = contested || other.contested || votes[row] != votes[other.row];
  row = std::min(row, other.row);
}

void find_nearest_voters(const EmbeddingSet& set, const std::vector<int32_t>& queries,
                         const std::vector<int32_t>& voters, const int8_t* votes, const std::vector<double>& at_least,
                         NearestVoter* out, const RunOptions& options) {
  const Problem problem{set, queries, voters, votes, at_least};
  const auto count = static_cast<int64_t>(queries.size()), support = static_cast<int64_t>(voters.size());
  const int64_t work = count * support * set.dims();
  const int threads = work < 8 * kDirectBelow ? 1 : effective_threads(options.threads, count);
  if (work < kDirectBelow || !filterable(set, set)) {
    search_directly(problem, out, threads, options.job);
    return;
  }
  const FilterSupport filter(set, voters, threads, options.job);
  int64_t block = set.precision() == simd::Precision::f32 ? 128 : 256;
  while (block > simd::kLanes && count < block * 4 * threads) block /= 2;
  const int64_t query_blocks = (count + block - 1) / block;
  // Few queries: every task sees a part of the voters, the parts are merged.
  const int64_t segments = query_blocks >= 2 * threads ? 1 : std::min<int64_t>(4 * threads, filter.blocks());
  std::vector<NearestVoter> parts(static_cast<size_t>(segments * count));
  std::vector<std::unique_ptr<Worker>> workers(static_cast<size_t>(threads));
  parallel_for(query_blocks * segments, threads, [&](int64_t task, int thread) {
    auto& worker = workers[static_cast<size_t>(thread)];
    if (worker == nullptr) worker = std::make_unique<Worker>(problem, filter, block);
    const int64_t first = task / segments * block, segment = task % segments;
    worker->search(first, std::min(block, count - first), filter.blocks() * segment / segments,
                   filter.blocks() * (segment + 1) / segments, parts.data() + segment * count + first, options.job);
  });
  for (int64_t q = 0; q < count; ++q) {
    out[q] = parts[static_cast<size_t>(q)];
    for (int64_t segment = 1; segment < segments; ++segment)
      out[q].merge(parts[static_cast<size_t>(segment * count + q)], votes);
  }
}

}  // namespace nearvote
