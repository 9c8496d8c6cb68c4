#pragma once

#include <string>
#include <vector>

#include "diffusion/plan.h"

namespace calotype::checker {

/// Sigma as a class of diffusers lists them: those of second order have every inner one twice.
std::vector<double> listed_sigmas(const std::string& cls, const Plan& plan);
/// Times of all calls, those between steps too.
std::vector<double> listed_times(const std::string& cls, const Plan& plan);

}  // namespace calotype::checker
