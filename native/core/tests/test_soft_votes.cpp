// Extension beyond one neighbour against its definition over the scores of all pairs, and posteriors from soft votes
// against naive Bayes written out.
#include <algorithm>

#include "core/label_model/posterior.h"
#include "core/label_model/soft_posterior.h"
#include "core/neighbors/k_nearest_voters.h"
#include "core/tests/check.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Kind;

namespace {

const VoteDomain kBinary{2, true};
const VoteDomain kThreeClasses{3, false};

struct Outputs {
  std::vector<float> scores, shares;
  std::vector<int32_t> neighbors;
  Outputs(int64_t cells, int classes)
      : scores(static_cast<size_t>(cells)),
        shares(static_cast<size_t>(cells * classes)),
        neighbors(static_cast<size_t>(cells)) {}
  SoftVotes view() { return {scores.data(), neighbors.data(), shares.data()}; }
};

double weight(Metric metric, double score, double largest, double mean) {
  if (metric == Metric::l2) return 1 / (1 + (mean > 0 ? (score / mean) * (score / mean) : 0));
  return largest > 0 && score > 0 ? std::pow(score / largest, 4) : 0;
}

// Compares one cell with its voters, (key, row) nearest first.
bool cell_is_right(const std::vector<std::pair<double, int32_t>>& voters, VoteMatrix votes, int64_t lf, Metric metric,
                   const VoteDomain& domain, float score, int32_t neighbor, const float* shares) {
  double mean = 0, largest = 0, total = 0;
  for (const auto& [key, row] : voters) {
    mean += ref::score(metric, key) / static_cast<double>(voters.size());
    largest = std::max(largest, ref::score(metric, key));
  }
  std::vector<double> sums(static_cast<size_t>(domain.classes), 0.0);
  for (const auto& [key, row] : voters) {
    const double w = weight(metric, ref::score(metric, key), largest, mean);
    sums[static_cast<size_t>(domain.class_of(votes(row, lf)))] += w;
    total += w;
  }
  if (!(total > 0))
    return std::isnan(score) && neighbor == -1 &&
           std::all_of(shares, shares + domain.classes, [](float s) { return s == 0; });
  bool right = std::fabs(score - mean) <= 1e-5 * (1 + std::fabs(mean)) && neighbor >= 0;
  for (int c = 0; c < domain.classes; ++c)
    right = right && std::fabs(shares[c] - sums[static_cast<size_t>(c)] / total) < 1e-4;
  if (!right) return false;
  // The named neighbour is the first voter of a class that no other class exceeds.
  const int named = domain.class_of(votes(neighbor, lf));
  for (const double sum : sums) right = right && sum / total <= sums[static_cast<size_t>(named)] / total + 1e-4;
  for (const auto& [key, row] : voters) {
    if (domain.class_of(votes(row, lf)) == named) return right && row == neighbor;
  }
  return false;
}

void check_case(Kind kind, Metric metric, int64_t n, int64_t support_rows, double coverage, const VoteDomain& domain,
                int64_t k, unsigned seed) {
  const int64_t lfs = 5;
  const ref::Floats q = ref::embeddings(kind, n, 12, seed), s = ref::embeddings(kind, support_rows, 12, seed + 1);
  const ref::Votes qv = ref::votes(n, lfs, domain, .4, seed + 2);
  const ref::Votes sv = ref::votes(support_rows, lfs, domain, coverage, seed + 3);
  const std::vector<double> keys = ref::keys(q, s, metric);
  const EmbeddingSet queries(q.view(), metric), support(s.view(), metric);
  Outputs one(n * lfs, domain.classes), two(n * lfs, domain.classes);
  RunOptions options;
  options.threads = 1;
  k_nearest_voters(queries, qv.view(), support, sv.view(), domain, k, one.view(), options);
  options.threads = 3;
  k_nearest_voters(queries, qv.view(), support, sv.view(), domain, k, two.view(), options);
  CHECK(one.shares == two.shares && one.neighbors == two.neighbors && ref::same(one.scores, two.scores));

  bool right = true;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t lf = 0; lf < lfs; ++lf) {
      std::vector<std::pair<double, int32_t>> voters;
      const bool open = qv.view()(i, lf) == 0 && !(metric == Metric::cosine && ref::is_zero(q, i));
      for (int64_t r = 0; r < support_rows && open; ++r) {
        if (sv.view()(r, lf) == 0 || (metric == Metric::cosine && ref::is_zero(s, r))) continue;
        voters.emplace_back(keys[static_cast<size_t>(i * support_rows + r)], static_cast<int32_t>(r));
      }
      std::sort(voters.begin(), voters.end(), [](const auto& a, const auto& b) {
        return a.first > b.first || (a.first == b.first && a.second < b.second);
      });
      if (static_cast<int64_t>(voters.size()) > k) voters.resize(static_cast<size_t>(k));
      const auto cell = static_cast<size_t>(i * lfs + lf);
      right = right && cell_is_right(voters, sv.view(), lf, metric, domain, one.scores[cell], one.neighbors[cell],
                                     one.shares.data() + cell * static_cast<size_t>(domain.classes));
    }
  }
  CHECK(right);
}

LabelModel some_model(const VoteDomain& domain, Combine combine, int64_t lfs) {
  LabelModel model;
  model.domain = domain;
  model.lfs = lfs;
  model.combine = combine;
  model.class_balance.assign(static_cast<size_t>(domain.classes), 1.0 / domain.classes);
  const auto value = [&](double p) { return combine == Combine::bayes ? std::log(p) : p; };
  const double sum = domain.classes * (domain.classes + 1) / 2.0;
  for (int y = 0; y < domain.classes; ++y) model.start.push_back(value((y + 1) / sum));
  model.weights.resize(static_cast<size_t>(lfs * (domain.classes + 1) * domain.classes));
  for (int64_t i = 0; i < lfs; ++i)
    for (int o = 0; o <= domain.classes; ++o)
      for (int y = 0; y < domain.classes; ++y)
        model.weight(i, o, y) =
            combine == Combine::shares ? (o == y + 1 ? 1 : 0) : value(.1 + .15 * ((i + 2 * o + y * y) % 5));
  return model;
}

}  // namespace

TEST(k_nearest_voters_are_those_of_the_definition) {
  unsigned seed = 1;
  for (const Metric metric : {Metric::cosine, Metric::dot, Metric::l2}) {
    for (const Kind kind : {Kind::random, Kind::clustered, Kind::duplicates, Kind::zero_rows}) {
      for (const int64_t k : {1, 3, 40}) {
        check_case(kind, metric, 40, 90, .3, kBinary, k, ++seed);
        check_case(kind, metric, 30, 900, .01, kThreeClasses, k, ++seed);  // most cells look past the nearest rows
        check_case(kind, metric, 30, 900, .5, kThreeClasses, k, ++seed);
      }
    }
  }
}

TEST(k_nearest_voters_of_nothing) {
  const ref::Floats q = ref::embeddings(Kind::random, 3, 4, 1), none{{}, 0, 4};
  const ref::Votes qv = ref::votes(3, 2, kBinary, 0, 1), no_votes{{}, 0, 2};
  const EmbeddingSet queries(q.view(), Metric::cosine), empty(none.view(), Metric::cosine);
  Outputs out(6, 2);
  k_nearest_voters(queries, qv.view(), empty, no_votes.view(), kBinary, 5, out.view());
  for (const int32_t neighbor : out.neighbors) CHECK(neighbor == -1);
  Outputs nobody(0, 2);
  k_nearest_voters(empty, no_votes.view(), queries, qv.view(), kBinary, 5, nobody.view());
}

TEST(without_soft_votes_it_is_the_posterior) {
  for (const VoteDomain& domain : {kBinary, kThreeClasses}) {
    for (const Combine combine : {Combine::bayes, Combine::shares, Combine::product}) {
      const LabelModel model = some_model(domain, combine, 6);
      const ref::Votes votes = ref::votes(200, 6, domain, .3, 5);
      const auto classes = static_cast<size_t>(domain.classes);
      const std::vector<float> shares(200 * 6 * classes, 0.0f);
      std::vector<double> soft(200 * classes), hard(200 * static_cast<size_t>(proba_columns(model)));
      predict_soft(model, votes.view(), shares.data(), soft.data());
      predict_proba(model, votes.view(), hard.data());
      for (size_t i = 0; i < 200; ++i) {
        if (hard.size() == 200) {
          CHECK_NEAR(soft[2 * i + 1], hard[i], 1e-12);
        } else {
          for (size_t y = 0; y < classes; ++y) CHECK_NEAR(soft[i * classes + y], hard[i * classes + y], 1e-12);
        }
      }
    }
  }
}

TEST(soft_votes_count_together_as_one) {
  // Two soft cells (LF 1 and 2) beside one direct vote (LF 0).
  const LabelModel model = some_model(kThreeClasses, Combine::bayes, 4);
  const std::vector<int8_t> votes{2, 0, 0, 0};
  std::vector<float> shares(12, 0.0f);
  shares[3] = .25f, shares[4] = .75f;  // LF 1
  shares[8] = 1;                       // LF 2
  std::vector<double> got(3), expected(3);
  predict_soft(model, {votes.data(), 1, 4}, shares.data(), got.data());
  double total = 0;
  for (int y = 0; y < 3; ++y) {
    double sum = model.start[static_cast<size_t>(y)] + model.weight(0, 2, y) + model.weight(3, 0, y);
    sum += .5 * (.25 * model.weight(1, 1, y) + .75 * model.weight(1, 2, y)) + .5 * model.weight(1, 0, y);
    sum += .5 * model.weight(2, 3, y) + .5 * model.weight(2, 0, y);
    total += expected[static_cast<size_t>(y)] = std::exp(sum);
  }
  for (size_t y = 0; y < 3; ++y) CHECK_NEAR(got[y], expected[y] / total, 1e-12);

  // Majority: the direct vote counts 1, the soft ones 1 together.
  const LabelModel majority = some_model(kThreeClasses, Combine::shares, 4);
  predict_soft(majority, {votes.data(), 1, 4}, shares.data(), got.data());
  const double by_hand[] = {.125 / 2, 1.375 / 2, .5 / 2};
  for (size_t y = 0; y < 3; ++y) CHECK_NEAR(got[y], by_hand[y], 1e-7);
}

CHECK_MAIN
