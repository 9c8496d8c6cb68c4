#include "diffusion/timesteps.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace calotype {
namespace {

void check_steps(int steps, int trained) {
  require(steps >= 1 && steps <= trained, ErrorKind::bad_input, "steps: {} is outside of 1 .. {}", steps, trained);
}

// std::nearbyint rounds halves to even, as the reference does.
std::vector<double> trailing(int steps, int trained) {
  std::vector<double> times(steps);
  for (int i = 0; i < steps; ++i) times[i] = std::nearbyint(trained - i * (trained * 1.0 / steps)) - 1;
  return times;
}

/// Of `points` even points from the last time to 0, the first `steps`. Multiples of a rounded stride, as numpy has
/// them: whether a half is met exactly decides where it is rounded to.
std::vector<double> linspace(int steps, int points, int trained) {
  std::vector<double> times(steps);
  if (points == 1) return times;
  const double stride = static_cast<double>(trained - 1) / (points - 1);
  for (int i = 0; i < steps; ++i) times[i] = i == 0 ? trained - 1 : (points - 1 - i) * stride;
  return times;
}

void round_all(std::vector<double>& times) {
  for (double& time : times) time = std::nearbyint(time);
}

/// Of `points` multiples of `stride` and 0, falling, the first `steps`, plus the offset.
std::vector<double> leading(int steps, int points, int stride, int offset, int trained) {
  std::vector<double> times(steps);
  for (int i = 0; i < steps; ++i) times[i] = std::min((points - 1 - i) * stride + offset, trained - 1);
  return times;
}

}  // namespace

std::vector<double> ddim_timesteps(Spacing spacing, int steps, int offset, int trained) {
  std::vector<double> times = sigma_timesteps(spacing, steps, offset, trained);
  round_all(times);
  return times;
}

std::vector<double> sigma_timesteps(Spacing spacing, int steps, int offset, int trained) {
  check_steps(steps, trained);
  if (spacing == Spacing::trailing) return trailing(steps, trained);
  if (spacing == Spacing::linspace) return linspace(steps, steps, trained);
  return leading(steps, steps, trained / steps, offset, trained);
}

std::vector<double> multistep_timesteps(Spacing spacing, int steps, int offset, int trained) {
  check_steps(steps, trained);
  if (spacing == Spacing::trailing) return trailing(steps, trained);
  if (spacing == Spacing::leading) return leading(steps, steps + 1, trained / (steps + 1), offset, trained);
  std::vector<double> times = linspace(steps, steps + 1, trained);
  round_all(times);
  return times;
}

std::vector<double> ldm_timesteps(int steps, int trained) {
  check_steps(steps, trained);
  const int stride = trained / steps;
  require((trained - 1) % stride != 0, ErrorKind::bad_input,
          "steps: the original code's grid for {} steps reaches beyond its {} times; take {} or another spacing", steps,
          trained, steps + 1);
  std::vector<double> times;
  for (int time = 1; time <= trained; time += stride) times.insert(times.begin(), time);
  return times;
}

std::vector<double> web_ui_timesteps(int steps, int trained) {
  check_steps(steps, trained);
  std::vector<double> times;
  for (int time = 0; time < trained; time += trained / steps)
    times.insert(times.begin(), std::min(time + 1, trained - 1));
  return times;
}

std::vector<double> consistency_timesteps(int steps, int distilled, double strength, int trained) {
  check_steps(steps, trained);
  require(distilled >= 1 && distilled <= trained, ErrorKind::bad_input, "distilled_steps: {} is outside of 1 .. {}",
          distilled, trained);
  const int stride = trained / distilled, kept = static_cast<int>(distilled * strength);
  require(steps <= kept, ErrorKind::bad_input,
          "steps: {} are more than the {} times that a consistency model can be called at here", steps, kept);
  std::vector<double> times(steps);
  for (int i = 0; i < steps; ++i) {
    const int from_end = static_cast<int>(i * (kept * 1.0 / steps));
    times[i] = (kept - from_end) * stride - 1;
  }
  return times;
}

}  // namespace calotype
