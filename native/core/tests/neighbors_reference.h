// What the neighbor tests compare against: data that hurts, and plain float64 searches written from the definition.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/base/matrix.h"
#include "core/neighbors/extend.h"
#include "core/neighbors/metric.h"
#include "core/votes/vote_domain.h"

namespace nearvote::reference {

struct Floats {
  std::vector<float> data;
  int64_t rows = 0, cols = 0;
  FloatMatrix view() const { return {data.data(), rows, cols}; }
};

struct Votes {
  std::vector<int8_t> data;
  int64_t rows = 0, cols = 0;
  VoteMatrix view() const { return {data.data(), rows, cols}; }
};

enum class Kind {
  random,
  clustered,
  duplicates,
  near_ties,
  zero_rows,
  huge_norm,
  tiny_norm,
  mixed_norm,
  far_from_origin,
  outliers,  // one value in a row dwarfs the others
  // All rows share a direction: mean cosines of .5, .9 (norms differ, some rows are zero), .9 in clusters of near ties,
  // .999.
  half_shared,
  shared,
  shared_near_ties,
  nearly_all_shared,
};

inline const std::vector<Kind>& all_kinds() {
  static const std::vector<Kind> kinds{
      Kind::random,      Kind::clustered, Kind::duplicates,       Kind::near_ties,        Kind::zero_rows,
      Kind::huge_norm,   Kind::tiny_norm, Kind::mixed_norm,       Kind::far_from_origin,  Kind::outliers,
      Kind::half_shared, Kind::shared,    Kind::shared_near_ties, Kind::nearly_all_shared};
  return kinds;
}

inline Floats embeddings(Kind kind, int64_t rows, int64_t cols, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  const auto pick = [&](int64_t n) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(n)); };
  Floats out{std::vector<float>(static_cast<size_t>(rows * cols)), rows, cols};
  std::mt19937 center_rng(77);  // queries and support share the clusters
  std::vector<float> centers(static_cast<size_t>(8 * cols));
  for (float& c : centers) c = normal(center_rng);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t cluster = pick(8);
    float scale = 1, spread = 1, offset = 0;
    bool clustered = true;
    switch (kind) {
      case Kind::random:
        clustered = false;
        break;
      case Kind::clustered:
        spread = 0.2f;
        break;
      case Kind::duplicates:
        spread = 0;
        break;
      case Kind::near_ties:
        spread = 1e-6f;
        break;
      case Kind::zero_rows:
        clustered = false;
        scale = pick(4) == 0 ? 0.0f : 1.0f;
        break;
      case Kind::huge_norm:
        scale = 1e25f;
        spread = 0.2f;
        break;
      case Kind::tiny_norm:
        scale = 1e-30f;
        spread = 0.2f;
        break;
      case Kind::mixed_norm:
        scale = std::pow(10.0f, static_cast<float>(pick(9) - 4));
        spread = 0.5f;
        break;
      case Kind::half_shared:
        offset = 1;
        clustered = false;
        break;
      case Kind::shared:
        offset = 3;
        scale = pick(16) == 0 ? 0.0f : std::exp2(static_cast<float>(pick(3) - 1));
        clustered = false;
        break;
      case Kind::shared_near_ties:
        offset = 3;
        spread = 1e-6f;
        break;
      case Kind::nearly_all_shared:
        offset = 30;
        clustered = false;
        break;
      case Kind::far_from_origin:
      case Kind::outliers:
        clustered = false;
        break;
    }
    for (int64_t c = 0; c < cols; ++c) {
      float value = normal(rng);
      if (clustered) value = centers[static_cast<size_t>(cluster * cols + c)] + spread * value;
      value += offset;
      if (kind == Kind::far_from_origin) value = 100 + 0.01f * value;
      if (kind == Kind::outliers && c == 0 && i % 8 == 0) value = 60;
      out.data[static_cast<size_t>(i * cols + c)] = scale * value;
    }
  }
  return out;
}

inline Votes votes(int64_t rows, int64_t lfs, const VoteDomain& domain, double coverage, unsigned seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<double> uniform;
  Votes out{std::vector<int8_t>(static_cast<size_t>(rows * lfs)), rows, lfs};
  for (int8_t& vote : out.data)
    if (uniform(rng) < coverage) vote = domain.vote_of(static_cast<int>(rng() % static_cast<unsigned>(domain.classes)));
  return out;
}

// The canonical numbers, restated. Without sanitizers: most of the tests' time would be theirs.
inline double sum_of_eight(const double* a) {
  return ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
}

[[gnu::no_sanitize("address", "undefined")]] inline double dot(const float* x, const float* y, int64_t dims) {
  double a[8] = {};
  for (int64_t i = 0; i < dims; ++i) a[i % 8] += double(x[i]) * double(y[i]);
  return sum_of_eight(a);
}

[[gnu::no_sanitize("address", "undefined")]] inline double squared_distance(const float* x, const float* y,
                                                                            int64_t dims) {
  double a[8] = {};
  for (int64_t i = 0; i < dims; ++i) {
    const double difference = double(x[i]) - double(y[i]);
    a[i % 8] += difference * difference;
  }
  return sum_of_eight(a);
}

inline Floats normalised(const Floats& in) {
  Floats out = in;
  for (int64_t i = 0; i < in.rows; ++i) {
    const float* row = in.view().row(i);
    const double norm = std::sqrt(dot(row, row, in.cols));
    for (int64_t c = 0; c < in.cols; ++c)
      out.data[static_cast<size_t>(i * in.cols + c)] = norm == 0 ? 0 : static_cast<float>(double(row[c]) * (1 / norm));
  }
  return out;
}

// Keys of all pairs: larger is nearer (dot, or minus the squared distance).
inline std::vector<double> keys(const Floats& queries, const Floats& support, Metric metric) {
  const Floats q = metric == Metric::cosine ? normalised(queries) : queries;
  const Floats s = metric == Metric::cosine ? normalised(support) : support;
  std::vector<double> out(static_cast<size_t>(q.rows * s.rows));
  auto at = out.begin();
  for (int64_t i = 0; i < q.rows; ++i)
    for (int64_t j = 0; j < s.rows; ++j)
      *at++ = metric == Metric::l2 ? -squared_distance(q.view().row(i), s.view().row(j), q.cols)
                                   : dot(q.view().row(i), s.view().row(j), q.cols);
  return out;
}

inline double score(Metric metric, double key) { return metric == Metric::l2 ? std::sqrt(-key) : key; }

inline bool is_zero(const Floats& rows, int64_t i) {
  for (int64_t c = 0; c < rows.cols; ++c)
    if (rows.view()(i, c) != 0) return false;
  return true;
}

struct Nearest {
  int32_t row = -1;
  double key = -std::numeric_limits<double>::infinity();
};

// (query, LF, class) -> nearest voter, from the keys of all pairs.
inline std::vector<Nearest> nearest_voters(const Floats& queries, const Votes& query_votes, const Floats& support,
                                           const Votes& support_votes, const VoteDomain& domain, Metric metric,
                                           const std::vector<double>& keys) {
  std::vector<Nearest> out(static_cast<size_t>(query_votes.rows * query_votes.cols * domain.classes));
  for (int64_t i = 0; i < queries.rows; ++i) {
    if (metric == Metric::cosine && is_zero(queries, i)) continue;
    for (int64_t s = 0; s < support.rows; ++s) {
      if (metric == Metric::cosine && is_zero(support, s)) continue;
      for (int64_t lf = 0; lf < query_votes.cols; ++lf) {
        const int8_t vote = support_votes.view()(s, lf);
        if (vote == 0 || query_votes.view()(i, lf) != 0) continue;
        const double key = keys[static_cast<size_t>(i * support.rows + s)];
        Nearest& best = out[static_cast<size_t>((i * query_votes.cols + lf) * domain.classes + domain.class_of(vote))];
        if (best.row < 0 || key > best.key) best = {static_cast<int32_t>(s), key};
      }
    }
  }
  return out;
}

struct Extended {
  std::vector<int8_t> votes;
  std::vector<int32_t> neighbors;
  std::vector<float> scores;
};

inline Extended room_for(int64_t cells) {
  const auto size = static_cast<size_t>(cells);
  return {std::vector<int8_t>(size), std::vector<int32_t>(size), std::vector<float>(size)};
}

inline Extended extend(const Votes& query_votes, const std::vector<Nearest>& nearest, const VoteDomain& domain,
                       Metric metric, const std::vector<double>& thresholds) {
  Extended out;
  for (int64_t cell = 0; cell < query_votes.view().size(); ++cell) {
    const int8_t direct = query_votes.data[static_cast<size_t>(cell)];
    int8_t vote = direct;
    int32_t neighbor = direct != 0 ? -1 : -2;
    float reported = std::numeric_limits<float>::quiet_NaN();
    if (direct == 0) {
      const Nearest* classes = &nearest[static_cast<size_t>(cell * domain.classes)];
      int winner = -1;
      for (int c = 0; c < domain.classes; ++c) {
        bool wins = classes[c].row >= 0;
        for (int other = 0; other < domain.classes; ++other)
          if (other != c && classes[other].row >= 0 && classes[other].key >= classes[c].key) wins = false;
        if (wins) winner = c;
      }
      if (winner >= 0) {
        const double s = score(metric, classes[winner].key);
        const double t = thresholds[static_cast<size_t>(cell % query_votes.cols)];
        if (metric == Metric::l2 ? s < t : s > t) {
          vote = domain.vote_of(winner);
          neighbor = classes[winner].row;
          reported = static_cast<float>(s);
        }
      }
    }
    out.votes.push_back(vote);
    out.neighbors.push_back(neighbor);
    out.scores.push_back(reported);
  }
  return out;
}

struct TopK {
  std::vector<int32_t> indices;
  std::vector<float> scores;
};

inline TopK top_k(const std::vector<double>& keys, int64_t queries, int64_t support, int64_t k, Metric metric) {
  TopK out;
  for (int64_t i = 0; i < queries; ++i) {
    const double* key = keys.data() + i * support;
    std::vector<int32_t> rows(static_cast<size_t>(support));
    std::iota(rows.begin(), rows.end(), 0);
    std::partial_sort(rows.begin(), rows.begin() + k, rows.end(),
                      [&](int32_t a, int32_t b) { return key[a] != key[b] ? key[a] > key[b] : a < b; });
    for (int64_t r = 0; r < k; ++r) {
      const int32_t best = rows[static_cast<size_t>(r)];
      out.indices.push_back(best);
      out.scores.push_back(static_cast<float>(score(metric, key[best])));
    }
  }
  return out;
}

// Bit for bit, NaN equal to NaN.
inline bool same(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  return true;
}

}  // namespace nearvote::reference
