// A block per tile of 64 groups, a warp per LF in turn; a lane looks at groups l and l + 32.
#include "core/device/layout.h"
#include "cuda/vote_masks.h"

namespace nearvote::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads, 4) mask_groups(VoteMaskArgs args) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t tile = blockIdx.x;
  const int cells = args.lf_count * args.classes_per_lf;
  for (int lf = warp; lf < args.lf_count; lf += kThreads / 32)
    for (int cls = 0; cls < args.classes_per_lf; ++cls) {
      unsigned all[2], any[2];
#pragma unroll
      for (int word = 0; word < 2; ++word) {
        const int64_t group = tile * device::kListTile + word * 32 + lane;
        int rows = 0, voters = 0;
        for (int member = 0; member < args.group_size && group < args.groups; ++member) {
          const int64_t row = args.order[device::position_in(group, member, args.group_size)];
          if (row < 0) continue;
          const int vote = args.votes[row * args.lfs + args.first_lf + lf];
          ++rows;
          voters += args.classes_per_lf == 1 ? vote != 0 : vote == cls + 1;
        }
        any[word] = __ballot_sync(kFullWarp, voters > 0);
        all[word] = __ballot_sync(kFullWarp, voters > 0 && voters == rows);
      }
      const int64_t at = tile * cells + lf * args.classes_per_lf + cls;
      if (lane == 0) args.all[at] = make_uint2(all[0], all[1]);
      if (lane == 0 && args.any != nullptr) args.any[at] = make_uint2(any[0], any[1]);
    }
}

}  // namespace

void mask_voters(const VoteMaskArgs& args, cudaStream_t stream) {
  const int64_t tiles = (args.groups + device::kListTile - 1) / device::kListTile;
  launch("mask_groups", mask_groups, dim3(static_cast<unsigned>(tiles)), dim3(kThreads), 0, stream, args);
}

}  // namespace nearvote::cuda
