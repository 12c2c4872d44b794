// Queries in chunks on two streams: while one chunk is selected and decided, the product of the next may run and the
// results of the one before are handed over.
#pragma once

#include "core/device/device_api.h"
#include "cuda/buffers.h"

namespace nearvote::cuda {

// Tells the caller how far it is; throws CallCancelled when asked to stop.
inline void poll(const NearvoteRun* run, int64_t done, int64_t total) {
  if (run != nullptr && run->poll != nullptr && run->poll(run->context, done, total) != 0) throw CallCancelled();
}

// The queries a slot has in flight; a slot adds its buffers and its stream.
struct Chunk {
  int64_t first = -1, count = 0;  // first < 0: none
};

// start(slot) enqueues the queries slot.first .. + slot.count, finish(slot) hands over what has been waited for.
template <class Slot, class Start, class Finish>
void run_chunks(Slot (&slots)[2], int64_t queries, int64_t chunk, const NearvoteRun* run, Start&& start,
                Finish&& finish) {
  const auto settle = [&](Slot& slot) {
    if (slot.first < 0) return;
    slot.stream.wait();
    finish(slot);
    poll(run, slot.first + slot.count, queries);
    slot.first = -1;
  };
  try {
    int64_t turn = 0;
    for (int64_t first = 0; first < queries; first += chunk, ++turn) {
      Slot& slot = slots[turn % 2];
      settle(slot);
      slot.first = first;
      slot.count = queries - first < chunk ? queries - first : chunk;
      start(slot);
    }
    settle(slots[turn % 2]);
    settle(slots[(turn + 1) % 2]);
  } catch (...) {
    for (Slot& slot : slots) cudaStreamSynchronize(slot.stream);  // nothing may use a buffer that is given back next
    throw;
  }
}

}  // namespace nearvote::cuda
