#include "pipeline/request.h"

#include <gtest/gtest.h>

#include "io/infotext.h"
#include "pipeline/parameters.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"

namespace calotype {
namespace {

using testing::write_tiny_model;

class Request : public ::testing::Test {
 protected:
  Scratch scratch_;
  StableDiffusion model_ = open_stable_diffusion(write_tiny_model(scratch_ / "tiny.safetensors"));
  TextToImage asked_{.prompt = "a cat", .seed = 1};

  std::string refused() {
    return refusal(ErrorKind::bad_input, [&] { settle(model_, asked_); });
  }
};

TEST_F(Request, DefaultsAreThoseOfTheDocumentation) {
  const Settled run = settle(model_, asked_);
  EXPECT_EQ(run.request.sampler, "dpmpp_2m");
  EXPECT_EQ(run.request.scheduler, "karras");
  EXPECT_EQ(run.request.steps, 20);
  EXPECT_EQ(run.request.cfg_scale, 7.5);
  EXPECT_EQ(run.request.width, 64);
  EXPECT_EQ(run.request.height, 64);
  EXPECT_EQ(run.request.recipe, "diffusers");
  EXPECT_TRUE(run.guided);
}

TEST_F(Request, ModelsOfZeroTerminalSnrAreCalledWhereNoSignalIs) {
  const StableDiffusion zero =
      open_stable_diffusion(write_tiny_model(scratch_ / "zero.safetensors", Prediction::v_prediction, true));
  ASSERT_TRUE(zero.noise.zero_terminal_snr);
  for (const Sampler& sampler : samplers())
    for (const char* recipe : {"diffusers", "web_ui"}) {
      const GridFamily family = sampler.family;
      const bool over_times = family == GridFamily::ddim || family == GridFamily::pndm;
      if (over_times && std::string(recipe) == "web_ui") continue;  // its grid ends below
      if (family == GridFamily::calls || family == GridFamily::range || family == GridFamily::restart)
        continue;  // these lay their own steps over the whole range
      asked_.sampler = sampler.id;
      asked_.recipe = recipe;
      const Settled run = settle(zero, asked_);
      const Plan plan = make_plan(schedule_of(zero.noise), sampler.family, run.plan);
      EXPECT_EQ(plan.steps.front().from.time, 999) << sampler.id << " " << recipe;
      EXPECT_LT(plan.steps[1].from.sigma(), 100) << "a step is wasted where nothing is decided";
    }
}

TEST_F(Request, ATurboModelTakesOneStepWithoutGuidance) {
  asked_.preset = "turbo";
  const Settled run = settle(model_, asked_);
  EXPECT_EQ(run.request.sampler, "euler");
  EXPECT_EQ(run.request.spacing, "trailing");
  EXPECT_EQ(run.request.scheduler, "grid");
  EXPECT_EQ(run.request.steps, 1);
  EXPECT_FALSE(run.guided);
  const Plan plan = make_plan(schedule_of(model_.noise), run.sampler->family, run.plan);
  EXPECT_EQ(plan.steps.front().from.time, 999);

  asked_.steps = 20;  // what is said counts, if it is what others do too
  asked_.cfg_scale = 7.5;
  EXPECT_EQ(settle(model_, asked_).request.steps, 20);
  EXPECT_TRUE(settle(model_, asked_).guided);
  asked_.steps = 4;
  EXPECT_EQ(settle(model_, asked_).request.steps, 4);
  asked_.preset = "";
  model_.turbo = true;
  EXPECT_EQ(settle(model_, asked_).request.sampler, "euler");
  asked_.preset = "none";
  EXPECT_EQ(settle(model_, asked_).request.sampler, "dpmpp_2m");
  asked_.preset = "fast";
  EXPECT_NE(refused().find("turbo, none"), std::string::npos);
}

TEST_F(Request, AFoldersSchedulerIsHeeded) {
  model_.scheduler = "PNDMScheduler";
  model_.steps_offset = 1;
  model_.set_alpha_to_one = true;
  Settled run = settle(model_, asked_);
  EXPECT_EQ(run.request.sampler, "pndm");
  EXPECT_EQ(run.request.spacing, "leading");
  EXPECT_TRUE(run.plan.end_without_noise);
  model_.scheduler = "EulerDiscreteScheduler";
  model_.timestep_spacing = "trailing";
  model_.steps_offset = 0;
  run = settle(model_, asked_);
  EXPECT_EQ(run.request.sampler, "euler");
  EXPECT_EQ(run.request.spacing, "trailing");
  EXPECT_EQ(run.plan.steps_offset, 0);
  asked_.sampler = "ddim";
  EXPECT_EQ(settle(model_, asked_).request.spacing, "trailing");
  asked_.spacing = "leading";
  EXPECT_EQ(settle(model_, asked_).request.spacing, "leading");
  model_.scheduler = "FromAnotherProgram";
  asked_ = {.prompt = "a cat", .seed = 1};
  EXPECT_EQ(settle(model_, asked_).request.sampler, "dpmpp_2m");
}

TEST_F(Request, SamplersAreSetAsAsked) {
  asked_.sampler = "DPM++ 2M SDE Heun";
  asked_.recipe = "a1111";
  asked_.rng = "NV";
  asked_.s_noise = 1.01;
  asked_.solver_order = 3;
  asked_.eta_noise_seed_delta = 31337;
  const Settled run = settle(model_, asked_);
  EXPECT_EQ(run.options.solver, Solver::heun);
  EXPECT_EQ(run.options.order, 3);
  EXPECT_EQ(run.options.noise_scale, 1.01);
  EXPECT_TRUE(run.options.brownian);
  EXPECT_EQ(run.request.rng, "torch-cuda");
  EXPECT_EQ(run.request.scheduler, "exponential");
  const Infotext written = parameters_of(model_, run, 0);
  EXPECT_EQ(*written.find("RNG"), "NV");
  EXPECT_EQ(*written.find("ENSD"), "31337");
  EXPECT_EQ(*written.find("Solver type"), "heun");
  asked_.solver_type = "euler";
  EXPECT_EQ(refused().find("solver_type: there is none named 'euler'"), 0u);
  asked_ = {.prompt = "a cat", .seed = 1, .batch_count = 2, .sampler = "dpm_adaptive"};
  EXPECT_EQ(refused().find("batch_size: dpm_adaptive"), 0u);
}

TEST_F(Request, NamesMayCarryLevelsAndCaseDoesNotMatter) {
  asked_.sampler = "DPM++ 2M Karras";
  EXPECT_EQ(settle(model_, asked_).request.scheduler, "karras");
  asked_.sampler = "Euler a";
  EXPECT_EQ(settle(model_, asked_).request.sampler, "euler_ancestral");
  EXPECT_EQ(settle(model_, asked_).request.scheduler, "grid");
  asked_.scheduler = "Exponential";
  EXPECT_EQ(settle(model_, asked_).request.scheduler, "exponential");
  asked_.scheduler = "";
  asked_.sampler = "dpmpp_2m";
  asked_.spacing = "trailing";
  EXPECT_EQ(settle(model_, asked_).request.scheduler, "grid");
}

TEST_F(Request, MessagesNameFieldValueAndWhatIsAllowed) {
  asked_.width = 500;
  EXPECT_EQ(refused(), "width: 500 is not a multiple of 8; the nearest are 496 and 504");
  asked_.width = 64;
  asked_.height = 20000;
  EXPECT_EQ(refused(), "height: 20000 is outside of 8 .. 16384");
  asked_.height = 64;
  asked_.steps = 0;
  EXPECT_EQ(refused(), "steps: 0 is outside of 1 .. 1000");
  asked_.steps = 20;
  asked_.cfg_scale = std::nan("");
  EXPECT_EQ(refused(), "cfg_scale: nan is outside of 0 .. 100");
  asked_.cfg_scale = 7;
  asked_.scheduler = "karass";
  EXPECT_EQ(refused().find("scheduler: there is none named 'karass'; did you mean karras? There are grid, "), 0u);
  asked_.scheduler = "";
  asked_.sampler = "unknown";
  EXPECT_EQ(refused().find("sampler: there is none named 'unknown'; there are "), 0u);
  asked_.sampler = "ddim";
  asked_.prompts = {"a", "b"};
  EXPECT_EQ(refused(), "prompt: 2 of them for 1 pictures; give one for each");
}

TEST_F(Request, ParametersReadBack) {
  asked_.prompt = "a caf\u00e9, \"at\" night: rain\nsecond line";
  asked_.negative_prompt = "blurry";
  asked_.batch_count = 2;
  const Settled run = settle(model_, asked_);
  const Infotext read = parse_infotext(write_infotext(parameters_of(model_, run, 1)));
  EXPECT_EQ(read.prompt, asked_.prompt);
  EXPECT_EQ(read.negative, "blurry");
  const auto value = [&](const char* key) { return read.find(key) ? *read.find(key) : "(none)"; };
  EXPECT_EQ(value("Steps"), "20");
  EXPECT_EQ(value("Sampler"), "DPM++ 2M");
  EXPECT_EQ(value("Schedule type"), "Karras");
  EXPECT_EQ(value("CFG scale"), "7.5");
  EXPECT_EQ(value("Seed"), "2");
  EXPECT_EQ(value("Size-1"), "64");
  EXPECT_EQ(value("Model"), "tiny");
  EXPECT_EQ(value("Prediction"), "epsilon");
}

}  // namespace
}  // namespace calotype
