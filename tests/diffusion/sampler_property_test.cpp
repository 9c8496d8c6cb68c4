#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "diffusion/brownian.h"
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

struct Solving {
  const char* name;
  SamplerFunction sampler;
  SamplerOptions options;
  int order;  // at least; a method that starts with lower order is held to that
  bool any_coordinates;
};

TEST(SamplerProperty, ConvergesAtItsOrder) {
  const Solving all[] = {
      {"ddim", ddim, {}, 1, true},
      {"euler", euler, {}, 1, true},
      {"euler_ancestral", euler_ancestral, {}, 1, false},
      {"heun", heun, {}, 2, false},
      {"restart", calotype::restart, {}, 2, false},
      {"dpm_2", dpm_2, {}, 2, false},
      {"dpm_2_ancestral", dpm_2_ancestral, {}, 2, false},
      {"dpmpp_2s_ancestral", dpmpp_2s_ancestral, {}, 2, false},
      {"dpmpp_sde", dpmpp_sde, {}, 2, false},
      {"lms", lms, {.order = 4}, 2, false},
      {"dpmpp_1", dpmpp_multistep, {.order = 1}, 1, true},
      {"dpmpp_2m", dpmpp_multistep, {}, 2, true},
      {"dpmpp_2m heun", dpmpp_multistep, {.solver = Solver::heun}, 2, true},
      {"dpmpp_3m", dpmpp_multistep, {.order = 3}, 2, true},
      {"dpm_2m", dpm_multistep, {}, 2, true},
      {"dpmpp_single", dpmpp_singlestep, {}, 2, true},
      {"dpmpp_single heun", dpmpp_singlestep, {.solver = Solver::heun}, 2, true},
      {"unipc", unipc, {}, 2, true},
      {"unipc bh1", unipc, {.order = 3, .bh1 = true}, 2, true},
      {"deis", deis, {}, 2, true},
      {"deis 3", deis, {.order = 3}, 2, true},
  };
  for (const auto& [name, sampler, options, order, any] : all) {
    for (const bool vp : {false, true}) {
      if (vp && !any) continue;
      const double ratio = error_of(sampler, options, 200, vp) / error_of(sampler, options, 400, vp);
      EXPECT_GE(std::log2(ratio), order - 0.1) << name << (vp ? ", preserving" : ", exploding");
    }
  }
}

TEST(SamplerProperty, EulerIsDdimInPreservingCoordinates) {
  EXPECT_NEAR(error_of(ddim, {}, 30, true), error_of(euler, {}, 30, true), 1e-14);
}

TEST(SamplerProperty, FreshNoiseKeepsTheSpread) {
  for (const auto& [sampler, options, vp] :
       {std::tuple{&euler_ancestral, SamplerOptions{.eta = 1}, false},
        std::tuple{&ddim, SamplerOptions{.eta = 1}, true}, std::tuple{&ddim, SamplerOptions{.eta = 1}, false},
        std::tuple{&ddpm, SamplerOptions{}, true}, std::tuple{&euler, SamplerOptions{.churn = 20}, false},
        std::tuple{&dpmpp_multistep, SamplerOptions{.eta = 1}, true},
        std::tuple{&dpmpp_sde, SamplerOptions{.eta = 1}, false}}) {
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

/// A whole run of a sampler on a network that is no good at denoising, each picture from its own seed.
Tensor drawn(const Sampler& sampler, Recipe recipe, uint64_t seed, const Shape& shape,
             std::optional<double> strength = {}) {
  PlanRequest request = default_request(sampler, recipe, 7);
  request.strength = strength;
  SamplerOptions options = sampler.options(recipe);
  options.churn = 1;
  if (sampler.draws == Draws::with_eta) options.eta = 0.5;
  Noise noise = Noise::per_picture(seed, static_cast<int>(shape[0]));
  const Network network = [](const Tensor& x, double time) { return combine({{0.3 + time / 2000, x}}); };
  Sampling run{.plan = make_plan(NoiseSchedule::stable_diffusion(), sampler.family, request),
               .denoise = denoiser(network, Prediction::v_prediction),
               .draw = {},
               .options = options,
               .on_step = {},
               .after_step = {},
               .prediction = Prediction::v_prediction};
  noise.serve(run, shape);
  const Tensor first = noise.draw(shape);
  return sampler.run(run,
                     strength ? first_state(run.plan, first, Tensor::full(shape, 0.4)) : first_state(run.plan, first));
}

constexpr Recipe kRecipes[] = {Recipe::diffusers, Recipe::web_ui, Recipe::comfyui};

TEST(SamplerProperty, NeitherBatchNorThreadsChangeAPicture) {
  for (const Sampler& sampler : samplers()) {
    for (const Recipe recipe : kRecipes) {
      const Shape two{2, 6, 5, 4}, one{1, 6, 5, 4};
      const Tensor alone = drawn(sampler, recipe, 43, one);
      const int threads = thread_count();
      set_thread_count(1);
      const Tensor slow = drawn(sampler, recipe, 43, one);
      set_thread_count(threads);
      EXPECT_TRUE(std::ranges::equal(slow.view<float>(), alone.view<float>())) << sampler.id << name_of(recipe);
      if (sampler.alone) continue;
      const Tensor part = drawn(sampler, recipe, 42, two).rows(1, 1);
      EXPECT_TRUE(std::ranges::equal(part.view<float>(), alone.view<float>())) << sampler.id << name_of(recipe);
    }
  }
}

TEST(SamplerProperty, ARunMayStartInTheMiddle) {
  const Shape shape{1, 3, 5, 4};
  const double wanted = 0.4;
  for (const Sampler& sampler : samplers()) {
    for (const Recipe recipe : kRecipes) {
      for (const double strength : {0.3, 0.75, 1.0}) {
        const int steps = sampler.family == GridFamily::consistency ? 8 : 24;
        PlanRequest request = default_request(sampler, recipe, steps);
        request.strength = strength;
        int calls = 0;
        const Denoiser sure = [&](const Tensor& x, const Level&) { return ++calls, Tensor::full(x.shape(), wanted); };
        Noise noise = Noise::per_picture(5, 1);
        Sampling run{.plan = make_plan(NoiseSchedule::stable_diffusion(), sampler.family, request),
                     .denoise = sure,
                     .draw = {},
                     .options = sampler.options(recipe),
                     .on_step = {},
                     .after_step = {}};
        noise.serve(run, shape);
        const Tensor x = sampler.run(run, first_state(run.plan, noise.draw(shape), Tensor::full(shape, wanted)));
        // What is left is noise of the last level, of which the coarsest is a tenth.
        for (const float value : x.view<float>())
          EXPECT_NEAR(value, wanted, 0.3) << sampler.id << " " << name_of(recipe) << " " << strength;
        EXPECT_GE(calls, 1);
        // ComfyUI takes as many steps of a longer grid; a consistency model finds its own in a shorter one.
        const bool fewer = recipe != Recipe::comfyui && sampler.family != GridFamily::consistency;
        if (fewer && sampler.calls_per_step > 0 && strength < 1) {
          EXPECT_LT(calls, sampler.calls(steps)) << sampler.id << " " << name_of(recipe) << " " << strength;
        }
      }
    }
  }
}

TEST(SamplerProperty, CallsAreCounted) {
  for (const Sampler& sampler : samplers()) {
    int calls = 0;
    size_t reported = 0;
    Noise noise = Noise::whole_batch(1);
    const Shape shape{1, 2, 2, 4};
    Sampling run{.plan = make_plan(NoiseSchedule::stable_diffusion(), sampler.family,
                                   default_request(sampler, Recipe::diffusers, 9)),
                 .denoise = [&](const Tensor& x, const Level& at) { return ++calls, ideal(x, at); },
                 .draw = {},
                 .options = sampler.diffusers,
                 .on_step = {},
                 .after_step = {}};
    run.on_step = [&](const Progress& progress) {
      EXPECT_EQ(progress.count, run.plan.steps.size());
      if (sampler.calls_per_step > 0) {
        EXPECT_EQ(progress.index, reported++);
      }
    };
    noise.serve(run, shape);
    sampler.run(run, noise.draw(shape));
    if (sampler.calls_per_step == 0) continue;
    EXPECT_EQ(calls, sampler.calls(9)) << sampler.id;
    EXPECT_EQ(reported, run.plan.steps.size()) << sampler.id;
  }
}

TEST(Brownian, StretchesAddUp) {
  const std::vector<uint64_t> seeds{7, 8};
  const BrownianNoise noise(seeds, 0.03, 14.6);
  const Shape shape{2, 4, 4, 4}, one{1, 4, 4, 4};
  const Tensor whole = noise.between(9, 2, shape), upper = noise.between(9, 5, shape),
               lower = noise.between(5, 2, shape);
  for (int64_t i = 0; i < whole.count(); ++i)
    EXPECT_NEAR(whole.view<float>()[i] * std::sqrt(7.0),
                upper.view<float>()[i] * std::sqrt(4.0) + lower.view<float>()[i] * std::sqrt(3.0), 1e-4);
  const Tensor second = BrownianNoise(std::span(seeds).last(1), 0.03, 14.6).between(9, 2, one);
  const Tensor part = whole.rows(1, 1);
  EXPECT_TRUE(std::ranges::equal(part.view<float>(), second.view<float>()));
}

TEST(NoiseDraws, SourcesAndLaterSeeds) {
  const Shape shape{1, 2, 3, 4};
  Noise cuda = Noise::per_picture(42, 1, NoiseSource::torch_cuda);
  EXPECT_NEAR(cuda.draw(shape).view<float>()[0], 0.19401887f, 2e-6);
  Noise moved = Noise::per_picture(40, 1), plain = Noise::per_picture(42, 1);
  moved.draw(shape);
  moved = moved.begun_anew(2);
  const Tensor a = moved.draw(shape), b = plain.draw(shape);
  EXPECT_TRUE(std::ranges::equal(a.view<float>(), b.view<float>()));
  EXPECT_EQ(later_seed_delta(Recipe::diffusers, 5), std::nullopt);
  EXPECT_EQ(later_seed_delta(Recipe::web_ui, 31337), 31337u);
  EXPECT_EQ(later_seed_delta(Recipe::comfyui, 0), 1u);
  for (const NoiseSource source : {NoiseSource::torch_cpu, NoiseSource::torch_cuda, NoiseSource::numpy})
    EXPECT_EQ(noise_source_from(name_of(source)), source);
  EXPECT_EQ(noise_source_from("NV"), NoiseSource::torch_cuda);
  EXPECT_EQ(noise_source_from("dice"), std::nullopt);
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
  EXPECT_EQ(id("dpm++2s_a"), "dpmpp_2s_ancestral");
  EXPECT_EQ(id("kdpm2_ancestral"), "dpm_2_ancestral");
  EXPECT_EQ(id("DPM2 a Karras"), "dpm_2_ancestral");
  const NamedSampler heun = sampler_named("DPM++ 2M SDE Heun Exponential");
  EXPECT_EQ(std::string(heun.sampler->id), "dpmpp_2m_sde");
  EXPECT_EQ(heun.sigmas, SigmaKind::exponential);
  SamplerOptions options;
  heun.adjust(options);
  EXPECT_EQ(options.solver, Solver::heun);
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
