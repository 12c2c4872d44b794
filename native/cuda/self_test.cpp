// cuda_self_test LIBRARY [--cases N] [--only SECTION]: drives a backend through its C ABI and compares every bit with
// float64 brute force written from the definition. Golden cases, N random ones (default 200), data that attacks the
// filter's bound, small scratch, several threads, no memory, cancellation. Skips with a reason where there is no
// device. A table comes last.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "core/neighbors/device.h"
#include "core/neighbors/nearest_voters.h"
#include "core/neighbors/top_k.h"
#include "core/tests/neighbors_reference.h"
#include "cuda/backend_file.h"

using namespace nearvote;
namespace ref = nearvote::reference;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::l2};
const char* name_of(Metric metric) {
  return metric == Metric::cosine ? "cosine" : metric == Metric::dot ? "dot" : "l2";
}

struct Section {
  const char* name;
  int cases = 0, failures = 0;
  double seconds = 0;
};
Section* current = nullptr;
const char* only = nullptr;  // the section to run; null: all

void expect(bool ok, const std::string& what) {
  if (ok) return;
  ++current->failures;
  std::printf("  %s: %s\n", current->name, what.c_str());
}

struct Problem {
  ref::Floats q, s;
  ref::Votes qv, sv;
  VoteDomain domain;
  Metric metric;
  std::string label;
};

Problem random_problem(ref::Kind kind, Metric metric, int64_t queries, int64_t support, int64_t dims, int64_t lfs,
                       int classes, double coverage, unsigned seed) {
  const VoteDomain domain{classes, classes == 2};
  return {ref::embeddings(kind, queries, dims, seed),
          ref::embeddings(kind, support, dims, seed + 1),
          ref::votes(queries, lfs, domain, 0.3, seed + 2),
          ref::votes(support, lfs, domain, coverage, seed + 3),
          domain,
          metric,
          std::string(name_of(metric)) + " kind " + std::to_string(static_cast<int>(kind)) + ", " +
              std::to_string(queries) + " x " + std::to_string(support) + " x " + std::to_string(dims) + ", m " +
              std::to_string(lfs) + ", K " + std::to_string(classes) + ", seed " + std::to_string(seed)};
}

// Every search of the problem on the device against brute force.
void check_problem(const Device& device, const Problem& p, std::vector<int64_t> ks) {
  ++current->cases;
  RunOptions options;
  options.device = &device;
  const EmbeddingSet queries(p.q.view(), p.metric), support(p.s.view(), p.metric);
  const std::vector<double> keys = ref::keys(p.q, p.s, p.metric);
  const int64_t lfs = p.qv.cols;

  const auto nearest = ref::nearest_voters(p.q, p.qv, p.s, p.sv, p.domain, p.metric, keys);
  // A radius for every other LF; the others take whatever is nearest.
  const double median = keys.empty() ? 0 : ref::score(p.metric, keys[keys.size() / 2]);
  std::vector<double> thresholds;
  for (int64_t lf = 0; lf < lfs; ++lf)
    thresholds.push_back(lf % 2 == 1 ? median : p.metric == Metric::l2 ? kInfinity : -kInfinity);
  const auto cells = static_cast<size_t>(p.qv.view().size());
  ref::Extended found{std::vector<int8_t>(cells), std::vector<int32_t>(cells), std::vector<float>(cells)};
  const auto same = [&](const ref::Extended& expected) {
    return found.votes == expected.votes && found.neighbors == expected.neighbors &&
           ref::same(found.scores, expected.scores);
  };
  const ref::Extended expected = ref::extend(p.qv, nearest, p.domain, p.metric, thresholds);
  extend_votes(queries, p.qv.view(), support, p.sv.view(), p.domain, thresholds.data(), found.votes.data(),
               found.neighbors.data(), found.scores.data(), options);
  expect(same(expected), "extension, " + p.label);

  const NearestVoters voters(queries, p.qv.view(), support, p.sv.view(), p.domain, options);
  voters.extend(thresholds.data(), found.votes.data(), found.neighbors.data(), found.scores.data());
  expect(same(expected), "nearest voters, " + p.label);
  bool all = true;
  for (int64_t cell = 0; cell < p.qv.view().size() * p.domain.classes; ++cell) {
    const auto got = voters.nearest(cell / p.domain.classes / lfs, cell / p.domain.classes % lfs,
                                    static_cast<int>(cell % p.domain.classes));
    const ref::Nearest& want = nearest[static_cast<size_t>(cell)];
    all = all && got.row == want.row && (want.row < 0 || got.score == ref::score(p.metric, want.key));
  }
  expect(all, "nearest voter per class, " + p.label);

  for (int64_t k : ks) {
    k = std::min(k, p.s.rows);
    if (k < 1) continue;
    ref::TopK top{std::vector<int32_t>(static_cast<size_t>(p.q.rows * k)),
                  std::vector<float>(static_cast<size_t>(p.q.rows * k))};
    top_k(queries, support, k, top.indices.data(), top.scores.data(), options);
    const ref::TopK wanted = ref::top_k(keys, p.q.rows, p.s.rows, k, p.metric);
    expect(top.indices == wanted.indices && ref::same(top.scores, wanted.scores),
           "top " + std::to_string(k) + ", " + p.label);
  }

  const auto output = p.metric == Metric::dot ? PairwiseOutput::similarity : PairwiseOutput::distance;
  PairwiseOptions pairwise_options;
  pairwise_options.device = &device;
  std::vector<float> values(keys.size());
  pairwise(queries, support, output, values.data(), pairwise_options);
  bool close = true, exact = true;
  const auto value_of = [&](size_t i) {
    const double score = ref::score(p.metric, keys[i]);
    return p.metric == Metric::cosine ? 1 - score : score;
  };
  for (size_t i = 0; i < keys.size(); ++i) {
    const float* x = queries.row(static_cast<int64_t>(i) / p.s.rows);
    const float* y = support.row(static_cast<int64_t>(i) % p.s.rows);
    const auto dims = static_cast<double>(p.q.cols);
    const double norms = std::sqrt(ref::dot(x, x, p.q.cols) * ref::dot(y, y, p.q.cols)), value = value_of(i);
    if (norms > 1e37 || norms < 1e-30) continue;  // beyond float32 products
    const double tolerance =
        p.metric == Metric::l2 ? (dims + 4) * 0x1p-23 * value + 1e-18 : (dims + 4) * 0x1p-24 * norms + 0x1p-24;
    close = close && std::fabs(static_cast<double>(values[i]) - value) <= tolerance;
  }
  expect(close, "float32 matrix, " + p.label);
  pairwise_options.precise = true;
  pairwise(queries, support, output, values.data(), pairwise_options);
  for (size_t i = 0; i < keys.size(); ++i) exact = exact && values[i] == static_cast<float>(value_of(i));
  expect(exact, "canonical matrix, " + p.label);
}

// Rows built so that the filter errs as far as its bound allows: elements half way between two halves, all rounding
// the same way, signs that cancel, a few large elements over many subnormal halves, exact duplicates.
Problem adversarial_problem(Metric metric, unsigned seed) {
  Problem p = random_problem(ref::Kind::random, metric, 70, 300, 96, 5, 2, 0.3, seed);
  std::mt19937 rng(seed);
  for (ref::Floats* rows : {&p.q, &p.s})
    for (int64_t i = 0; i < rows->rows; ++i)
      for (int64_t c = 0; c < rows->cols; ++c) {
        float& value = rows->data[static_cast<size_t>(i * rows->cols + c)];
        const float sign = rng() % 2 == 0 ? 1.0f : -1.0f;
        const float halfway = 1 + 0x1p-11f * (rng() % 2 == 0 ? 1.001f : 0.999f);
        switch (i % 5) {
          case 0:
            value = halfway;
            break;
          case 1:
            value = c % 2 == 0 ? halfway : -halfway * (1 + 0x1p-20f * static_cast<float>(rng() % 4));
            break;
          case 2:
            value = c == 0 ? 1.0f : sign * 0x1p-27f * halfway;
            break;
          case 3:
            value = rows->data[static_cast<size_t>(c)];  // row 0 again
            break;
          default:
            value = sign * halfway;
        }
      }
  p.label = "adversarial, " + p.label;
  return p;
}

NearvoteDeviceApi real{};
int32_t create_set_on_host(const NearvoteSetArgs* args, NearvoteDeviceSet** set, NearvoteText* error) {
  NearvoteSetArgs on_host = *args;
  on_host.rows_on_host = 1;
  return real.create_set(&on_host, set, error);
}

size_t memory_free(const NearvoteDeviceApi& api) {
  NearvoteDeviceInfo info{};
  NearvoteText error{};
  api.device_info(0, &info, &error);
  return info.memory_free;
}

// A search with ever more memory fails with a sentence that names what was needed, until it succeeds with the right
// answer; the next one takes no more memory; and all is given back with the last set.
void check_short_memory(const NearvoteDeviceApi& api, const Device& device) {
  const size_t at_first = memory_free(api);
  {
    const Problem p = random_problem(ref::Kind::clustered, Metric::cosine, 300, 500, 32, 3, 2, 0.3, 91);
    const ref::TopK wanted = ref::top_k(ref::keys(p.q, p.s, p.metric), p.q.rows, p.s.rows, 5, p.metric);
    const EmbeddingSet queries(p.q.view(), p.metric), support(p.s.view(), p.metric);
    device.resident(queries);
    device.resident(support);
    RunOptions options;
    options.device = &device;
    const size_t total = size_t{1} << 30, held = at_first - memory_free(api);
    int failed = 0, right = 0;
    size_t after = 0;
    for (size_t room = 1 << 10; right < 3; room *= right == 0 ? 2 : 1) {
      ++current->cases;
      setenv("NEARVOTE_EMULATED_MEMORY", std::to_string(total - at_first + held + room).c_str(), 1);
      ref::TopK top{std::vector<int32_t>(1500), std::vector<float>(1500)};
      try {
        top_k(queries, support, 5, top.indices.data(), top.scores.data(), options);
        expect(top.indices == wanted.indices && ref::same(top.scores, wanted.scores), "with little memory");
        const size_t left = memory_free(api);
        expect(right++ == 0 || left == after, "memory grows from call to call");
        after = left;
      } catch (const DeviceError& error) {
        ++failed;
        expect(std::strstr(error.what(), "MiB of free device memory for ") != nullptr, error.what());
      }
    }
    expect(failed > 0, "memory was never short");

    // Room for the halves, a search and the rows of neither: those are read on the host.
    setenv("NEARVOTE_EMULATED_MEMORY", std::to_string(total - at_first + (size_t{64} << 20)).c_str(), 1);
    const EmbeddingSet elsewhere(p.s.view(), p.metric);
    expect(api.set_bytes(device.resident(elsewhere)) == 512 * 64 * sizeof(uint16_t), "rows without room on the device");
    check_problem(device, p, {3});
    unsetenv("NEARVOTE_EMULATED_MEMORY");
  }
  expect(memory_free(api) == at_first, "memory is kept without a set");
}

void run_section(std::vector<Section>& table, const char* name, const std::function<void()>& body) {
  if (only != nullptr && std::strcmp(only, name) != 0) return;
  table.push_back({name});
  current = &table.back();
  const auto start = std::chrono::steady_clock::now();
  try {
    body();
  } catch (const std::exception& error) {
    expect(false, std::string("exception: ") + error.what());
  }
  current->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::printf("usage: cuda_self_test LIBRARY [--cases N] [--only SECTION]\n");
    return 2;
  }
  int random_cases = 200;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--cases") == 0) random_cases = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
  }
  std::string why;
  const NearvoteDeviceApi api = cuda::open_backend(argv[1], why);
  if (api.size == 0) {
    std::printf("skipped: %s\n", why.c_str());
    return 0;
  }
  real = api;
  NearvoteDeviceInfo info{};
  NearvoteText error{};
  api.device_info(0, &info, &error);
  std::printf("%s, compute capability %d.%d, %d multiprocessors; %s\n", info.name, info.capability / 10,
              info.capability % 10, info.multiprocessors, api.backend);

  const Device device(api, 0);
  std::vector<Section> table;
  table.reserve(16);
  run_section(table, "boundaries", [&] {
    unsigned seed = 1;
    for (Metric metric : kMetrics) {
      check_problem(device, random_problem(ref::Kind::clustered, metric, 1, 1, 1, 1, 2, 1, seed += 10), {1});
      check_problem(device, random_problem(ref::Kind::random, metric, 129, 127, 65, 3, 2, 0.4, seed += 10), {1, 127});
      check_problem(device, random_problem(ref::Kind::clustered, metric, 3, 530, 40, 2, 2, 0.9, seed += 10), {5, 100});
    }
  });
  run_section(table, "several tiles", [&] {
    check_problem(device, random_problem(ref::Kind::clustered, Metric::cosine, 300, 700, 130, 3, 2, 0.4, 21), {10});
    check_problem(device, random_problem(ref::Kind::random, Metric::l2, 130, 900, 70, 2, 2, 0.1, 22), {100});
  });
  run_section(table, "kinds of data", [&] {
    unsigned seed = 1000;
    for (ref::Kind kind : ref::all_kinds())
      for (Metric metric : kMetrics)
        check_problem(device, random_problem(kind, metric, 41, 120, 33, 5, 2, 0.3, seed += 10), {7});
  });
  run_section(table, "adversarial", [&] {
    for (Metric metric : kMetrics) check_problem(device, adversarial_problem(metric, 77), {9});
  });
  run_section(table, "random", [&] {
    std::mt19937 rng(5);
    const auto pick = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(rng() % static_cast<uint64_t>(high - low + 1));
    };
    for (int i = 0; i < random_cases; ++i) {
      const auto kind = ref::all_kinds()[rng() % ref::all_kinds().size()];
      const double coverage = static_cast<double>(pick(1, 20)) / 20;
      check_problem(
          device,
          random_problem(kind, kMetrics[rng() % 3], pick(1, pick(20, 200)), pick(1, pick(20, 400)), pick(1, 100),
                         pick(1, 9), static_cast<int>(pick(2, 5)), coverage, static_cast<unsigned>(rng())),
          {pick(1, 20)});
    }
  });
  run_section(table, "many cells", [&] {
    check_problem(device, random_problem(ref::Kind::clustered, Metric::cosine, 20, 140, 24, 150, 3, 0.1, 31), {3});
    check_problem(device, random_problem(ref::Kind::clustered, Metric::dot, 20, 140, 24, 4, 100, 0.5, 32), {3});
  });
  run_section(table, "two streams", [&] {
    const Device small(api, 0, 1);  // the least scratch: chunks of one tile
    for (Metric metric : kMetrics)
      check_problem(small, random_problem(ref::Kind::clustered, metric, 400, 90, 20, 3, 2, 0.3, 41), {4});
  });
  run_section(table, "threads", [&] {
    const Problem p = random_problem(ref::Kind::clustered, Metric::cosine, 60, 200, 32, 4, 2, 0.3, 51);
    const std::vector<double> keys = ref::keys(p.q, p.s, p.metric);
    const ref::TopK wanted = ref::top_k(keys, p.q.rows, p.s.rows, 5, p.metric);
    const EmbeddingSet queries(p.q.view(), p.metric), support(p.s.view(), p.metric);
    bool ok[4] = {};
    std::vector<std::thread> threads;
    for (bool& mine : ok)
      threads.emplace_back([&] {
        RunOptions options;
        options.device = &device;
        ref::TopK top{std::vector<int32_t>(300), std::vector<float>(300)};
        top_k(queries, support, 5, top.indices.data(), top.scores.data(), options);
        mine = top.indices == wanted.indices && ref::same(top.scores, wanted.scores);
      });
    for (std::thread& thread : threads) thread.join();
    for (const bool mine : ok) {
      ++current->cases;
      expect(mine, "one of four calls at once");
    }
  });
  run_section(table, "rows on the host", [&] {
    NearvoteDeviceApi elsewhere = api;
    elsewhere.create_set = create_set_on_host;
    const Device bus(elsewhere, 0);
    for (Metric metric : kMetrics)
      check_problem(bus, random_problem(ref::Kind::clustered, metric, 140, 90, 20, 3, 2, 0.3, 81), {4});
  });
  run_section(table, "out of memory", [&] {
    ++current->cases;
    const float unread = 0;
    NearvoteSetArgs args{};
    args.size = sizeof args;
    args.values = &unread;  // memory is asked for first
    args.dims = args.stride = 4096;
    args.rows = static_cast<int64_t>(info.memory_total / (4096 * sizeof(uint16_t))) + 1;
    NearvoteDeviceSet* set = nullptr;
    const int32_t status = api.create_set(&args, &set, &error);
    expect(status == NEARVOTE_OUT_OF_MEMORY, "status " + std::to_string(status));
    expect(std::strstr(error.text, "MiB of free device memory for quantised embeddings but received") != nullptr,
           error.text);
    check_problem(device, random_problem(ref::Kind::random, Metric::cosine, 20, 50, 16, 2, 2, 0.5, 61), {3});
  });
  if (std::strstr(api.backend, "emulation") != nullptr)  // its memory can be taken away
    run_section(table, "short of memory", [&] { check_short_memory(api, device); });
  run_section(table, "cancellation", [&] {
    ++current->cases;
    const Problem p = random_problem(ref::Kind::random, Metric::cosine, 300, 100, 16, 2, 2, 0.5, 71);
    const EmbeddingSet queries(p.q.view(), p.metric), support(p.s.view(), p.metric);
    int32_t cancel = 1;
    RunOptions options;
    options.device = &device;
    options.job.cancel = &cancel;
    std::vector<float> out(static_cast<size_t>(p.q.rows * p.s.rows));
    bool cancelled = false;
    PairwiseOptions pairwise_options;
    static_cast<RunOptions&>(pairwise_options) = options;
    try {
      device.pairwise(queries, support, PairwiseOutput::similarity, out.data(), pairwise_options);
    } catch (const Cancelled&) {
      cancelled = true;
    }
    expect(cancelled, "a cancelled call went on");
    check_problem(device, p, {3});
  });

  int failures = 0;
  std::printf("\n%-16s %6s %9s %9s\n", "section", "cases", "failures", "seconds");
  for (const Section& section : table) {
    std::printf("%-16s %6d %9d %9.2f\n", section.name, section.cases, section.failures, section.seconds);
    failures += section.failures;
  }
  const bool passed = failures == 0 && !table.empty();
  std::printf("%s\n", passed ? "passed" : "FAILED");
  return passed ? 0 : 1;
}
