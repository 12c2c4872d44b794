#!/usr/bin/env bash
# One command for a machine with a GPU and nvcc (no Node needed): builds the backend for the device found, runs the
# self-test (200 random cases), compute-sanitizer on a few, and the benchmark beside torch where Python has it.
# Run from the repository's root; about six minutes.
set -uo pipefail
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .)
if [[ -z $arch ]]; then
  echo "skipped: no NVIDIA device"
  exit 0
fi
build=${1:-build-cuda}
cmake -S . -B "$build" -DNEARVOTE_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$arch-real" >/dev/null || exit 1
cmake --build "$build" --parallel --target nearvote_cuda cuda_self_test cuda_bench || exit 1
library=$build/nearvote-cuda.so
for tool in memcheck racecheck; do
  command -v compute-sanitizer >/dev/null || continue
  timeout 120 compute-sanitizer --tool "$tool" --error-exitcode 3 "$build/cuda_self_test" "$library" --cases 2 | tail -20
  echo "compute-sanitizer $tool: exit ${PIPESTATUS[0]}"
done
python3 - <<'PY' || true
import time, torch
n, d = 8192, 8192
a, b = (torch.randn(n, d, device='cuda', dtype=torch.bfloat16) for _ in range(2))
def median(f):
    f(); torch.cuda.synchronize(); times = []
    for _ in range(7):
        start = time.perf_counter(); f(); torch.cuda.synchronize(); times.append(time.perf_counter() - start)
    return sorted(times)[3]
print(f'torch.matmul bf16 8192^3: {2 * n * n * d / median(lambda: a @ b) / 1e12:.0f} TFLOP/s (the ceiling)')
rows = torch.nn.functional.normalize(torch.randn(100000, 768, device='cuda'))
def top():
    for i in range(0, len(rows), 4096): torch.topk(rows[i:i + 4096] @ rows.T, 10)
print(f'torch fp32 matmul + topk, k = 10, 100k x 100k x 768: {median(top) * 1e3:.1f} ms')
PY
"$build/cuda_bench" "$library" 100000 768
"$build/cuda_self_test" "$library"
