#include "core/simd/dispatch.h"

#include <atomic>
#include <cstdlib>

#include "core/base/cpu.h"
#include "core/base/error.h"

namespace nearvote {
namespace simd {
namespace {

std::vector<const Kernels*> usable() {
  std::vector<const Kernels*> tables{&kBaseline};
#if defined(__x86_64__)
  if (cpu_features().avx2) tables.push_back(&kAvx2);
  if (cpu_features().avx512) tables.push_back(&kAvx512);
  if (cpu_features().avx512_vnni) tables.push_back(&kAvx512Vnni);
  if (enable_amx()) tables.push_back(&kAmx);
#elif defined(__aarch64__)
  tables.push_back(&kNeon);
  if (cpu_features().dot_product) tables.push_back(&kNeonDot);
#endif
  return tables;
}

const Kernels& choose() {
  const char* forced = std::getenv("NEARVOTE_ISA");
  if (forced == nullptr || *forced == '\0') return *usable().back();
  if (const Kernels* found = find_kernels(forced)) return *found;
  std::string names;
  for (const std::string& name : usable_isas()) names += (names.empty() ? "" : ", ") + name;
  throw expected("one of " + names, "NEARVOTE_ISA", std::string("\"") + forced + "\"");
}

std::atomic<const Kernels*> g_override{nullptr};

}  // namespace

const Kernels* find_kernels(const std::string& name) {
  for (const Kernels* table : usable())
    if (name == table->name) return table;
  return nullptr;
}

void use_kernels(const Kernels* kernels) { g_override.store(kernels); }

const Kernels& active_kernels() {
  if (const Kernels* table = g_override.load()) return *table;
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace simd

std::string active_isa() { return simd::active_kernels().name; }

std::vector<std::string> usable_isas() {
  std::vector<std::string> names;
  for (const simd::Kernels* table : simd::usable()) names.emplace_back(table->name);
  return names;
}

}  // namespace nearvote
