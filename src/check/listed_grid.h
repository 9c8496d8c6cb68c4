#pragma once

#include <string>
#include <vector>

#include "diffusion/plan.h"

namespace calotype::checker {

/// Sigma as a class of diffusers lists them: those of second order have every inner one twice.
std::vector<double> listed_sigmas(const std::string& cls, const Plan& plan);
/// Times of all calls, those between steps too.
std::vector<double> listed_times(const std::string& cls, const Plan& plan);

/// How far the reference's time of an ancestral step's middle may be off: it forms sigma_down^2 as the difference of
/// two nearly equal squares in f32, each with some four roundings of 2^-24. Half of what that does to sigma_down
/// reaches the middle.
double middle_time_error(const Step& step, const Plan& plan);

}  // namespace calotype::checker
