#!/usr/bin/env bash
# One command for a machine with an NVIDIA GPU and no Node, in under ten minutes:   bash native/cuda/measure.sh [build]
# Builds the backend for that GPU with the nvcc and CMake found there (or takes the programs a build folder brought along
# already holds), then: the self-test under both products, the products alone beside cuBLAS, whole searches at 100,000
# and 1,000,000 rows, compute-sanitizer, torch. Whatever is missing is skipped with a reason. Logs go to $OUT (or the
# build folder); a short table comes last. MEASURE_SECONDS (570) bounds the whole; a step that hangs is ended.
set -uo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build-cuda}
logs=${OUT:-$build}
end=$((SECONDS + ${MEASURE_SECONDS:-570}))
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1)
if [[ -z $capability ]]; then
  echo "skipped: no NVIDIA device"
  exit 0
fi
mkdir -p "$build" "$logs"
summary=()

# step NAME SECONDS COMMAND..: runs it for so long at most, keeps its output, notes how it ended.
step() {
  local name=$1 limit=$2 left=$((end - SECONDS)) status log
  shift 2
  log=$logs/${name// /-}.log
  ((limit > left)) && limit=$left
  if ((limit < 5)); then
    summary+=("$name: skipped, no time left")
    return 1
  fi
  echo "--- $name"
  timeout -k 5 "$limit" "$@" >"$log" 2>&1
  status=$?
  tail -25 "$log"
  if ((status == 124 || status == 137)); then
    summary+=("$name: ended after $limit s")
  else
    summary+=("$name: exit $status, $(grep -vE '^ *$' "$log" | tail -1 | cut -c1-90)")
  fi
  return "$status"
}

if command -v nvcc >/dev/null && command -v cmake >/dev/null; then
  step build 240 bash -c "cmake -S . -B '$build' -DNEARVOTE_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=${capability/./}-real \
    && cmake --build '$build' --parallel \
    --target nearvote_cuda cuda_self_test cuda_bench cuda_bench_sketch" || echo "the build failed"
else
  echo "no nvcc or no CMake here: using what $build holds"
fi
library=$build/nearvote-cuda.so
if [[ ! -f $library || ! -x $build/cuda_self_test ]]; then
  echo "skipped: nothing was built in $build"
  exit 1
fi

products=(mma)
NEARVOTE_CUDA_SKETCH=mma step "self-test mma" 90 "$build/cuda_self_test" "$library"
if [[ $capability == 9.0 ]]; then  # the product to measure only where it is right
  NEARVOTE_CUDA_SKETCH=wgmma step "self-test wgmma" 90 "$build/cuda_self_test" "$library" && products+=(wgmma)
fi
cublas=$(find / -xdev -name 'libcublas.so.1[0-9]' -not -path '/proc/*' 2>/dev/null | sort | tail -1)
step "products" 90 "$build/cuda_bench_sketch" 100000 8192 768 "${cublas:-libcublas.so.13}"
peak=$(awk '/^cuBLAS bf16/ { print $NF }' "$logs/products.log" 2>/dev/null)
export NEARVOTE_PEAK_TFLOPS=${peak:-798}
for product in "${products[@]}"; do
  NEARVOTE_CUDA_SKETCH=$product step "searches 100k $product" 60 "$build/cuda_bench" "$library" 100000 768
done
NEARVOTE_CUDA_SKETCH=${products[-1]} step "searches 1M ${products[-1]}" 100 "$build/cuda_bench" "$library" 1000000 768 10 -
if command -v compute-sanitizer >/dev/null; then
  for product in "${products[@]}"; do
    NEARVOTE_CUDA_SKETCH=$product step "memcheck $product" 45 compute-sanitizer --tool memcheck --error-exitcode 3 \
      "$build/cuda_self_test" "$library" --only boundaries
    NEARVOTE_CUDA_SKETCH=$product step "racecheck $product" 45 compute-sanitizer --tool racecheck --error-exitcode 3 \
      "$build/cuda_self_test" "$library" --only "many cells"
  done
else
  summary+=("compute-sanitizer: not here")
fi
step torch 60 python3 - <<'PY'
import time
try:
    import torch
except ImportError:
    raise SystemExit('skipped: no torch')
def median(f):
    f(); torch.cuda.synchronize(); times = []
    for _ in range(5):
        start = time.perf_counter(); f(); torch.cuda.synchronize(); times.append(time.perf_counter() - start)
    return sorted(times)[2]
n = 8192
a, b = (torch.randn(n, n, device='cuda', dtype=torch.bfloat16) for _ in range(2))
print(f'torch.matmul bf16 8192^3: {2 * n ** 3 / median(lambda: a @ b) / 1e12:.0f} TFLOP/s')
rows = torch.nn.functional.normalize(torch.randn(100000, 768, device='cuda'))
def top():
    for i in range(0, len(rows), 4096): torch.topk(rows[i:i + 4096] @ rows.T, 10)
print(f'torch fp32 matmul + topk, k = 10, 100k x 100k x 768: {median(top) * 1e3:.1f} ms')
PY

echo
echo "=== $(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1), capability $capability"
printf '%s\n' "${summary[@]}"
for log in "$logs"/products.log "$logs"/searches-*.log "$logs"/torch.log; do
  [[ -f $log ]] && tail -12 "$log"
done
