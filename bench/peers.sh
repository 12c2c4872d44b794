#!/bin/sh
# Installs what nearvote is measured against. Nothing here is a dependency of the package: Python peers come from
# Debian's packages, Node peers go to bench/node_modules, which git ignores. A peer that cannot be installed is left
# out; the benchmarks then report it as missing.
set -u
cd "$(dirname "$0")" || exit 1

# Node. Install scripts stay off (onnxruntime's downloads CUDA libraries); hnswlib has to be compiled.
npm install --prefix . --no-save --no-package-lock --ignore-scripts onnxruntime-node usearch hnswlib-node node-addon-api bindings
npm rebuild --prefix . hnswlib-node

# Python with OpenBLAS, and g++ for the probe of the machine's peaks.
if command -v apt-get > /dev/null; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get install --yes --no-install-recommends \
    python3-numpy python3-sklearn python3-threadpoolctl python3-faiss libopenblas0-pthread g++
else
  echo 'no apt-get: install numpy (with OpenBLAS), scikit-learn, threadpoolctl and faiss for /usr/bin/python3 by hand' >&2
fi
