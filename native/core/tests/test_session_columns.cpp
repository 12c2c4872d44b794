// Columns made together, where one search serves what all of them look up, against each made alone: the same bits.
#include <algorithm>
#include <cstring>

#include "core/session/common_lookup.h"
#include "core/session/lf_column.h"
#include "core/tests/check.h"
#include "core/tests/kernel_sets.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;
namespace ref = nearvote::reference;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kRows = 1100, kListed = 2;

using Made = std::vector<std::shared_ptr<const LfColumn>>;

bool same(const LfColumn& a, const LfColumn& b) {
  return a.name == b.name && a.threshold == b.threshold && a.searched == b.searched && a.votes() == b.votes() &&
         a.nearest == b.nearest && std::memcmp(a.score.data(), b.score.data(), kRows * sizeof(float)) == 0 &&
         a.extended == b.extended && a.per_class == b.per_class && a.looked_up == b.looked_up;
}

// The votes of every labelling function, and the thresholds that make a search hard.
struct Problem {
  Metric metric;
  VoteDomain domain;
  ref::Floats rows;
  std::vector<std::vector<int8_t>> votes;
  std::vector<double> thresholds;

  Problem(ref::Kind kind, Metric metric_, const VoteDomain& domain_, unsigned seed)
      : metric(metric_), domain(domain_), rows(ref::embeddings(kind, kRows, 12, seed)) {
    for (unsigned lf = 0; lf < 7; ++lf) votes.push_back(ref::votes(kRows, 1, domain, 0.3, seed + lf).data);
    const ref::Floats some{{rows.data.begin(), rows.data.begin() + 50 * rows.cols}, 50, rows.cols};
    std::vector<double> keys = ref::keys(some, rows, metric);
    std::sort(keys.begin(), keys.end());
    const auto nearer_than = [&](size_t share) { return ref::score(metric, keys[keys.size() - keys.size() / share]); };
    const bool l2 = metric == Metric::l2;
    // All voters, none, and scores of some pair, which are not inside.
    thresholds = {l2 ? kInfinity : -kInfinity, nearer_than(3), nearer_than(50), nearer_than(2), nearer_than(500),
                  l2 ? 0.0 : kInfinity,        nearer_than(4)};
  }

  NewColumn column(size_t lf, const Made& old) const {
    return {"lf" + std::to_string(lf), votes[lf].data(), thresholds[lf], old.empty() ? nullptr : old[lf].get()};
  }
};

// Returns the columns made one after the other.
Made check_together(const Problem& problem, const ColumnContext& context, const Made& old) {
  std::vector<NewColumn> wanted;
  std::vector<ColumnLookup> lookups;
  Made alone;
  std::vector<std::vector<int32_t>> looked_up(problem.votes.size());
  for (size_t lf = 0; lf < problem.votes.size(); ++lf) {
    wanted.push_back(problem.column(lf, old));
    alone.push_back(make_columns(context, {wanted[lf]})[0]);
    looked_up[lf].resize(static_cast<size_t>(alone[lf]->looked_up));
    const auto voters = kRows - std::count(problem.votes[lf].begin(), problem.votes[lf].end(), int8_t{0});
    lookups.push_back({problem.votes[lf].data(), voters, 0, &looked_up[lf], nullptr, nullptr});
  }
  CHECK(common_lookup_pays(lookups, kRows));
  CHECK(!common_lookup_pays({lookups[0]}, kRows));
  int32_t progress = 0;
  ColumnContext observed = context;
  observed.options.job.progress = &progress;
  const Made together = make_columns(observed, wanted);
  CHECK(progress == 1000);
  CHECK(together.size() == alone.size());
  for (size_t lf = 0; lf < alone.size(); ++lf) CHECK(same(*together[lf], *alone[lf]));
  return alone;
}

// Made, then some votes changed and every threshold moved outwards, so that the old columns tell little.
void check_columns(Problem problem, const EmbeddingSet& set, const NeighborLists& lists, int threads) {
  const ColumnContext context{set, lists, problem.domain, {threads, {}}};
  const Made old = check_together(problem, context, {});
  for (size_t lf = 0; lf < problem.votes.size(); ++lf)
    for (size_t row = lf; row < kRows; row += 97) problem.votes[lf][row] = row % 2 == 0 ? 0 : problem.domain.vote_of(1);
  problem.thresholds.assign(problem.thresholds.size(), problem.thresholds[0]);
  check_together(problem, context, old);
}

}  // namespace

TEST(columns_made_together_have_the_bits_of_each_alone) {
  unsigned seed = 100;
  for (const ref::Kind kind : ref::all_kinds())
    for (const Metric metric : {Metric::cosine, Metric::dot, Metric::l2}) {
      seed += 10;
      const Problem problem(kind, metric, seed % 20 == 0 ? VoteDomain{2, true} : VoteDomain{3, false}, seed);
      const EmbeddingSet set(problem.rows.view(), metric);
      check_columns(problem, set, NeighborLists(set, kListed), 1 + static_cast<int>(seed / 10 % 3));
    }
}

TEST(columns_made_together_on_every_isa) {
  const Problem problem(ref::Kind::near_ties, Metric::cosine, {}, 7);
  ref::on_every_isa([&] {
    const EmbeddingSet set(problem.rows.view(), problem.metric);
    check_columns(problem, set, NeighborLists(set, kListed), 2);
  });
}

TEST(the_common_search_stops_when_it_is_cancelled) {
  const Problem problem(ref::Kind::random, Metric::cosine, {}, 3);
  const EmbeddingSet set(problem.rows.view(), problem.metric);
  int32_t cancel = 1;
  RunOptions cancelled;
  cancelled.job.cancel = &cancel;
  const std::vector<int32_t> rows{0, 1, 2};
  int32_t nearest[kRows];
  float score[kRows];
  const ColumnLookup lookup{problem.votes[0].data(), 1, 0.5, &rows, nearest, score};
  CHECK_THROWS((look_up_together(set, problem.domain, {lookup, lookup}, cancelled), 0), Cancelled);
}

CHECK_MAIN
