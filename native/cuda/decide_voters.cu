// A warp per query; the winners of its cells live in shared memory, LF j with lane j % 32.
#include "core/device/merge.h"
#include "cuda/decide_lane.h"

namespace nearvote::cuda {
namespace {

constexpr int kWarps = 4;

__global__ void __launch_bounds__(kWarps * 32) decide_cells(DecideVotersArgs args) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int cells = args.lf_count * args.classes_per_lf;
  NearvoteWinner* winners = reinterpret_cast<NearvoteWinner*>(dynamic_shared()) + warp * cells;
  const int64_t query = static_cast<int64_t>(blockIdx.x) * kWarps + warp;
  if (query >= args.rows.query_count) return;
  const int8_t* own = args.votes + query * args.lfs + args.first_lf;
  for (int i = lane; i < cells; i += 32) winners[i] = {-INFINITY, -1, 0};
  __syncwarp();
  const int64_t entries = args.zero[query] != 0 ? 0 : rows_to_decide(args.rows, query);
  for (int64_t first = 0; first < entries; first += 4) {
    const int32_t mine = row_to_decide(args.rows, query, entries, first + lane / 8);
    const double my_key = decide_key(args.rows, query, mine);
    for (int quarter = 0; quarter < 4; ++quarter) {
      const int32_t row = __shfl_sync(kFullWarp, mine, quarter * 8);
      const double key = __shfl_sync(kFullWarp, my_key, quarter * 8);
      if (row < 0) continue;
      for (int lf = lane; lf < args.lf_count; lf += 32) {
        const auto vote_of = [&](int32_t r) { return args.support_votes[r * args.lfs + args.first_lf + lf]; };
        const int8_t vote = vote_of(row);
        if (vote == 0 || own[lf] != 0) continue;
        NearvoteWinner& winner = winners[args.classes_per_lf == 1 ? lf : lf * args.classes_per_lf + vote - 1];
        device::merge_voter(winner, key, row, vote_of);
      }
    }
  }
  __syncwarp();
  NearvoteWinner* out = args.winners + query * args.all_cells + args.first_lf * args.classes_per_lf;
  for (int i = lane; i < cells; i += 32) out[i] = winners[i];
}

}  // namespace

void decide_voters(const DecideVotersArgs& args, cudaStream_t stream) {
  const size_t shared = static_cast<size_t>(kWarps) * args.lf_count * args.classes_per_lf * sizeof(NearvoteWinner);
  launch("decide_cells", decide_cells, dim3(static_cast<unsigned>((args.rows.query_count + kWarps - 1) / kWarps)),
         dim3(kWarps * 32), shared, stream, args);
}

}  // namespace nearvote::cuda
