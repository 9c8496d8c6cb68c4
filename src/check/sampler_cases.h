#pragma once

#include "check/kinds.h"

namespace calotype::checker {

/// `schedules.json`: betas, timesteps, sigmas, conversions, guidance, loss weights.
void check_schedules(const Request& request, Report& report);
/// `random.json`: random numbers.
void check_random(const Request& request, Report& report);

}  // namespace calotype::checker
