// Vote counts, the scores of LFs against labels, and the check of the vote domain.
#include "node/votes.h"

#include "core/votes/check_votes.h"
#include "core/votes/lf_scores.h"
#include "node/addon.h"
#include "node/job.h"

namespace nearvote::node {

int64_t flat_counts_length(VoteDomain domain, int64_t lfs) {
  const int64_t indicators = lfs * domain.classes;
  return 2 + 2 * indicators + indicators * (indicators + 1) / 2;
}

void flatten_counts(const VoteCounts& counts, double* out) {
  *out++ = static_cast<double>(counts.rows);
  *out++ = static_cast<double>(counts.covered);
  for (const int64_t count : counts.overlaps) *out++ = static_cast<double>(count);
  for (const int64_t count : counts.conflicts) *out++ = static_cast<double>(count);
  const int64_t size = counts.indicators();
  for (int64_t u = 0; u < size; ++u)
    for (int64_t v = u; v < size; ++v) *out++ = static_cast<double>(counts.both(u, v));
}

VoteCounts unflatten_counts(const double* flat, VoteDomain domain, int64_t lfs) {
  VoteCounts counts(domain, lfs);
  counts.rows = static_cast<int64_t>(*flat++);
  counts.covered = static_cast<int64_t>(*flat++);
  for (int64_t& count : counts.overlaps) count = static_cast<int64_t>(*flat++);
  for (int64_t& count : counts.conflicts) count = static_cast<int64_t>(*flat++);
  const int64_t size = counts.indicators();
  for (int64_t u = 0; u < size; ++u) {
    for (int64_t v = u; v < size; ++v) {
      const auto count = static_cast<int64_t>(*flat++);
      counts.joint[static_cast<size_t>(u * size + v)] = counts.joint[static_cast<size_t>(v * size + u)] = count;
    }
  }
  return counts;
}

namespace {

// countVotes(votes (3), classes, out: flat counts, threads, control)
Napi::Value count(const Napi::CallbackInfo& info) {
  const auto votes = matrix_arg<const int8_t>(info, 0);
  const VoteDomain domain = domain_arg(info, 3);
  auto* out = array_arg<double>(info, 4, flat_counts_length(domain, votes.cols));
  const int threads = static_cast<int>(int_arg(info, 5));
  return run_call(info, [=](const JobControl& job) { flatten_counts(count_votes(votes, domain, threads, job), out); });
}

// scoreLfs(votes (3), labels: int8 per row, out: float64 m x [correct, incorrect], threads, control)
Napi::Value score(const Napi::CallbackInfo& info) {
  const auto votes = matrix_arg<const int8_t>(info, 0);
  const auto* labels = array_arg<int8_t>(info, 3, votes.rows);
  auto* out = array_arg<double>(info, 4, votes.cols * 2);
  const int threads = static_cast<int>(int_arg(info, 5));
  return run_call(info, [=](const JobControl& job) {
    const auto scores = score_lfs(votes, labels, threads, job);
    for (size_t i = 0; i < scores.size(); ++i) {
      out[2 * i] = static_cast<double>(scores[i].correct);
      out[2 * i + 1] = static_cast<double>(scores[i].incorrect);
    }
  });
}

// firstInvalidVote(votes (3), classes) -> position in the data, or -1
Napi::Value first_invalid(const Napi::CallbackInfo& info) {
  const int64_t at = first_invalid_vote(matrix_arg<const int8_t>(info, 0), domain_arg(info, 3));
  return Napi::Number::New(info.Env(), static_cast<double>(at));
}

}  // namespace

void register_votes(Napi::Env env, Napi::Object exports) {
  exports.Set("countVotes", Napi::Function::New(env, count));
  exports.Set("scoreLfs", Napi::Function::New(env, score));
  exports.Set("firstInvalidVote", Napi::Function::New(env, first_invalid));
}

}  // namespace nearvote::node
