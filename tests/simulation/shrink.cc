#include "simulation/shrink.h"

namespace mayfly::simulation {

namespace {

// "D1", "C2", ...: what comes after it names ids, which another run has others of.
std::string letter_of(const std::vector<std::string>& violations) {
  return violations.empty() ? std::string() : violations.front().substr(0, violations.front().find(':'));
}

std::string as_hex(std::uint64_t bits) {
  char text[19];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(bits));
  return text;
}

}  // namespace

std::vector<std::string> violations_of(const Plan& plan) {
  World world(plan);
  world.run();
  return world.violations();
}

Plan shrink(const Plan& plan) {
  const auto letter = letter_of(violations_of(plan));
  const auto still_fails = [&](const Plan& smaller) { return letter_of(violations_of(smaller)) == letter; };
  Plan best = plan;
  for (const auto bits : {&Plan::faults, &Plan::clients}) {
    for (int bit = 0; bit < 64; ++bit) {
      Plan smaller = best;
      smaller.*bits &= ~(std::uint64_t{1} << bit);
      if (smaller.*bits != best.*bits && still_fails(smaller)) best = smaller;
    }
  }
  for (int less = best.steps / 2; less > 0; less /= 2) {
    Plan smaller = best;
    smaller.steps -= less;
    if (smaller.steps > 0 && still_fails(smaller)) best = smaller;
  }
  return best;
}

std::string reproduction(const Plan& plan) {
  std::string faults;
  for (std::size_t i = 0; i < fault_kinds.size(); ++i)
    if (plan.faults >> i & 1) faults += " " + std::string(fault_kinds[i].name);
  return "MAYFLY_SEED=" + std::to_string(plan.seed) + " MAYFLY_FAULTS=" + as_hex(plan.faults) +
         " MAYFLY_CLIENTS=" + as_hex(plan.clients) + " MAYFLY_STEPS=" + std::to_string(plan.steps) +
         "  # left of the faults:" + faults;
}

}  // namespace mayfly::simulation
