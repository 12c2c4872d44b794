// A device that runs the searches of this room through a backend's functions (core/device/device_api.h). Core never
// opens the backend: the addon (or a test) does and hands over the table. A device decides by canonical keys, so it
// returns the bits the CPU returns; float32 matrices are within their bound.
#pragma once

#include <memory>

#include "core/device/device_api.h"
#include "core/neighbors/pairwise.h"
#include "core/neighbors/voter_search.h"

namespace nearvote {

class Device {
 public:
  // `api` and the library behind it outlive this and every set on the device. scratch_bytes: device memory for scratch,
  // at most; 0: the backend's choice.
  Device(const NearvoteDeviceApi& api, int index, uint64_t scratch_bytes = 0)
      : api_(api), index_(index), scratch_bytes_(scratch_bytes) {}

  const NearvoteDeviceApi& api() const { return api_; }
  int index() const { return index_; }

  // Puts a set on the device, once; the copy lives as long as the set. Throws DeviceError.
  NearvoteDeviceSet* resident(const EmbeddingSet& set) const;

  // The searches, arguments checked by their callers.
  struct Voters {
    const EmbeddingSet& queries;
    VoteMatrix query_votes;
    const EmbeddingSet& support;
    VoteMatrix support_votes;
    VoteDomain domain;
    int64_t classes_per_lf;
    const std::vector<int32_t>& rows;  // searched support rows, ascending
  };
  void nearest_voters(const Voters& in, const double* thresholds, VoterSearch::Sink& sink,
                      const RunOptions& options) const;
  void top_k(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k, int32_t* indices, float* scores,
             const RunOptions& options) const;
  void pairwise(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, float* out,
                const PairwiseOptions& options) const;

 private:
  const NearvoteDeviceApi& api_;
  int index_;
  uint64_t scratch_bytes_;
};

// What a backend reports: no memory, a failed launch.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace nearvote
