#include "core/neighbors/device.h"

#include <cmath>
#include <exception>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"

namespace nearvote {
namespace {

static_assert(static_cast<int>(Metric::cosine) == NEARVOTE_COSINE && static_cast<int>(Metric::dot) == NEARVOTE_DOT &&
              static_cast<int>(Metric::l2) == NEARVOTE_L2);

void check_status(int32_t status, const NearvoteText& error) {
  if (status == NEARVOTE_OK) return;
  if (status == NEARVOTE_CANCELLED) throw Cancelled();
  throw DeviceError(error.text);
}

NearvoteText no_error() {
  NearvoteText text{};
  text.size = sizeof text;
  return text;
}

struct ResidentSet final : EmbeddingSet::DeviceCopy {
  const NearvoteDeviceApi& api;
  NearvoteDeviceSet* set = nullptr;
  explicit ResidentSet(const NearvoteDeviceApi& functions) : api(functions) {}
  ~ResidentSet() override { api.destroy_set(set); }
  int64_t bytes() const override { return static_cast<int64_t>(api.set_bytes(set)); }
};

// Cancellation and progress of a call, as the backend polls them.
NearvoteRun run_of(const JobControl& job, uint64_t scratch_bytes) {
  NearvoteRun run{};
  run.size = sizeof run;
  run.context = const_cast<JobControl*>(&job);
  run.scratch_bytes = scratch_bytes;
  run.poll = [](void* context, int64_t done, int64_t total) -> int32_t {
    const auto& control = *static_cast<const JobControl*>(context);
    control.report(done, total);
    return control.cancelled() ? 1 : 0;
  };
  return run;
}

// Winners arrive in the backend's form, chunk by chunk; an exception waits here until the backend has returned.
struct Receiver {
  VoterSearch::Sink& sink;
  int64_t cells;
  int threads;
  std::exception_ptr error;

  static int32_t take(void* context, int64_t first, int64_t count, const NearvoteWinner* winners) {
    auto& self = *static_cast<Receiver*>(context);
    try {
      constexpr int64_t kQueriesPerTask = 64;
      parallel_for((count + kQueriesPerTask - 1) / kQueriesPerTask, self.threads, [&](int64_t task, int) {
        std::vector<Winner> converted(static_cast<size_t>(self.cells));
        for (int64_t q = task * kQueriesPerTask; q < std::min(count, (task + 1) * kQueriesPerTask); ++q) {
          const NearvoteWinner* from = winners + q * self.cells;
          for (int64_t cell = 0; cell < self.cells; ++cell)
            converted[static_cast<size_t>(cell)] = {from[cell].key, from[cell].row, from[cell].contested != 0};
          self.sink.take(first + q, converted.data());
        }
      });
      return 0;
    } catch (...) {
      self.error = std::current_exception();
      return 1;
    }
  }
};

// A key that every voter strictly inside the threshold reaches.
double least_key(Metric metric, double threshold) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (std::isnan(threshold)) return kInfinity;
  if (metric != Metric::l2) return threshold;
  if (threshold <= 0) return kInfinity;
  return -(threshold * threshold) * (1 + 0x1p-50);  // the root rounds
}

}  // namespace

NearvoteDeviceSet* Device::resident(const EmbeddingSet& set) const {
  auto copy = set.device_copy([&]() -> std::shared_ptr<EmbeddingSet::DeviceCopy> {
    NearvoteSetArgs args{};
    args.size = sizeof args;
    args.device = index_;
    args.values = set.row(0);
    args.rows = set.rows();
    args.dims = set.dims();
    args.stride = set.stride();
    args.metric = static_cast<int32_t>(set.metric());
    NearvoteText error = no_error();
    NearvoteDeviceSet* handle = nullptr;
    check_status(api_.create_set(&args, &handle, &error), error);
    auto made = std::make_shared<ResidentSet>(api_);
    made->set = handle;
    return made;
  });
  return static_cast<ResidentSet&>(*copy).set;
}

void Device::nearest_voters(const Voters& in, const double* thresholds, VoterSearch::Sink& sink,
                            const RunOptions& options) const {
  // The ABI's votes are classes: 1..K.
  std::vector<int8_t> classes(in.support_votes.data, in.support_votes.data + in.support_votes.size());
  if (in.domain.signed_votes)
    for (int8_t& vote : classes) vote = static_cast<int8_t>((vote != 0) + (vote > 0));
  std::vector<double> least;
  if (thresholds != nullptr)
    for (int64_t lf = 0; lf < in.query_votes.cols; ++lf)
      least.push_back(least_key(in.queries.metric(), thresholds[lf]));
  Receiver receiver{sink, in.query_votes.cols * in.classes_per_lf, effective_threads(options.threads, 1 << 20), {}};
  const NearvoteRun run = run_of(options.job, scratch_bytes_);
  NearvoteVotersArgs args{};
  args.size = sizeof args;
  args.classes_per_lf = static_cast<int32_t>(in.classes_per_lf);
  args.queries = resident(in.queries);
  args.support = resident(in.support);
  args.query_votes = in.query_votes.data;
  args.support_votes = classes.data();
  args.lfs = in.query_votes.cols;
  args.searched = in.rows.data();
  args.searched_rows = static_cast<int64_t>(in.rows.size());
  args.least_key = thresholds != nullptr ? least.data() : nullptr;
  args.take = Receiver::take;
  args.take_context = &receiver;
  args.run = &run;
  NearvoteText error = no_error();
  const int32_t status = api_.nearest_voters(&args, &error);
  if (receiver.error) std::rethrow_exception(receiver.error);
  check_status(status, error);
}

void Device::top_k(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t k, int32_t* indices, float* scores,
                   const RunOptions& options) const {
  if (k > NEARVOTE_DEVICE_MAX_K)
    throw expected("at most " + std::to_string(NEARVOTE_DEVICE_MAX_K) + " on a CUDA device", "k", std::to_string(k));
  std::vector<double> keys(static_cast<size_t>(queries.rows() * k));
  const NearvoteRun run = run_of(options.job, scratch_bytes_);
  NearvoteTopKArgs args{};
  args.size = sizeof args;
  args.k = static_cast<int32_t>(k);
  args.queries = resident(queries);
  args.support = resident(support);
  args.rows = indices;
  args.keys = keys.data();
  args.run = &run;
  NearvoteText error = no_error();
  check_status(api_.top_k(&args, &error), error);
  for (size_t i = 0; i < keys.size(); ++i) scores[i] = static_cast<float>(score_of_key(queries.metric(), keys[i]));
}

void Device::pairwise(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, float* out,
                      const PairwiseOptions& options) const {
  const NearvoteRun run = run_of(options.job, scratch_bytes_);
  NearvotePairwiseArgs args{};
  args.size = sizeof args;
  args.precise = options.precise ? 1 : 0;
  args.complement = a.metric() == Metric::cosine && output == PairwiseOutput::distance ? 1 : 0;
  args.a = resident(a);
  args.b = resident(b);
  args.out = out;
  args.run = &run;
  NearvoteText error = no_error();
  check_status(api_.pairwise(&args, &error), error);
}

}  // namespace nearvote
