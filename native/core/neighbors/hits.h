// The hits of one query: support rows and their canonical keys.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace nearvote {

struct Hit {
  double key;
  int32_t row;
};

inline bool nearer(const Hit& a, const Hit& b) { return a.key > b.key || (a.key == b.key && a.row < b.row); }

// The best k of `hits`, nearest first.
inline void keep_best(std::vector<Hit>& hits, int64_t k) {
  const auto count = std::min<int64_t>(k, static_cast<int64_t>(hits.size()));
  if (count < static_cast<int64_t>(hits.size())) {
    std::nth_element(hits.begin(), hits.begin() + count, hits.end(), nearer);
    hits.resize(static_cast<size_t>(count));
  }
  std::sort(hits.begin(), hits.end(), nearer);
}

}  // namespace nearvote
