#include "cuda/emulation/emulation.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <string>
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

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

enum class State { ready, at_collective, at_barrier, done };

struct Fiber {
  void* stack_pointer = nullptr;
  unsigned char* stack = nullptr;
  dim3 index;
  State state = State::done;
  int parity = 0;
  std::vector<Copy> open_copies;
  std::deque<std::vector<Copy>> committed;
};

struct Warp {
  Offer offers[2][32];
};

struct Machine {
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  void* scheduler = nullptr;
  size_t current = 0;
  size_t count = 0;
  alignas(128) unsigned char shared[kSharedLimit];
  const std::function<void()>* kernel = nullptr;
};

Machine& machine() {
  static auto* const instance = new Machine;
  return *instance;
}

[[noreturn]] void fail(const char* why) {
  std::fprintf(stderr, "emulation: block (%u, %u), thread %zu: %s\n", blockIdx.x, blockIdx.y, machine().current, why);
  std::abort();
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
  nearvote_switch_stack(&m.scheduler, m.fibers[at].stack_pointer);
}

// Every fiber runs until it waits or ends; the direction alternates, so that order is nothing to rely on.
void run_block() {
  Machine& m = machine();
  bool forwards = true;
  for (;;) {
    bool ran = false;
    for (size_t i = 0; i < m.count; ++i) {
      const size_t at = forwards ? i : m.count - 1 - i;
      if (m.fibers[at].state != State::ready) continue;
      resume(at);
      ran = true;
    }
    forwards = !forwards;
    // Warps whose lanes have all arrived go on.
    bool released = false;
    for (size_t warp = 0; warp * 32 < m.count; ++warp) {
      size_t arrived = 0;
      for (size_t l = 0; l < 32; ++l) arrived += m.fibers[warp * 32 + l].state == State::at_collective;
      if (arrived != 32) continue;
      for (size_t l = 0; l < 32; ++l) m.fibers[warp * 32 + l].state = State::ready;
      released = true;
    }
    if (released || ran) continue;
    size_t done = 0, waiting = 0;
    for (size_t i = 0; i < m.count; ++i) {
      done += m.fibers[i].state == State::done;
      waiting += m.fibers[i].state == State::at_barrier;
    }
    if (done == m.count) return;
    if (waiting != m.count) fail("part of a warp missed a collective, or part of the block a barrier");
    for (size_t i = 0; i < m.count; ++i) m.fibers[i].state = State::ready;
  }
}

// --- memory ---
struct Allocations {
  std::mutex mutex;
  std::map<void*, size_t> sizes;
  size_t used = 0;
  static size_t limit() {
    const char* text = std::getenv("NEARVOTE_EMULATED_MEMORY");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : size_t{1} << 30;
  }
};
Allocations& allocations() {
  static auto* const instance = new Allocations;
  return *instance;
}
cudaError_t last_error = cudaSuccess;
cudaError_t set_error(cudaError_t status) { return last_error = status; }

}  // namespace

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

unsigned char* shared_memory() { return machine().shared; }

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

void run(dim3 grid, dim3 block, size_t shared, const std::function<void()>& kernel) {
  static auto* const mutex = new std::mutex;
  const std::lock_guard lock(*mutex);
  Machine& m = machine();
  m.count = static_cast<size_t>(block.x) * block.y;
  if (m.count % 32 != 0 || shared > kSharedLimit) fail("a launch no device takes");
  if (m.fibers.size() < m.count) m.fibers.resize(m.count);
  m.warps.resize(m.fibers.size() / 32);
  m.kernel = &kernel;
  blockDim = block;
  gridDim = grid;
  for (unsigned y = 0; y < grid.y; ++y)
    for (unsigned x = 0; x < grid.x; ++x) {
      blockIdx = dim3(x, y);
      memset(m.shared, 0xff, sizeof m.shared);
      for (size_t i = 0; i < m.count; ++i) {
        m.fibers[i].index = dim3(static_cast<unsigned>(i) % block.x, static_cast<unsigned>(i) / block.x);
        prepare(m.fibers[i]);
      }
      run_block();
    }
}

}  // namespace nearvote::emulation

using nearvote::emulation::allocations;
using nearvote::emulation::set_error;

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulation on the host, for tests", 8, 0, 2, 227 << 10};
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(allocations().mutex);
  *total = allocations().limit();
  *free = *total > allocations().used ? *total - allocations().used : 0;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** at, size_t bytes) {
  auto& all = allocations();
  const std::lock_guard lock(all.mutex);
  if (all.used + bytes > all.limit()) return set_error(cudaErrorMemoryAllocation);
  *at = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(*at, 0xff, bytes);
  all.sizes[*at] = bytes;
  all.used += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void* at) {
  if (at == nullptr) return cudaSuccess;
  auto& all = allocations();
  const std::lock_guard lock(all.mutex);
  all.used -= all.sizes.at(at);
  all.sizes.erase(at);
  std::free(at);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** at, size_t bytes) {
  *at = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* at) {
  std::free(at);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t rows,
                              cudaMemcpyKind, cudaStream_t) {
  for (size_t i = 0; i < rows; ++i)
    memcpy(static_cast<char*>(to) + i * to_pitch, static_cast<const char*>(from) + i * from_pitch, width);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* at, int value, size_t bytes, cudaStream_t) {
  memset(at, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new int(0);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaGetLastError() {
  const cudaError_t status = nearvote::emulation::last_error;
  set_error(cudaSuccess);
  return status;
}
const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory" : "an error";
}
