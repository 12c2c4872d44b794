#include "cuda/emulation/emulation.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

// Saves the callee-saved registers on this stack and continues on another.
extern "C" void nearvote_switch_stack(void** save, void* load);
#if defined(__x86_64__)
asm(R"(
.globl nearvote_switch_stack
nearvote_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#endif

namespace nearvote::emulation {
namespace {

constexpr size_t kStack = 128 << 10;
constexpr size_t kSharedLimit = 227 << 10;
constexpr size_t kLargestCluster = 2;

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

enum class State { ready, at_collective, at_barrier, at_cluster_barrier, waiting, done };

struct Fiber {
  void* stack_pointer = nullptr;
  unsigned char* stack = nullptr;
  dim3 index;
  size_t block = 0;  // of the cluster
  State state = State::done;
  int parity = 0;
  std::vector<Copy> open_copies;
  std::deque<std::vector<Copy>> committed;
  std::function<bool()> passed;
  std::vector<std::function<void()>> open_products;
  std::deque<std::vector<std::function<void()>>> committed_products;
};

struct Warp {
  Offer offers[2][32];
};

struct Block {
  dim3 index;
  alignas(1024) unsigned char shared[kSharedLimit];
};

struct Machine {
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  void* scheduler = nullptr;
  size_t current = 0;
  size_t count = 0;      // threads of a cluster
  size_t per_block = 0;  // threads of a block
  Block blocks[kLargestCluster];
  std::vector<std::function<void()>> landing;
  uint32_t dice = 1;
  const std::function<void()>* kernel = nullptr;

  Fiber& fiber() { return fibers[current]; }
  uint32_t roll() { return (dice = dice * 1664525 + 1013904223) >> 16; }
};

Machine& machine() {
  static auto* const instance = new Machine;
  return *instance;
}

void leave(State state) {
  Machine& m = machine();
  Fiber& fiber = m.fibers[m.current];
  fiber.state = state;
  nearvote_switch_stack(&fiber.stack_pointer, m.scheduler);
}

void fiber_main() {
  Machine& m = machine();
  (*m.kernel)();
  Fiber& fiber = m.fibers[m.current];
  if (!fiber.open_copies.empty()) fail("copies that were never committed");
  if (!fiber.open_products.empty() || !fiber.committed_products.empty()) fail("products that nobody waited for");
  leave(State::done);
}

void prepare(Fiber& fiber) {
  if (fiber.stack == nullptr)
    fiber.stack =
        static_cast<unsigned char*>(mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  auto* top = reinterpret_cast<void**>(fiber.stack + kStack - 64);
  // Six registers, the entry point, and a return address it never uses (which also aligns the stack as a call does).
  void** sp = top - 8;
  for (int i = 0; i < 6; ++i) sp[i] = nullptr;
  sp[6] = reinterpret_cast<void*>(&fiber_main);
  sp[7] = nullptr;
  fiber.stack_pointer = sp;
  fiber.state = State::ready;
  fiber.parity = 0;
  fiber.open_copies.clear();
  fiber.committed.clear();
}

void resume(size_t at) {
  Machine& m = machine();
  m.current = at;
  threadIdx = m.fibers[at].index;
  blockIdx = m.blocks[m.fibers[at].block].index;
  nearvote_switch_stack(&m.scheduler, m.fibers[at].stack_pointer);
}

// The fibers first .. first + count go on if all of them are in `state`.
bool release(size_t first, size_t count, State state) {
  Machine& m = machine();
  for (size_t i = first; i < first + count; ++i)
    if (m.fibers[i].state != state) return false;
  for (size_t i = first; i < first + count; ++i) m.fibers[i].state = State::ready;
  return true;
}

bool land_one() {
  Machine& m = machine();
  if (m.landing.empty()) return false;
  const size_t at = m.roll() % m.landing.size();
  const std::function<void()> copy = std::move(m.landing[at]);
  m.landing.erase(m.landing.begin() + static_cast<std::ptrdiff_t>(at));
  copy();
  return true;
}

// Every fiber runs until it waits or ends; the direction alternates, so that order is nothing to rely on.
void run_cluster() {
  Machine& m = machine();
  bool forwards = true;
  for (;;) {
    bool went_on = false;
    for (size_t i = 0; i < m.count; ++i) {
      const size_t at = forwards ? i : m.count - 1 - i;
      Fiber& fiber = m.fibers[at];
      if (fiber.state == State::waiting && fiber.passed()) fiber.state = State::ready;
      if (fiber.state != State::ready) continue;
      resume(at);
      went_on = true;
    }
    forwards = !forwards;
    for (size_t warp = 0; warp < m.count; warp += 32) went_on |= release(warp, 32, State::at_collective);
    for (size_t block = 0; block < m.count; block += m.per_block)
      went_on |= release(block, m.per_block, State::at_barrier);
    went_on |= release(0, m.count, State::at_cluster_barrier);
    if (m.roll() % 4 == 0) went_on |= land_one();
    if (went_on || land_one()) continue;
    if (!release(0, m.count, State::done))
      fail("part of a warp missed a collective, part of a block a barrier, or nobody arrives where others wait");
    return;
  }
}

}  // namespace

void fail(const char* why) {
  std::fprintf(stderr, "emulation: block (%u, %u), thread %zu: %s\n", blockIdx.x, blockIdx.y,
               machine().current % machine().per_block, why);
  std::abort();
}

const std::vector<float> half_values = [] {
  std::vector<float> all(1 << 16);
  for (size_t i = 0; i < all.size(); ++i) all[i] = device::float_from_half(static_cast<uint16_t>(i));
  return all;
}();

int lane() { return static_cast<int>(machine().current % 32); }

const Offer* exchange(const Offer& offer) {
  Machine& m = machine();
  Fiber& fiber = m.fibers[m.current];
  Offer(&offers)[32] = m.warps[m.current / 32].offers[fiber.parity];
  fiber.parity ^= 1;
  offers[m.current % 32] = offer;
  leave(State::at_collective);
  return offers;
}

void barrier() { leave(State::at_barrier); }
void cluster_barrier() { leave(State::at_cluster_barrier); }

int block_rank() { return static_cast<int>(machine().fiber().block); }
unsigned char* shared_memory() { return shared_memory(block_rank()); }
unsigned char* shared_memory(int rank) { return machine().blocks[rank].shared; }

void land_later(std::function<void()> copy) { machine().landing.push_back(std::move(copy)); }

void wait_until(std::function<bool()> passed) {
  if (passed()) return;
  machine().fiber().passed = std::move(passed);
  leave(State::waiting);
}

void product_later(std::function<void()> product) { machine().fiber().open_products.push_back(std::move(product)); }
void commit_products() {
  Fiber& fiber = machine().fiber();
  fiber.committed_products.push_back(std::move(fiber.open_products));
  fiber.open_products.clear();
}
void finish_products(int pending) {
  Fiber& fiber = machine().fiber();
  while (fiber.committed_products.size() > static_cast<size_t>(pending)) {
    for (const auto& product : fiber.committed_products.front()) product();
    fiber.committed_products.pop_front();
  }
}

void copy_later(void* to, const void* from, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0 || reinterpret_cast<uintptr_t>(from) % bytes != 0)
    fail("a misaligned copy");
  machine().fibers[machine().current].open_copies.push_back({to, from, bytes});
}

void commit_copies() {
  Fiber& fiber = machine().fibers[machine().current];
  fiber.committed.push_back(std::move(fiber.open_copies));
  fiber.open_copies.clear();
}

void finish_copies(int pending) {
  Fiber& fiber = machine().fibers[machine().current];
  while (fiber.committed.size() > static_cast<size_t>(pending)) {
    for (const Copy& copy : fiber.committed.front()) memcpy(copy.to, copy.from, copy.bytes);
    fiber.committed.pop_front();
  }
}

void run(dim3 grid, dim3 block, size_t shared, const std::function<void()>& kernel, int cluster) {
  static auto* const mutex = new std::mutex;
  const std::lock_guard lock(*mutex);
  Machine& m = machine();
  const auto blocks = static_cast<size_t>(cluster);
  m.per_block = static_cast<size_t>(block.x) * block.y;
  m.count = m.per_block * blocks;
  if (m.per_block % 32 != 0 || m.per_block > 1024 || shared > kSharedLimit || blocks > kLargestCluster ||
      grid.x % blocks != 0 || grid.x == 0 || grid.x > INT32_MAX || grid.y == 0 || grid.y > 65535)
    fail("a launch no device takes");
  if (m.fibers.size() < m.count) m.fibers.resize(m.count);
  m.warps.resize(m.fibers.size() / 32);
  m.kernel = &kernel;
  blockDim = block;
  gridDim = grid;
  for (unsigned y = 0; y < grid.y; ++y)
    for (unsigned x = 0; x < grid.x; x += static_cast<unsigned>(cluster)) {
      for (size_t b = 0; b < blocks; ++b) {
        m.blocks[b].index = dim3(x + static_cast<unsigned>(b), y);
        memset(m.blocks[b].shared, 0xff, kSharedLimit);
      }
      for (size_t i = 0; i < m.count; ++i) {
        const auto thread = static_cast<unsigned>(i % m.per_block);
        m.fibers[i].index = dim3(thread % block.x, thread / block.x);
        m.fibers[i].block = i / m.per_block;
        prepare(m.fibers[i]);
      }
      run_cluster();
      if (!m.landing.empty()) fail("copies under way to a block that has ended");
    }
}

}  // namespace nearvote::emulation
