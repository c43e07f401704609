#pragma once
// A failing plan made smaller: without the faults and the clients that it fails without, and as short as it fails.

#include "simulation/world.h"

namespace mayfly::simulation {

/// The violations of a plan, which is run for it.
std::vector<std::string> violations_of(const Plan& plan);

/// Still fails by the same letter.
Plan shrink(const Plan& plan);

/// One line that brings it back: what to set before the test program, and what it found.
std::string reproduction(const Plan& plan);

}  // namespace mayfly::simulation
