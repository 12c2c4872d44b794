#include "core/simd/dispatch.h"

namespace nearvote {

std::string active_isa() { return "baseline"; }
std::vector<std::string> usable_isas() { return {"baseline"}; }

}  // namespace nearvote
