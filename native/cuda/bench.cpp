// cuda_bench LIBRARY [rows] [dims] [LFs,..] [k,..]: times a backend through its C ABI where there is a device (default
// 100000 768 10,50 10,100; - for none); skips with a reason elsewhere. Random unit rows, votes of 10 % coverage;
// medians of five calls after a warm-up; device copies of the embeddings are made before and not timed. Prints a table
// of measured times beside the floor of the product at the dense fp16 rate given by NEARVOTE_PEAK_TFLOPS, when set.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "cuda/backend_file.h"

namespace {

NearvoteText error{};

void check(int32_t status, const char* what) {
  if (status == NEARVOTE_OK) return;
  std::printf("%s failed: %s\n", what, error.text);
  std::exit(1);
}

double median_seconds(const std::function<void()>& call) {
  call();
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[2];
}

// "10,50" -> {10, 50}; "-" -> {}.
std::vector<int64_t> numbers(const char* text) {
  std::vector<int64_t> out;
  for (char* end = nullptr; *text >= '0' && *text <= '9'; text = *end == ',' ? end + 1 : end)
    out.push_back(std::strtoll(text, &end, 10));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::printf("usage: cuda_bench LIBRARY [rows] [dims] [LFs,..] [k,..]\n");
    return 2;
  }
  std::string why;
  const NearvoteDeviceApi api = nearvote::cuda::open_backend(argv[1], why);
  if (api.size == 0) {
    std::printf("skipped: %s\n", why.c_str());
    return 0;
  }
  const int64_t rows = argc > 2 ? std::atoll(argv[2]) : 100000, dims = argc > 3 ? std::atoll(argv[3]) : 768;
  std::mt19937 rng(1);
  std::normal_distribution<float> normal;
  std::vector<float> table_of_normals(1 << 16);  // a draw each would take longer than the searches
  for (float& value : table_of_normals) value = normal(rng);
  std::vector<float> values(static_cast<size_t>(rows * dims));
  for (int64_t i = 0; i < rows; ++i) {
    double squares = 0;
    for (int64_t c = 0; c < dims; ++c) {
      const float value = table_of_normals[rng() & 0xffff];
      values[static_cast<size_t>(i * dims + c)] = value;
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    for (int64_t c = 0; c < dims; ++c)
      values[static_cast<size_t>(i * dims + c)] *= static_cast<float>(1 / std::sqrt(squares));
  }
  NearvoteSetArgs set_args{};
  set_args.size = sizeof set_args;
  set_args.values = values.data();
  set_args.rows = rows;
  set_args.dims = set_args.stride = dims;
  set_args.metric = NEARVOTE_DOT;
  NearvoteDeviceSet* set = nullptr;
  const auto start = std::chrono::steady_clock::now();
  check(api.create_set(&set_args, &set, &error), "create_set");
  const double upload = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  struct Line {
    std::string name;
    double seconds, flops;
  };
  const double product = 2.0 * static_cast<double>(rows) * static_cast<double>(rows) * static_cast<double>(dims);
  std::vector<Line> table{{"embeddings to the device", upload, 0}};
  NearvoteRun run{};
  run.size = sizeof run;
  for (const int64_t lfs : numbers(argc > 4 ? argv[4] : "10,50")) {
    std::vector<int8_t> votes(static_cast<size_t>(rows * lfs));
    for (int8_t& vote : votes) vote = rng() % 10 == 0 ? static_cast<int8_t>(1 + rng() % 2) : 0;
    std::vector<int32_t> searched;
    for (int64_t i = 0; i < rows; ++i)
      if (std::any_of(votes.begin() + i * lfs, votes.begin() + (i + 1) * lfs, [](int8_t vote) { return vote != 0; }))
        searched.push_back(static_cast<int32_t>(i));
    NearvoteVotersArgs args{};
    args.size = sizeof args;
    args.classes_per_lf = 1;
    args.queries = args.support = set;
    args.query_votes = args.support_votes = votes.data();
    args.lfs = lfs;
    args.searched = searched.data();
    args.searched_rows = static_cast<int64_t>(searched.size());
    args.take = [](void*, int64_t, int64_t, const NearvoteWinner*) -> int32_t { return 0; };
    args.run = &run;
    const double seconds = median_seconds([&] { check(api.nearest_voters(&args, &error), "nearest_voters"); });
    table.push_back({"nearest voters, m = " + std::to_string(lfs), seconds,
                     product * static_cast<double>(searched.size()) / static_cast<double>(rows)});
  }
  for (const int64_t k : numbers(argc > 5 ? argv[5] : "10,100")) {
    std::vector<int32_t> found(static_cast<size_t>(rows * k));
    std::vector<double> keys(found.size());
    NearvoteTopKArgs args{};
    args.size = sizeof args;
    args.k = static_cast<int32_t>(k);
    args.queries = args.support = set;
    args.rows = found.data();
    args.keys = keys.data();
    args.run = &run;
    table.push_back({"top-k, k = " + std::to_string(k),
                     median_seconds([&] { check(api.top_k(&args, &error), "top_k"); }), product});
  }
  api.destroy_set(set);

  NearvoteDeviceInfo info{};
  info.size = sizeof info;
  check(api.device_info(0, &info, &error), "device_info");
  const char* peak = std::getenv("NEARVOTE_PEAK_TFLOPS");
  std::printf("%s; %s; %lld x %lld rows of %lld\n%-26s %12s %10s %12s\n", info.name, api.backend,
              static_cast<long long>(rows), static_cast<long long>(rows), static_cast<long long>(dims), "call",
              "median ms", "TFLOP/s", "floor ms");
  for (const Line& line : table)
    std::printf("%-26s %12.2f %10.1f %12s\n", line.name.c_str(), line.seconds * 1e3, line.flops / line.seconds / 1e12,
                peak != nullptr && line.flops > 0
                    ? std::to_string(line.flops / std::atof(peak) / 1e9).substr(0, 8).c_str()
                    : "-");
  return 0;
}
