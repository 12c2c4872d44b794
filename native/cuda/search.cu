#include <algorithm>
#include <limits>

#include "core/device/layout.h"
#include "cuda/chunks.h"
#include "cuda/search.h"
#include "cuda/vote_masks.h"

namespace nearvote::cuda {

using device::kTileRows;

Search::Search(const NearvoteDeviceSet& queries, const NearvoteDeviceSet& support, Placement placement,
               cudaStream_t stream)
    : queries_(queries), support_(support), placement_(std::move(placement)) {
  device::SupportRange range;
  const auto positions = static_cast<int64_t>(placement_.order.size());
  std::vector<float2> places(placement_.order.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const int32_t row = placement_.order[i];
    if (row < 0) {
      places[i] = make_float2(0, -std::numeric_limits<float>::infinity());
      continue;
    }
    const device::RowInfo& info = support.info[static_cast<size_t>(row)];
    const double half_square = support.l2 ? info.squares / 2 : 0;
    places[i] = make_float2(info.scale, static_cast<float>(-half_square));
    range.norm = std::max<double>(range.norm, info.norm);
    range.residual = std::max<double>(range.residual, info.residual);
    range.half_square = std::max(range.half_square, half_square);
  }
  double largest_query = 0;
  for (const device::RowInfo& info : queries.info) largest_query = std::max<double>(largest_query, info.norm);
  filtered_ = device::filterable(largest_query, range.norm);
  order_ = uploaded(placement_.order, "support order", stream);

  std::vector<uint8_t> zero(queries.info.size());
  for (size_t i = 0; i < zero.size(); ++i) zero[i] = queries.cosine && queries.info[i].zero != 0;
  zero_ = uploaded(zero, "query flags", stream);
  if (filtered_) {
    places_ = uploaded(places, "support scales", stream);
    halves_ = DeviceBuffer<uint16_t>(positions * support.depth, "sorted support");
    gather_halves(support, order_.data(), positions, halves_.data(), stream);
    std::vector<device::QueryFilter> filters(
        static_cast<size_t>((queries.rows + kTileRows - 1) / kTileRows * kTileRows));
    for (size_t i = 0; i < queries.info.size(); ++i)
      filters[i] = device::make_query_filter(queries.info[i], range, queries.depth);
    filters_ = uploaded(filters, "query filters", stream);
  }
  check(cudaStreamSynchronize(stream), "preparing the support");  // host copies end here
}

void Search::sketch_chunk(int64_t first, int64_t count, uint32_t* codes, cudaStream_t stream) const {
  SketchArgs args{};
  args.support = halves_.data();
  args.places = places_.data();
  args.positions = static_cast<int64_t>(placement_.order.size());
  args.queries = queries_.halves.data() + first * queries_.depth;
  args.filters = filters_.data() + first;
  args.query_count = count;
  args.depth = queries_.depth;
  args.codes = codes;
  sketch(args, placement_.group_size, queries_.device, stream);
}

DecideArgs Search::decide_args(int64_t first, int64_t count, const OpenedGroups& opened) const {
  DecideArgs args{};
  args.queries = queries_.rows_at + first * queries_.stride;
  args.support = support_.rows_at;
  args.dims = queries_.dims;
  args.query_stride = queries_.stride;
  args.support_stride = support_.stride;
  args.l2 = queries_.l2;
  args.order = order_.data();
  args.positions = static_cast<int64_t>(placement_.order.size());
  args.group_size = placement_.group_size;
  args.query_count = count;
  args.opened = opened;
  return args;
}

namespace {

constexpr int64_t kDefaultScratch = int64_t{1} << 30;
constexpr int64_t kLongestChunk = 8192;

// Queries per chunk: as many as two slots of scratch hold, whole tiles, at least one.
int64_t chunk_queries(int64_t queries, int64_t bytes_per_query, const NearvoteRun* run) {
  const int64_t scratch = run != nullptr && run->scratch_bytes != 0
                              ? static_cast<int64_t>(run->scratch_bytes)
                              : std::min(kDefaultScratch, static_cast<int64_t>(available_memory() / 2));
  const int64_t fit = std::min(scratch / 2 / std::max<int64_t>(1, bytes_per_query), kLongestChunk);
  const int64_t all = (queries + kTileRows - 1) / kTileRows * kTileRows;
  return std::clamp<int64_t>(fit / kTileRows * kTileRows, kTileRows, all);
}

// What both searches keep per chunk in flight.
struct Slot : Chunk {
  Slot(const Search& search, int64_t chunk, int32_t capacity)
      : codes(search.filtered() ? chunk / device::kQueryBlock * device::kWords * search.groups() : 0, "codes"),
        counts(search.filtered() ? chunk : 0, "counts"),
        groups(search.filtered() ? chunk * capacity : 0, "opened groups"),
        capacity(capacity) {}

  OpenedGroups cleared() const {
    if (counts.size() == 0) return {nullptr, nullptr, 0};
    check(cudaMemsetAsync(counts.data(), 0, counts.bytes(), stream), "clearing");
    return {counts.data(), groups.data(), capacity};
  }

  DeviceBuffer<uint32_t> codes;
  DeviceBuffer<int32_t> counts, groups;
  int32_t capacity;
  Stream stream;
};

int64_t whole_tiles(int64_t count) { return (count + kTileRows - 1) / kTileRows * kTileRows; }

// --- voters ---

// LFs first .. end - 1, as many cells as a selection takes at once.
struct LfRange {
  int64_t first, end;
  DeviceBuffer<uint2> all, any;
  const uint2* any_masks() const { return any.size() > 0 ? any.data() : all.data(); }
};

std::vector<LfRange> lf_ranges(const Search& search, const NearvoteVotersArgs& args, const int8_t* support_votes,
                               cudaStream_t stream) {
  const int64_t lfs_per_range = std::max<int64_t>(1, kMaxCells / args.classes_per_lf);
  const int64_t tiles = (search.groups() + device::kListTile - 1) / device::kListTile;
  std::vector<LfRange> ranges;
  for (int64_t first = 0; first < args.lfs; first += lfs_per_range) {
    LfRange range{first, std::min(args.lfs, first + lfs_per_range), {}, {}};
    if (search.filtered()) {
      const int64_t words = tiles * (range.end - range.first) * args.classes_per_lf;
      range.all = DeviceBuffer<uint2>(words, "vote masks");
      range.any = DeviceBuffer<uint2>(search.group_size() > 1 ? words : 0, "vote masks");
      VoteMaskArgs masks{};
      masks.order = search.order();
      masks.groups = search.groups();
      masks.group_size = search.group_size();
      masks.votes = support_votes;
      masks.lfs = args.lfs;
      masks.first_lf = range.first;
      masks.lf_count = static_cast<int32_t>(range.end - range.first);
      masks.classes_per_lf = args.classes_per_lf;
      masks.all = range.all.data();
      masks.any = range.any.data();
      mask_voters(masks, stream);
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

struct VoterSlot : Slot {
  VoterSlot(const Search& search, int64_t chunk, int32_t capacity, int64_t cells, int64_t best_words)
      : Slot(search, chunk, capacity),
        best(search.filtered() ? best_words : 0, "best codes"),
        winners(chunk * cells, "winners"),
        host_winners(chunk * cells) {}
  DeviceBuffer<uint32_t> best;
  DeviceBuffer<NearvoteWinner> winners;
  PinnedBuffer<NearvoteWinner> host_winners;
};

}  // namespace

void search_voters(const NearvoteVotersArgs& args) {
  constexpr int32_t kCapacity = 2048;
  constexpr int64_t kBusy = 1024;  // blocks of a selection that keep a device busy: eight for each of 128 processors
  const NearvoteDeviceSet &queries = *args.queries, &support = *args.support;
  poll(args.run, 0, queries.rows);
  if (queries.rows == 0) return;
  const Stream setup;
  const Search search(queries, support, place_voters(args), setup);
  DeviceBuffer<int8_t> query_votes(queries.rows * args.lfs, "query votes");
  query_votes.upload(args.query_votes, query_votes.size(), setup);
  DeviceBuffer<int8_t> support_votes(support.rows * args.lfs, "support votes");
  support_votes.upload(args.support_votes, support_votes.size(), setup);
  DeviceBuffer<double> least_key(args.least_key != nullptr ? args.lfs : 0, "thresholds");
  least_key.upload(args.least_key, least_key.size(), setup);
  const std::vector<LfRange> ranges = lf_ranges(search, args, support_votes.data(), setup);
  setup.wait();

  const int64_t cells = args.lfs * args.classes_per_lf;
  const int64_t range_cells = std::min<int64_t>(cells, std::max<int64_t>(kMaxCells, args.classes_per_lf));
  const int64_t per_query = search.groups() * 2 + kCapacity * 4 + cells * 16;
  const int64_t chunk = chunk_queries(queries.rows, per_query, args.run);
  const int64_t tiles = (search.groups() + device::kListTile - 1) / device::kListTile;
  const int64_t segments = std::clamp<int64_t>(kBusy * device::kQueryBlock / chunk, 1, std::min<int64_t>(tiles, 64));
  const int64_t best_words = chunk / device::kQueryBlock * segments * range_cells * device::kWords;
  VoterSlot slots[2] = {{search, chunk, kCapacity, cells, best_words}, {search, chunk, kCapacity, cells, best_words}};

  const auto start = [&](VoterSlot& slot) {
    const int64_t padded = whole_tiles(slot.count);
    if (search.filtered()) search.sketch_chunk(slot.first, padded, slot.codes.data(), slot.stream);
    for (const LfRange& range : ranges) {
      const OpenedGroups opened = slot.cleared();
      const auto lf_count = static_cast<int32_t>(range.end - range.first);
      if (search.filtered()) {
        SelectVotersArgs select{};
        select.codes = slot.codes.data();
        select.groups = search.groups();
        select.query_blocks = padded / device::kQueryBlock;
        select.all = range.all.data();
        select.any = range.any_masks();
        select.cells = lf_count * args.classes_per_lf;
        select.classes_per_lf = args.classes_per_lf;
        select.segments = static_cast<int32_t>(segments);
        select.best = slot.best.data();
        select.filters = search.filters() + slot.first;
        select.zero = search.zero() + slot.first;
        select.votes = query_votes.data() + slot.first * args.lfs;
        select.query_count = slot.count;
        select.lfs = args.lfs;
        select.first_lf = range.first;
        select.least_key = least_key.data();
        select.l2 = queries.l2;
        select.opened = opened;
        select_voters(select, slot.stream);
      }
      DecideVotersArgs decide{};
      decide.rows = search.decide_args(slot.first, slot.count, opened);
      decide.zero = search.zero() + slot.first;
      decide.votes = query_votes.data() + slot.first * args.lfs;
      decide.support_votes = support_votes.data();
      decide.lfs = args.lfs;
      decide.first_lf = range.first;
      decide.lf_count = lf_count;
      decide.classes_per_lf = args.classes_per_lf;
      decide.all_cells = cells;
      decide.winners = slot.winners.data();
      decide_voters(decide, slot.stream);
    }
    slot.winners.download(slot.host_winners.data(), slot.count * cells, slot.stream);
  };
  run_chunks(slots, queries.rows, chunk, args.run, start, [&](VoterSlot& slot) {
    if (args.take(args.take_context, slot.first, slot.count, slot.host_winners.data()) != 0) throw CallCancelled();
  });
}

namespace {

struct TopKSlot : Slot {
  TopKSlot(const Search& search, int64_t chunk, int32_t capacity, int32_t k)
      : Slot(search, chunk, capacity),
        rows(chunk * k, "nearest rows"),
        keys(chunk * k, "nearest keys"),
        host_rows(chunk * k),
        host_keys(chunk * k) {}
  DeviceBuffer<int32_t> rows;
  DeviceBuffer<double> keys;
  PinnedBuffer<int32_t> host_rows;
  PinnedBuffer<double> host_keys;
};

}  // namespace

void search_top_k(const NearvoteTopKArgs& args) {
  constexpr int32_t kGroupsOfFourUpTo = 64;  // larger k opens so many groups that rows of their own are cheaper
  const NearvoteDeviceSet &queries = *args.queries, &support = *args.support;
  poll(args.run, 0, queries.rows);
  if (queries.rows == 0) return;
  const Stream setup;
  const Search search(queries, support, place_rows(support.rows, args.k <= kGroupsOfFourUpTo ? 4 : 1), setup);
  const int32_t capacity = 2 * args.k + 256;
  const int64_t per_query = search.groups() * 2 + int64_t{capacity} * 4 + int64_t{args.k} * 12;
  const int64_t chunk = chunk_queries(queries.rows, per_query, args.run);
  TopKSlot slots[2] = {{search, chunk, capacity, args.k}, {search, chunk, capacity, args.k}};
  const auto start = [&](TopKSlot& slot) {
    const int64_t padded = whole_tiles(slot.count);
    const OpenedGroups opened = slot.cleared();
    if (search.filtered()) {
      search.sketch_chunk(slot.first, padded, slot.codes.data(), slot.stream);
      SelectTopKArgs select{};
      select.codes = slot.codes.data();
      select.groups = search.groups();
      select.query_blocks = padded / device::kQueryBlock;
      select.query_count = slot.count;
      select.filters = search.filters() + slot.first;
      select.k = args.k;
      select.opened = opened;
      select_top_k(select, slot.stream);
    }
    DecideTopKArgs decide{};
    decide.rows = search.decide_args(slot.first, slot.count, opened);
    decide.k = args.k;
    decide.out_rows = slot.rows.data();
    decide.out_keys = slot.keys.data();
    decide_top_k(decide, slot.stream);
    slot.rows.download(slot.host_rows.data(), slot.count * args.k, slot.stream);
    slot.keys.download(slot.host_keys.data(), slot.count * args.k, slot.stream);
  };
  run_chunks(slots, queries.rows, chunk, args.run, start, [&](TopKSlot& slot) {
    std::copy_n(slot.host_rows.data(), slot.count * args.k, args.rows + slot.first * args.k);
    std::copy_n(slot.host_keys.data(), slot.count * args.k, args.keys + slot.first * args.k);
  });
}

}  // namespace nearvote::cuda
