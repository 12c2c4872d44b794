// The core's test harness: TEST(name) { CHECK(...); } and a main() per file through CHECK_MAIN. A failed check prints
// the expression, the file and the line, and the run goes on; the process exits 1 if any check failed.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline int& failures() {
  static int count = 0;
  return count;
}
struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

inline void report(bool ok, const char* expression, const char* file, int line) {
  if (ok) return;
  std::printf("  %s:%d: CHECK(%s) failed\n", file, line, expression);
  ++failures();
}

inline void report_near(double a, double b, double tolerance, const char* expression, const char* file, int line) {
  if (std::fabs(a - b) <= tolerance) return;
  std::printf("  %s:%d: CHECK_NEAR(%s) failed: %.17g and %.17g\n", file, line, expression, a, b);
  ++failures();
}

// Runs every case whose name contains argv[1] (all without an argument).
inline int run_all(int argc, char** argv) {
  for (const Case& c : cases()) {
    if (argc > 1 && std::strstr(c.name, argv[1]) == nullptr) continue;
    const int before = failures();
    try {
      c.run();
    } catch (const std::exception& error) {
      std::printf("  unexpected exception: %s\n", error.what());
      ++failures();
    }
    std::printf("%s %s\n", failures() == before ? "ok  " : "FAIL", c.name);
  }
  return failures() == 0 ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                            \
  static void name();                                         \
  static const check::Register register_##name{#name, &name}; \
  static void name()
#define CHECK(expression) check::report(static_cast<bool>(expression), #expression, __FILE__, __LINE__)
#define CHECK_NEAR(a, b, tolerance) check::report_near((a), (b), (tolerance), #a ", " #b, __FILE__, __LINE__)
#define CHECK_THROWS(expression, Type)                                       \
  do {                                                                       \
    bool thrown = false;                                                     \
    try {                                                                    \
      (void)(expression);                                                    \
    } catch (const Type&) {                                                  \
      thrown = true;                                                         \
    }                                                                        \
    check::report(thrown, #expression " throws " #Type, __FILE__, __LINE__); \
  } while (false)
#define CHECK_MAIN \
  int main(int argc, char** argv) { return check::run_all(argc, argv); }
