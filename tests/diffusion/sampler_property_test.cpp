#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "diffusion/noise.h"
#include "diffusion/samplers.h"
#include "diffusion/sigmas.h"
#include "ops/combine.h"
#include "ops/structure.h"

namespace calotype {
namespace {

constexpr double kSpread = 0.7;  // the standard deviation of Gaussian data around 0

/// The ideal denoiser of such data, in any coordinates and any float type.
Tensor ideal(const Tensor& x, const Level& at) {
  const double data = at.signal * kSpread;
  return combine({{data * kSpread / (data * data + at.noise * at.noise), x}});
}

/// A plan over sigma from `high` to `low`, even in ln sigma.
Plan plan_over(int steps, double high, double low, bool preserving_coordinates) {
  const auto level = preserving_coordinates ? preserving : exploding;
  const std::vector<double> sigmas = exponential_sigmas(steps + 1, low, high);
  Plan plan;
  for (int i = 0; i < steps; ++i) plan.steps.push_back({level(sigmas[i], 0), level(sigmas[i + 1], 0)});
  plan.level_at = [level](double sigma) { return level(sigma, 0); };
  return plan;
}

/// How far a run ends from the exact solution of the probability-flow ODE, which keeps x over its standard deviation.
double error_of(SamplerFunction sampler, const SamplerOptions& options, int steps, bool preserving_coordinates) {
  const Plan plan = plan_over(steps, 8, 0.05, preserving_coordinates);
  const Level &start = plan.steps.front().from, &end = plan.steps.back().to;
  const auto no_noise = [] { return Tensor::zeros({1}, DType::f64); };
  const Sampling run{
      .plan = plan, .denoise = ideal, .draw = no_noise, .options = options, .on_step = {}, .after_step = {}};
  const auto spread = [](const Level& at) { return std::hypot(at.signal * kSpread, at.noise); };
  const double x = sampler(run, Tensor::full({1}, spread(start), DType::f64)).view<double>()[0];
  return std::abs(x - spread(end));
}

void expect_order(SamplerFunction sampler, const SamplerOptions& options, int order, const std::string& name) {
  for (const bool vp : {false, true}) {
    if (vp && sampler == &euler_ancestral) continue;  // has no meaning there
    const double ratio = error_of(sampler, options, 200, vp) / error_of(sampler, options, 400, vp);
    EXPECT_NEAR(std::log2(ratio), order, 0.1) << name << (vp ? ", preserving" : ", exploding");
  }
}

TEST(SamplerProperty, ConvergesAtItsOrder) {
  for (const Sampler& sampler : samplers()) expect_order(sampler.run, {}, sampler.order, sampler.id);
  expect_order(&dpmpp_2m, {.solver = Solver::heun}, 2, "dpmpp_2m heun");
}

TEST(SamplerProperty, EulerIsDdimInPreservingCoordinates) {
  EXPECT_NEAR(error_of(ddim, {}, 30, true), error_of(euler, {}, 30, true), 1e-14);
}

TEST(SamplerProperty, FreshNoiseKeepsTheSpread) {
  for (const auto& [sampler, options, vp] :
       {std::tuple{&euler_ancestral, SamplerOptions{.eta = 1}, false},
        std::tuple{&ddim, SamplerOptions{.eta = 1}, true}, std::tuple{&euler, SamplerOptions{.churn = 20}, false}}) {
    const Plan plan = plan_over(150, 8, 0.02, vp);
    const Shape shape{1, 64, 64, 4};
    Noise noise = Noise::whole_batch(5);
    const Sampling run{.plan = plan,
                       .denoise = ideal,
                       .draw = [&] { return noise.draw(shape); },
                       .options = options,
                       .on_step = {},
                       .after_step = {}};
    const Level &start = plan.steps.front().from, &end = plan.steps.back().to;
    const Tensor x = sampler(run, combine({{std::hypot(start.signal * kSpread, start.noise), noise.draw(shape)}}));
    double squares = 0;
    for (const double value : x.view<float>()) squares += value * value;
    const double want = std::hypot(end.signal * kSpread, end.noise);
    // Five standard errors of a deviation from 16384 values are 2 %; the steps leave 2 % as well.
    EXPECT_NEAR(std::sqrt(squares / static_cast<double>(x.count())), want, 0.04 * want);
  }
}

TEST(SamplerProperty, ABatchChangesNothing) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const auto drawn = [&](const Sampler& sampler, Recipe recipe, uint64_t seed, int pictures) {
    PlanRequest request = default_request(sampler, recipe, 7);
    SamplerOptions options = sampler.options(recipe);
    options.churn = 1;
    if (sampler.draws == Draws::with_eta) options.eta = 0.5;
    Noise noise = Noise::per_picture(seed, pictures);
    const Shape shape{pictures, 5, 3, 4};
    const Network network = [](const Tensor& x, double time) { return combine({{0.3 + time / 2000, x}}); };
    const Sampling run{.plan = make_plan(schedule, sampler.family, request),
                       .denoise = denoiser(network, Prediction::v_prediction),
                       .draw = [&] { return noise.draw(shape); },
                       .options = options,
                       .on_step = {},
                       .after_step = {}};
    return sampler.run(run, first_state(run.plan, noise.draw(shape)));
  };
  for (const Sampler& sampler : samplers()) {
    for (const Recipe recipe : {Recipe::diffusers, Recipe::web_ui}) {
      const Tensor batch = drawn(sampler, recipe, 42, 3);
      for (int i = 0; i < 3; ++i) {
        const Tensor alone = drawn(sampler, recipe, 42 + i, 1), part = batch.rows(i, 1);
        EXPECT_TRUE(std::ranges::equal(part.view<float>(), alone.view<float>())) << sampler.id << i;
      }
    }
  }
}

TEST(SamplerProperty, CallsAreCounted) {
  for (const Sampler& sampler : samplers()) {
    int calls = 0;
    size_t reported = 0;
    Noise noise = Noise::whole_batch(1);
    const auto draw = [&] { return noise.draw({1, 2, 2, 4}); };
    const Sampling run{.plan = make_plan(NoiseSchedule::stable_diffusion(), sampler.family,
                                         default_request(sampler, Recipe::diffusers, 9)),
                       .denoise = [&](const Tensor& x, const Level& at) { return ++calls, ideal(x, at); },
                       .draw = draw,
                       .options = sampler.diffusers,
                       .on_step =
                           [&](const Progress& progress) {
                             EXPECT_EQ(progress.index, reported++);
                             EXPECT_EQ(progress.count, 9u);
                           },
                       .after_step = {}};
    sampler.run(run, draw());
    EXPECT_EQ(calls, sampler.calls(9)) << sampler.id;
    EXPECT_EQ(reported, 9u) << sampler.id;
  }
}

TEST(SamplerProperty, WhatIsPutBackAfterAStepStays) {
  const Sampler& sampler = *sampler_named("euler").sampler;
  const Tensor kept = Tensor::full({1, 1, 1, 4}, 3);
  const Sampling run{.plan = make_plan(NoiseSchedule::stable_diffusion(), sampler.family, {.steps = 4}),
                     .denoise = ideal,
                     .draw = {},
                     .options = {},
                     .on_step = {},
                     .after_step = [&](Tensor, const Step& step) { return combine({{step.to.signal, kept}}); }};
  EXPECT_EQ(sampler.run(run, kept).view<float>()[0], 3);
}

TEST(Plans, SchedulesFall) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  for (const SigmaKind kind : sigma_kinds()) {
    for (const Recipe recipe : {Recipe::diffusers, Recipe::web_ui}) {
      for (const GridFamily family : {GridFamily::sigma, GridFamily::multistep}) {
        for (const int steps : {1, 2, 3, 17, 100}) {
          const Plan plan = make_plan(schedule, family, {.steps = steps, .recipe = recipe, .sigmas = kind});
          const std::vector<double> sigmas = plan.sigmas();
          EXPECT_TRUE(kind == SigmaKind::ddim_uniform || sigmas.size() == steps + 1u) << name_of(kind) << steps;
          for (size_t i = 1; i < sigmas.size(); ++i) EXPECT_LT(sigmas[i], sigmas[i - 1]) << name_of(kind) << steps;
          for (const auto& [from, to] : plan.steps) EXPECT_TRUE(from.time >= 0 && from.time <= 999);
        }
      }
    }
  }
}

TEST(Plans, StartFromALatent) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const auto kept = [&](Recipe recipe, GridFamily family, int steps, double strength) {
    const Plan plan = make_plan(schedule, family, {.steps = steps, .recipe = recipe, .strength = strength});
    return plan.steps.size() - plan.first;
  };
  EXPECT_EQ(kept(Recipe::diffusers, GridFamily::ddim, 50, 0.8), 40u);
  EXPECT_EQ(kept(Recipe::diffusers, GridFamily::ddim, 50, 0.58), 28u);  // 0.58 * 50 is less than 29 in binary
  EXPECT_EQ(kept(Recipe::diffusers, GridFamily::ddim, 100, 0.57), 56u);
  EXPECT_EQ(kept(Recipe::web_ui, GridFamily::sigma, 20, 0.75), 16u);
  EXPECT_EQ(kept(Recipe::web_ui, GridFamily::sigma, 20, 1), 20u);
  EXPECT_THROW(kept(Recipe::diffusers, GridFamily::sigma, 10, 0.05), Error);
  EXPECT_THROW(kept(Recipe::diffusers, GridFamily::sigma, 10, 1.5), Error);

  const Plan ldm = make_plan(schedule, GridFamily::ddim, {.steps = 50, .recipe = Recipe::ldm, .strength = 0.8});
  EXPECT_EQ(ldm.start.time, 801);
  EXPECT_EQ(ldm.steps[ldm.first].from.time, 781);
}

TEST(Plans, RefuseWhatCannotBe) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const auto refused = [&](GridFamily family, const PlanRequest& request) {
    EXPECT_THROW(make_plan(schedule, family, request), Error);
  };
  refused(GridFamily::sigma, {.steps = 0});
  refused(GridFamily::sigma, {.steps = 1001});
  refused(GridFamily::ddim, {.sigmas = SigmaKind::karras});
  refused(GridFamily::ddim, {.steps = 9, .recipe = Recipe::ldm});
  refused(GridFamily::ddim, {.steps = 1, .recipe = Recipe::web_ui});
  refused(GridFamily::sigma, {.recipe = Recipe::ldm});
  refused(GridFamily::sigma, {.own_sigmas = {1, 2, 0}});
  refused(GridFamily::sigma, {.own_sigmas = {5}});
  refused(GridFamily::sigma, {.own_sigmas = {std::nan(""), 0}});
  const Plan own = make_plan(schedule, GridFamily::sigma, {.own_sigmas = {10, 3, 0}});
  EXPECT_EQ(own.sigmas(), (std::vector<double>{10, 3, 0}));
  EXPECT_EQ(own.noise_scale, 10);

  const Network network = [](const Tensor& x, double) { return x; };
  EXPECT_THROW(denoiser(network, Prediction::epsilon)(Tensor::zeros({1}), Level{0, 1, 999}), Error);
  EXPECT_NO_THROW(denoiser(network, Prediction::v_prediction)(Tensor::zeros({1}), Level{0, 1, 999}));
}

TEST(Samplers, AreFoundByTheirNames) {
  const auto id = [](std::string_view name) { return std::string(sampler_named(name).sampler->id); };
  for (const Sampler& sampler : samplers()) {
    EXPECT_EQ(id(sampler.id), sampler.id);
    EXPECT_EQ(id(sampler.title), sampler.id);
    for (const std::string_view alias : sampler.aliases) EXPECT_EQ(id(alias), sampler.id);
  }
  EXPECT_EQ(id("EulerAncestralDiscreteScheduler"), "euler_ancestral");
  EXPECT_EQ(sampler_named("DPM++ 2M Karras").sigmas, SigmaKind::karras);
  EXPECT_EQ(sampler_named("dpm++2m exponential").sigmas, SigmaKind::exponential);
  EXPECT_EQ(sampler_named("Euler a").sigmas, std::nullopt);
  EXPECT_EQ(sampler_named("euler SGM Uniform").sigmas, SigmaKind::sgm_uniform);
  EXPECT_EQ(sampler_named("ddim_trailing").spacing, Spacing::trailing);
  for (const char* other : {"", "ipndm", "dpm++2mv2", "DDIM CFG++", "euler b"}) EXPECT_THROW(id(other), Error) << other;
}

TEST(NoiseDraws, PicturesAndBatches) {
  const Shape one{1, 5, 3, 4}, two{2, 5, 3, 4};
  Noise pictures = Noise::per_picture(7, 2), first = Noise::per_picture(7, 1), second = Noise::per_picture(8, 1);
  for (int draw = 0; draw < 2; ++draw) {
    const Tensor both = pictures.draw(two);
    const Tensor parts[] = {both.rows(0, 1), both.rows(1, 1)}, wanted[] = {first.draw(one), second.draw(one)};
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(std::ranges::equal(parts[i].view<float>(), wanted[i].view<float>()));
  }
  Rng rng(7);
  std::vector<float> plain(120);
  rng.normal(plain);
  Noise batch = Noise::whole_batch(7);
  const Tensor planes = channels_first(batch.draw(two));
  EXPECT_TRUE(std::ranges::equal(planes.view<float>(), plain));
  const Tensor back = channels_first(channels_last(planes));
  EXPECT_TRUE(std::ranges::equal(back.view<float>(), plain));
}

TEST(BetaQuantile, InvertsTheDistribution) {
  EXPECT_EQ(beta_quantile(0, 0.6, 0.6), 0);
  EXPECT_EQ(beta_quantile(1, 0.6, 0.6), 1);
  EXPECT_NEAR(beta_quantile(0.5, 0.6, 0.6), 0.5, 1e-14);
  for (const double p : {0.01, 0.2, 0.7, 0.99}) {
    EXPECT_NEAR(beta_quantile(p, 1, 1), p, 1e-14);                                        // uniform
    EXPECT_NEAR(beta_quantile(p, 0.5, 0.5), std::pow(std::sin(M_PI * p / 2), 2), 1e-13);  // arcsine
    EXPECT_NEAR(beta_quantile(p, 3, 1), std::cbrt(p), 1e-14);
  }
}

}  // namespace
}  // namespace calotype
