// Why a row has its label: the parts of an explanation add up.
#include <algorithm>
#include <cmath>
#include <string>

#include "core/session/explain.h"
#include "core/tests/check.h"
#include "core/tests/session_pair.h"

using namespace nearvote;

using reference::Pair, reference::same_bits;

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

CHECK_MAIN
