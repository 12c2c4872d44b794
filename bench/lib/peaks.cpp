// What this machine can do at most, measured in a second or two: prints one JSON object, all figures for T threads
// together. flops: float32 FMA, dot products of bytes by 16-bit sums (avx512)
// and by instructions for them (avx512_vnni), registers only, and the bf16 tile product (2 x 2 tiles, operands loaded
// from L2 as any product must). bytes: reading memory. words: and + popcount on 64-bit words of L1. Usage: peaks T
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr double kSeconds = 0.15;

volatile float sink;

// Work per second of all threads: `work` returns what it did in one go and is repeated on every thread for kSeconds;
// the best of three rounds.
template <class Work>
double rate(int threads, Work work) {
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<double> done(static_cast<size_t>(threads));
    std::vector<std::thread> team;
    for (int t = 0; t < threads; ++t)
      team.emplace_back([&, t] {
        const auto start = Clock::now();
        double amount = 0, seconds = 0;
        while (seconds < kSeconds) {
          amount += work(t);
          seconds = std::chrono::duration<double>(Clock::now() - start).count();
        }
        done[static_cast<size_t>(t)] = amount / seconds;
      });
    for (auto& member : team) member.join();
    double total = 0;
    for (double d : done) total += d;
    if (total > best) best = total;
  }
  return best;
}

constexpr int kSteps = 20000;

__attribute__((target("avx2,fma"))) double fma_avx2(int) {
  __m256 sum[12];
  for (auto& s : sum) s = _mm256_set1_ps(1.0f);
  const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1e-3f);
  for (int step = 0; step < kSteps; ++step)
#pragma GCC unroll 12
    for (auto& s : sum) s = _mm256_fmadd_ps(s, x, y);
  float total = 0;
  for (auto& s : sum) total += _mm256_cvtss_f32(s);
  sink = total;
  return 2.0 * 8 * 12 * kSteps;
}

__attribute__((target("avx512f,avx512bw"))) double dots_avx512(int) {
  __m512i sum[12];
  for (auto& s : sum) s = _mm512_setzero_si512();
  __m512i x = _mm512_set1_epi32(0x01020304), y = _mm512_set1_epi32(0x04030201);
  const __m512i one = _mm512_set1_epi16(1);
  for (int step = 0; step < kSteps; ++step)
#pragma GCC unroll 12
    for (auto& s : sum) {
      asm volatile("" : "+v"(x), "+v"(y));  // every step multiplies anew
      const __m512i four = _mm512_add_epi16(_mm512_maddubs_epi16(x, y), _mm512_maddubs_epi16(y, x));
      s = _mm512_add_epi32(s, _mm512_madd_epi16(four, one));
    }
  int total = 0;
  for (auto& s : sum) total += _mm512_reduce_add_epi32(s);
  sink = static_cast<float>(total);
  return 2.0 * 128 * 12 * kSteps;
}

__attribute__((target("avx512f,avx512vnni"))) double dots_vnni(int) {
  __m512i sum[12];
  for (auto& s : sum) s = _mm512_setzero_si512();
  const __m512i x = _mm512_set1_epi32(0x01020304), y = _mm512_set1_epi32(0x04030201);
  for (int step = 0; step < kSteps; ++step)
#pragma GCC unroll 12
    for (auto& s : sum) s = _mm512_dpbusd_epi32(s, x, y);
  int total = 0;
  for (auto& s : sum) total += _mm512_reduce_add_epi32(s);
  sink = static_cast<float>(total);
  return 2.0 * 64 * 12 * kSteps;
}

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
const TileConfig kTiles;

// 32 x 768 (stays in L1 or L2) times 768 x 512 (768 KiB: L2), in panels of 16.
constexpr int64_t kPanel = 16 * 768, kDepthSteps = 24, kRightPanels = 32;

__attribute__((target("amx-tile,amx-bf16,avx512f"))) double tile_product(const uint16_t* left, const uint16_t* right,
                                                                         float* out) {
  _tile_loadconfig(&kTiles);
  for (int64_t p = 0; p < kRightPanels; p += 2) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t s = 0; s < kDepthSteps; ++s) {
      _tile_loadd(4, left + s * 512, 64);
      _tile_loadd(6, right + p * kPanel + s * 512, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, right + (p + 1) * kPanel + s * 512, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, left + kPanel + s * 512, 64);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, out, 64);
    _tile_stored(1, out + 256, 64);
    _tile_stored(2, out + 512, 64);
    _tile_stored(3, out + 768, 64);
  }
  _tile_release();
  return 2.0 * 32 * 768 * 16 * kRightPanels;
}

double read_memory(const uint64_t* words, int64_t count) {
  uint64_t total[8] = {};
  for (int64_t i = 0; i < count; i += 8)
    for (int lane = 0; lane < 8; ++lane) total[lane] += words[i + lane];
  uint64_t all = 0;
  for (uint64_t t : total) all += t;
  sink = static_cast<float>(all);
  return 8.0 * static_cast<double>(count);
}

__attribute__((target("avx512f,avx512vpopcntdq"))) double popcount_avx512(const uint64_t* words) {
  __m512i count[4];
  for (auto& c : count) c = _mm512_setzero_si512();
  const __m512i mask = _mm512_set1_epi64(0x5555555555555555);
  for (int repeat = 0; repeat < 64; ++repeat)
    for (int i = 0; i < 1024; i += 32)
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c)
        count[c] = _mm512_add_epi64(
            count[c], _mm512_popcnt_epi64(_mm512_and_si512(mask, _mm512_loadu_si512(words + i + 8 * c))));
  __m512i all = _mm512_add_epi64(_mm512_add_epi64(count[0], count[1]), _mm512_add_epi64(count[2], count[3]));
  sink = static_cast<float>(_mm512_reduce_add_epi64(all));
  return 64.0 * 1024;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  __builtin_cpu_init();
  const int64_t words = int64_t{1} << 25;  // 256 MiB a thread
  std::vector<std::vector<uint64_t>> memory;
  for (int t = 0; t < threads; ++t) memory.emplace_back(static_cast<size_t>(words), t);
  std::printf("{\"threads\": %d", threads);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    std::printf(", \"avx2\": %.4g", rate(threads, fma_avx2));
  if (__builtin_cpu_supports("avx512bw")) std::printf(", \"avx512\": %.4g", rate(threads, dots_avx512));
  if (__builtin_cpu_supports("avx512vnni")) std::printf(", \"avx512_vnni\": %.4g", rate(threads, dots_vnni));
  // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA): fails where there are no tiles.
  if (syscall(SYS_arch_prctl, 0x1023, 18) == 0) {
    std::vector<std::vector<uint16_t>> operands(static_cast<size_t>(threads));
    for (auto& o : operands) o.assign(static_cast<size_t>((2 + kRightPanels) * kPanel + 64), 0x3f80);
    std::printf(", \"amx\": %.4g", rate(threads, [&](int t) {
                  alignas(64) static thread_local float out[1024];
                  const auto address = reinterpret_cast<uintptr_t>(operands[static_cast<size_t>(t)].data());
                  const auto* left = reinterpret_cast<const uint16_t*>((address + 63) / 64 * 64);
                  return tile_product(left, left + 2 * kPanel, out);
                }));
  }
  if (__builtin_cpu_supports("avx512vpopcntdq"))
    std::printf(", \"words\": %.4g", rate(threads, [&](int t) { return popcount_avx512(memory[static_cast<size_t>(t)].data()); }));
  std::printf(", \"bytes\": %.4g}\n", rate(threads, [&](int t) { return read_memory(memory[static_cast<size_t>(t)].data(), words); }));
}
