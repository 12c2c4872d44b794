// Search results against float64 brute force, on every metric and on data that hurts.
#include "core/neighbors/canonical.h"
#include "core/neighbors/pairwise.h"
#include "core/tests/extension_problem.h"
#include "core/tests/top_k_problem.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::kBinary;
using ref::Kind;
using ref::kMetrics;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const VoteDomain kFourClasses{4, false};

// Small problems, whose pairs are all scored canonically.
void check_case(Kind kind, Metric metric, int64_t n_queries, int64_t n_support, int64_t dims, int64_t lfs,
                const VoteDomain& domain, double coverage, unsigned seed) {
  const ref::ExtensionProblem extension(kind, metric, n_queries, n_support, dims, lfs, domain, coverage, seed);
  const EmbeddingSet queries(extension.q.view(), metric), support(extension.s.view(), metric);
  extension.check(queries, support, 0, 0);
  std::vector<int64_t> ks{1, 7, n_support};
  if (n_support < 7) ks = {n_support};
  ref::TopKProblem(extension.q, extension.s, metric, ks).check(queries, support, 0, 0);
}

}  // namespace

TEST(canonical_scores_follow_the_definition) {
  for (int64_t dims : {1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 383, 768}) {
    const ref::Floats rows = ref::embeddings(Kind::random, 2, dims, static_cast<unsigned>(dims));
    const float *x = rows.view().row(0), *y = rows.view().row(1);
    CHECK(canonical_dot(x, y, dims) == ref::dot(x, y, dims));
    CHECK(canonical_squared_distance(x, y, dims) == ref::squared_distance(x, y, dims));
  }
}

TEST(every_kind_of_data_on_every_metric) {
  unsigned seed = 1;
  for (Kind kind : ref::all_kinds())
    for (Metric metric : kMetrics) check_case(kind, metric, 41, 67, 33, 5, kBinary, 0.3, seed += 10);
}

TEST(dims_around_every_boundary) {
  unsigned seed = 1000;
  for (int64_t dims : {1, 2, 15, 16, 17, 63, 64, 65, 383, 384, 768, 1536})
    for (Metric metric : kMetrics) check_case(Kind::clustered, metric, 37, 53, dims, 4, kBinary, 0.3, seed += 10);
}

TEST(classes_and_sizes) {
  unsigned seed = 2000;
  for (Metric metric : kMetrics) {
    check_case(Kind::clustered, metric, 60, 45, 24, 6, kFourClasses, 0.4, seed += 10);
    check_case(Kind::duplicates, metric, 60, 45, 24, 6, kFourClasses, 0.4, seed += 10);
    check_case(Kind::random, metric, 1, 1, 8, 1, kBinary, 0.5, seed += 10);
    check_case(Kind::random, metric, 1, 300, 8, 3, kBinary, 0.1, seed += 10);
    check_case(Kind::random, metric, 300, 1, 8, 3, kBinary, 0.5, seed += 10);
  }
}

TEST(ties_abstain_between_classes_and_take_the_lower_index_within_one) {
  const float rows[] = {1, 0, 1, 0, 1, 0, 0, 1};
  const EmbeddingSet support({rows, 4, 2}, Metric::cosine), query({rows, 1, 2}, Metric::cosine);
  const int8_t votes[] = {0, 1, 1, 1, -1, 1, 0, 0}, abstains[] = {0, 0};
  const double thresholds[] = {0.5, 0.5};
  ref::Extended out = ref::room_for(2);
  extend_votes(query, {abstains, 1, 2}, support, {votes, 4, 2}, kBinary, thresholds, out.votes.data(),
               out.neighbors.data(), out.scores.data());
  CHECK(out.votes[0] == 0 && out.neighbors[0] == kAbstains && std::isnan(out.scores[0]));
  CHECK(out.votes[1] == 1 && out.neighbors[1] == 0 && out.scores[1] == 1);
}

TEST(thresholds_are_strict) {
  const float rows[] = {0, 0, 3, 4};
  const EmbeddingSet query({rows, 1, 2}, Metric::l2), support({rows + 2, 1, 2}, Metric::l2);
  const int8_t vote = 1, abstain = 0;
  for (const double radius : {5.0, std::nextafter(5.0, 6.0)}) {
    ref::Extended out = ref::room_for(1);
    extend_votes(query, {&abstain, 1, 1}, support, {&vote, 1, 1}, kBinary, &radius, out.votes.data(), nullptr, nullptr);
    CHECK(out.votes[0] == (radius > 5 ? 1 : 0));
  }
}

TEST(zero_rows_have_no_direction_but_a_score) {
  const float rows[] = {0, 0, 1, 1, -1, -1};
  const EmbeddingSet set({rows, 3, 2}, Metric::cosine);
  CHECK(set.is_zero(0) && !set.is_zero(1));
  const int8_t query_votes[] = {0, 0, 0}, support_votes[] = {1, 0, -1};
  const double threshold = -kInfinity;
  ref::Extended out = ref::room_for(3);
  extend_votes(set, {query_votes, 3, 1}, set, {support_votes, 3, 1}, kBinary, &threshold, out.votes.data(),
               out.neighbors.data(), nullptr);
  CHECK((out.votes == std::vector<int8_t>{0, -1, -1}));
  CHECK((out.neighbors == std::vector<int32_t>{kAbstains, 2, 2}));
  int32_t nearest[2];
  float scores[2];
  top_k(EmbeddingSet({rows + 4, 1, 2}, Metric::cosine), set, 2, nearest, scores);
  CHECK(nearest[0] == 2 && nearest[1] == 0 && scores[1] == 0);
}

TEST(empty_sets_and_empty_support) {
  const float row[] = {1, 2};
  const EmbeddingSet none({row, 0, 2}, Metric::dot), one({row, 1, 2}, Metric::dot);
  const int8_t abstain = 0;
  const double threshold = -kInfinity;
  int8_t vote = 5;
  extend_votes(one, {&abstain, 1, 1}, none, {&abstain, 0, 1}, kBinary, &threshold, &vote, nullptr, nullptr);
  CHECK(vote == 0);
  extend_votes(none, {&abstain, 0, 1}, one, {&abstain, 1, 1}, kBinary, &threshold, &vote, nullptr, nullptr);
  const NearestVoters voters(one, {&abstain, 1, 1}, none, {&abstain, 0, 1}, kBinary);
  CHECK(voters.nearest(0, 0, 1).row == -1 && voters.nearest(0, 0, 1).score == -kInfinity);
  pairwise(none, one, PairwiseOutput::similarity, nullptr);
}

TEST(bad_input_is_named) {
  float rows[] = {1, 2, 3, 4, 5, 6};
  rows[4] = std::numeric_limits<float>::quiet_NaN();
  try {
    EmbeddingSet set({rows, 3, 2}, Metric::dot);
    CHECK(false);
  } catch (const InvalidArgument& error) {
    CHECK(std::string(error.what()) == "Expected finite values for embeddings but received NaN at row 2, column 0");
  }
  rows[4] = 1;
  const EmbeddingSet set({rows, 3, 2}, Metric::dot);
  const int8_t votes[] = {0, 2, 0};
  const double threshold = 0;
  int8_t out[3];
  try {
    extend_votes(set, {votes, 3, 1}, set, {votes, 3, 1}, kBinary, &threshold, out, nullptr, nullptr);
    CHECK(false);
  } catch (const InvalidArgument& error) {
    CHECK(std::string(error.what()).find("query votes[row 1, LF 0] but received 2") != std::string::npos);
  }
  CHECK_THROWS(top_k(set, set, 0, nullptr, nullptr), InvalidArgument);
  CHECK_THROWS(top_k(set, set, 4, nullptr, nullptr), InvalidArgument);
  CHECK_THROWS(top_k(set, EmbeddingSet({rows, 2, 3}, Metric::dot), 1, nullptr, nullptr), InvalidArgument);
  CHECK_THROWS(top_k(set, EmbeddingSet({rows, 3, 2}, Metric::l2), 1, nullptr, nullptr), InvalidArgument);
  CHECK_THROWS(pairwise(set, set, PairwiseOutput::distance, nullptr), InvalidArgument);
}

TEST(a_cancelled_job_throws) {
  const ref::Floats a = ref::embeddings(Kind::random, 50, 8, 3);
  const ref::Votes v = ref::votes(50, 2, kBinary, 0.5, 4);
  const EmbeddingSet set(a.view(), Metric::cosine);
  int32_t cancel = 1;
  const RunOptions options{1, {&cancel, nullptr}};
  const double thresholds[] = {0, 0};
  std::vector<int8_t> out(100);
  std::vector<int32_t> indices(50);
  std::vector<float> scores(2500);
  CHECK_THROWS(EmbeddingSet(a.view(), Metric::cosine, options), Cancelled);
  CHECK_THROWS(extend_votes(set, v.view(), set, v.view(), kBinary, thresholds, out.data(), nullptr, nullptr, options),
               Cancelled);
  CHECK_THROWS(NearestVoters(set, v.view(), set, v.view(), kBinary, options), Cancelled);
  CHECK_THROWS(top_k(set, set, 1, indices.data(), scores.data(), options), Cancelled);
  PairwiseOptions pairwise_options;
  pairwise_options.job.cancel = &cancel;
  CHECK_THROWS(pairwise(set, set, PairwiseOutput::similarity, scores.data(), pairwise_options), Cancelled);
}

CHECK_MAIN
