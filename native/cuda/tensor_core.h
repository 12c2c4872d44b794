// The instructions of the product (PTX ISA, "Matrix instructions", sm_80): asynchronous 16-byte copies to shared
// memory, ldmatrix, and mma.m16n8k16 of halves with float32 accumulators. The emulation has its own, written from the
// same tables.
#pragma once

#include "cuda/platform.h"

#if !defined(NEARVOTE_EMULATED)

namespace nearvote::cuda {

__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ inline void copy_async16(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global) : "memory");
}
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until at most `Pending` of this thread's committed groups are unfinished.
template <int Pending>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// Four 8x8 matrices of halves; lane l names the row l % 8 of matrix l / 8 and receives of every matrix the elements
// 2 (l % 4) and + 1 of row l / 4.
__device__ inline void load_matrices(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}

// c (16 x 8) += a (16 x 16) * b (16 x 8). Lane l, g = l / 4, t = l % 4: c holds rows g (0, 1) and g + 8 (2, 3) of
// columns 2t, 2t + 1; a: rows g, g + 8 of columns 2t.., then of columns 2t + 8..; b: rows 2t.., 2t + 8.. of column g.
__device__ inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace nearvote::cuda

#endif
