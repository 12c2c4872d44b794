#include "core/neighbors/block_keys.h"

namespace nearvote {

BlockKeys::BlockKeys(const EmbeddingSet& set) : canonical_(set, set), place_of_(static_cast<size_t>(set.rows())) {}

void BlockKeys::clear() {
  askers_.clear();
  places_.clear();
  distinct_.clear();
}

void BlockKeys::add(int32_t row, const int32_t* candidates, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    int32_t& place = place_of_[static_cast<size_t>(candidates[i])];
    if (static_cast<size_t>(place) >= distinct_.size() || distinct_[static_cast<size_t>(place)] != candidates[i]) {
      place = static_cast<int32_t>(distinct_.size());
      distinct_.push_back(candidates[i]);
    }
    askers_.push_back(row);
    places_.push_back(place);
  }
}

const double* BlockKeys::compute() {
  begins_.assign(distinct_.size() + 1, 0);
  for (const int32_t place : places_) ++begins_[static_cast<size_t>(place) + 1];
  for (size_t p = 0; p < distinct_.size(); ++p) begins_[p + 1] += begins_[p];
  by_place_.resize(places_.size());
  std::vector<int64_t> next(begins_.begin(), begins_.end() - 1);
  for (size_t i = 0; i < places_.size(); ++i)
    by_place_[static_cast<size_t>(next[static_cast<size_t>(places_[i])]++)] = static_cast<int32_t>(i);

  keys_.resize(places_.size());
  for (size_t p = 0; p < distinct_.size(); ++p) {
    const int32_t *begin = by_place_.data() + begins_[p], *end = by_place_.data() + begins_[p + 1];
    rows_asking_.clear();
    for (const int32_t* i = begin; i < end; ++i) rows_asking_.push_back(askers_[static_cast<size_t>(*i)]);
    some_keys_.resize(rows_asking_.size());
    canonical_.set_query(distinct_[p]);
    canonical_.keys(rows_asking_.data(), static_cast<int64_t>(rows_asking_.size()), some_keys_.data());
    for (const int32_t* i = begin; i < end; ++i)
      keys_[static_cast<size_t>(*i)] = some_keys_[static_cast<size_t>(i - begin)];
  }
  return keys_.data();
}

}  // namespace nearvote
