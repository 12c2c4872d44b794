#include "core/session/met_voters.h"

#include <algorithm>
#include <limits>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kVotersPerTask = 512;

struct Meeting {
  int32_t query, voter;  // place among the queries, row
  float score;
};

}  // namespace

MetVoters meet_voters(const ColumnContext& context, const CellReader& reader, const std::vector<int32_t>& queries,
                      const Voters& voters, const int8_t* votes) {
  const NeighborLists& lists = context.lists;
  MetVoters out;
  out.best.resize(queries.size());
  std::vector<int32_t> ending;  // voters whose lists hold all that they are near to
  for (const int32_t voter : voters.rows()) (reader.list_rules_out(voter) ? ending : out.others).push_back(voter);

  std::vector<uint8_t> asks(static_cast<size_t>(lists.rows()));
  for (const int32_t row : queries) asks[static_cast<size_t>(row)] = 1;
  const auto count = static_cast<int64_t>(ending.size()), tasks = (count + kVotersPerTask - 1) / kVotersPerTask;
  std::vector<std::vector<Meeting>> met(static_cast<size_t>(tasks));
  parallel_for(tasks, effective_threads(context.options.threads, tasks), [&](int64_t task, int) {
    context.options.job.check();
    for (int64_t i = task * kVotersPerTask; i < std::min(count, (task + 1) * kVotersPerTask); ++i) {
      const int32_t voter = ending[static_cast<size_t>(i)];
      const uint32_t* entries = lists.entries(voter);
      for (int64_t e = 0; e < lists.count(voter); ++e) {
        const int32_t row = NeighborLists::row_of(entries[e]);
        if (asks[static_cast<size_t>(row)] == 0) continue;
        const auto query = std::lower_bound(queries.begin(), queries.end(), row) - queries.begin();
        met[static_cast<size_t>(task)].push_back({static_cast<int32_t>(query), voter, lists.scores(voter)[e]});
      }
    }
  });

  // Keys only where the rounded scores leave it open.
  const bool smaller_is_nearer = context.set.metric() == Metric::l2;
  const auto nearness = [&](const Meeting& m) { return smaller_is_nearer ? -m.score : m.score; };
  std::vector<float> nearest(queries.size(), -std::numeric_limits<float>::infinity());
  for (const auto& part : met)
    for (const Meeting& m : part) {
      float& best = nearest[static_cast<size_t>(m.query)];
      best = std::max(best, nearness(m));
    }
  for (const auto& part : met)
    for (const Meeting& m : part) {
      const auto query = static_cast<size_t>(m.query);
      if (nearness(m) == nearest[query])
        out.best[query].merge({reader.key(queries[query], m.voter), m.voter, false}, votes);
    }
  return out;
}

}  // namespace nearvote
