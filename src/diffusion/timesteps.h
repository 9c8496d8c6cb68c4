#pragma once

#include <vector>

namespace calotype {

/// Where N sampling steps lie among the `trained` ones (1000).
enum class Spacing {
  leading,   ///< every (trained / N)-th step from the first on, plus an offset
  linspace,  ///< evenly from the last to the first
  trailing,  ///< every (trained / N)-th step from the last on
};

/// Times of DDIM, DDPM and PNDM in diffusers: whole, falling.
std::vector<double> ddim_timesteps(Spacing spacing, int steps, int offset = 1, int trained = 1000);

/// Times of Euler, Euler ancestral, LMS, Heun and DPM2 in diffusers: linspace has fractions.
std::vector<double> sigma_timesteps(Spacing spacing, int steps, int offset = 1, int trained = 1000);

/// Times of the DPM-Solver classes, DEIS and UniPC in diffusers: leading and linspace are cut for N + 1 steps.
std::vector<double> multistep_timesteps(Spacing spacing, int steps, int offset = 1, int trained = 1000);

/// Times of DDIM in the original code: may be more than N. Throws `bad_input` for the N whose grid passes the end.
std::vector<double> ldm_timesteps(int steps, int trained = 1000);

/// Times of DDIM in the web interface, falling. A sampler does not evaluate the last: it is only stepped to.
std::vector<double> web_ui_timesteps(int steps, int trained = 1000);

/// Times of LCM and TCD, falling: `steps` of the `distilled` ones, of which only the share `strength` from the low end
/// is used. Throws `bad_input` where that share has fewer.
std::vector<double> consistency_timesteps(int steps, int distilled = 50, double strength = 1, int trained = 1000);

}  // namespace calotype
