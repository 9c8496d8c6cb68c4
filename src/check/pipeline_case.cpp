#include "check/pipeline_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "check/exact_encoder.h"
#include "check/listed_grid.h"
#include "diffusion/noise.h"
#include "ops/structure.h"
#include "text/prompt.h"

namespace calotype::checker {

double PipelineCase::tolerance(const char* name, double otherwise) const {
  return optional_number(tolerances_, name).value_or(otherwise);
}

void PipelineCase::compare() {
  compare_ids();
  compare_draws();
  const Drawing drawing = draw();
  compare_levels();
  compare_states(drawing.latents);
  compare_pictures(drawing.images);
}

Drawing PipelineCase::draw() {
  Watcher watcher;
  watcher.tap = Tap([this](const std::string& name, const Tensor& value) { see(name, value); });
  // The web interface's states are those before each step, diffusers' those before each call.
  const bool by_step = run_.request.recipe != "diffusers";
  watcher.on_call = [this, by_step](const Tensor& x, const Level& at) {
    if (!by_step) states_.push_back(x);
    times_.push_back(at.time);
  };
  watcher.on_step = [this, by_step](const Progress& progress) {
    if (by_step) states_.push_back(progress.x);
  };
  return calotype::draw(model_, run_, watcher, stored_path());
}

void PipelineCase::see(const std::string& name, const Tensor& value) {
  if (name == "decoded") return decoded_.push_back(value);
  if (name == "vae_input") return encoded_.push_back(value);
  if (name == "vae_moments") return moments_.push_back(value);
  if (name == "net_input" && std::exchange(called_, true)) return;
  if (name == "net_input") compare_encodings();
  if (name == "net_output" && std::exchange(answered_, true)) return;
  if (tensors_.has(name)) compare_tensor(name, value);
}

namespace {

/// Values whose first half, the unwanted one, comes after the wanted one: the web interface's order.
std::vector<double> wanted_first(std::vector<double> values) {
  std::ranges::rotate(values, values.begin() + static_cast<int64_t>(values.size() / 2));
  return values;
}

/// The first picture's rows of [unwanted.., wanted..].
std::vector<double> one_of_each(const std::vector<double>& values, size_t wanted_size) {
  const size_t half = values.size() / 2, row = wanted_size / 2;
  if (row > half) return values;
  std::vector<double> result(values.begin(), values.begin() + static_cast<int64_t>(row));
  result.insert(result.end(), values.begin() + static_cast<int64_t>(half),
                values.begin() + static_cast<int64_t>(half + row));
  return result;
}

}  // namespace

/// The halves of guidance begin alike, so ours may have only one of them; where both texts are the same, they end alike
/// too. The web interface puts the wanted one first,
/// and its context is stored for one picture.
void PipelineCase::compare_tensor(const std::string& name, const Tensor& got) {
  const std::vector<double> want = tensors_.values(name);
  std::vector<double> values = reference_values(got);
  if (2 * values.size() == want.size()) {
    const std::vector<double> half = values;
    values.insert(values.end(), half.begin(), half.end());
  }
  if (run_.request.recipe != "diffusers" && name == "context") values = one_of_each(values, want.size());
  if (run_.request.recipe != "diffusers" && name != "net_input") values = wanted_first(values);
  findings_.measure(
      name, greatest_beside_one(values, want),
      tolerance(name.c_str(), name == "net_output" ? 5e-5 : 2e-5) + (name == "net_input" ? latent_slack_ : 0));
}

/// Ids up to the first padding, which is all that the case stores.
void PipelineCase::compare_ids() {
  const json all = row_.value("token_ids", json::object());
  const std::pair<const char*, const std::vector<std::string>*> lists[] = {
      {"prompt", &run_.request.prompts}, {"negative_prompt", &run_.request.negative_prompts}};
  for (const auto& [key, texts] : lists) {
    if (!all.contains(key)) continue;
    const auto want = all[key].get<std::vector<std::vector<int32_t>>>();
    if (want.empty()) continue;
    const size_t each = std::max<size_t>(1, texts->size() / want.size());
    for (size_t i = 0; i < want.size() && i * each < texts->size(); ++i) {
      const FramedPrompt framed = frame((*texts)[i * each], Tokenizer::clip(run_.tokenizer));
      const size_t length = std::min(want[i].size(), framed.ids.size());
      findings_.equal(std::string("ids of ") + key,
                      std::vector<int32_t>(framed.ids.begin(), framed.ids.begin() + length), want[i]);
      const int32_t padding = Tokenizer::clip(run_.tokenizer).pad_id();
      findings_.exact(std::string("padding of ") + key, std::count_if(framed.ids.begin() + length, framed.ids.end(),
                                                                      [&](int32_t id) { return id != padding; }));
    }
  }
}

void PipelineCase::compare_draws() {
  Noise noise =
      run_.request.one_generator ? Noise::whole_batch(run_.request.seeds[0]) : Noise::per_picture(run_.request.seeds);
  for (int number = 0;; ++number) {
    const std::string name = "draw." + std::to_string(number);
    if (!tensors_.has(name)) return;
    const Shape shape = tensors_.shape(name);
    require(shape.rank() == 4, ErrorKind::bad_file, "{} has the shape {}", name, shape.text());
    const Tensor got = noise.draw({shape[0], shape[2], shape[3], shape[1]});
    findings_.measure(name, greatest_beside_one(reference_values(got), tensors_.values(name)), tolerance("draw", 1e-5));
  }
}

void PipelineCase::compare_encodings() {
  compare_encoding("vae_input", encoded_);
  compare_encoding("vae_moments", moments_);
}

/// The reference may encode a picture once for each that is drawn, we once for all: picture b of theirs is b mod n of
/// ours.
void PipelineCase::compare_encoding(const std::string& name, const std::vector<Tensor>& got) {
  size_t count = 0;
  while (tensors_.has(fmt::format("{}.{}", name, count))) ++count;
  findings_.exact("number of " + name, count == 0 || (!got.empty() && count % got.size() == 0) ? 0 : 1);
  if (got.empty() || count % got.size() != 0) return;
  for (size_t i = 0; i < count; ++i) {
    const std::string stored = fmt::format("{}.{}", name, i);
    const size_t each = count / got.size();
    const Tensor& ours = got[i / each];
    const int64_t picture = static_cast<int64_t>(i % each) % ours.dim(0);
    const std::vector<double> values = reference_values(each == 1 ? ours : ours.rows(picture, 1));
    const std::vector<double> want = tensors_.values(stored);
    const double distance = greatest_beside_one(values, want), allowed = tolerance(name.c_str(), 2e-5);
    if (distance > allowed && name == "vae_moments" && tensors_.has(fmt::format("vae_input.{}", i)))
      compare_with_exact(static_cast<int>(i), values, want);
    else
      findings_.measure(stored, distance, allowed);
  }
}

/// Where a large part of a picture is flat, the reference's f32 strays from exact arithmetic by more than its
/// tolerance, for all pixels of that part round alike. Then we are held to a run of the same encoder in f64, and what
/// the network is shown may differ by what the reference's stray makes of it: latents are scale (mean + exp(v / 2) z),
/// |z| < 5.
void PipelineCase::compare_with_exact(int number, const std::vector<double>& got, const std::vector<double>& want) {
  const std::string input = fmt::format("vae_input.{}", number);
  const Tensor exact = exact_moments(model_.vae->config, tensors_.values(input), tensors_.shape(input));
  const std::vector<double> values = reference_values(exact);
  findings_.measure(fmt::format("vae_moments.{} beside f64", number), greatest_beside_one(got, values),
                    tolerance("vae_moments", 2e-5));
  double stray = 0, widest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    stray = std::max(stray, std::abs(values[i] - want[i]));
    widest = std::max(widest, values[i]);
  }
  constexpr double kGreatestNormal = 5;
  latent_slack_ = std::max(
      latent_slack_, model_.vae->config.scale_factor * stray * (1 + 0.5 * kGreatestNormal * std::exp(widest / 2)));
}

/// The values of the reference's Brownian path, in order: one rounding of sigma moves a path by more than any
/// tolerance.
NoisePath PipelineCase::stored_path() {
  if (!tensors_.has("brownian.0")) return {};
  return [this](double, double) {
    const std::string name = fmt::format("brownian.{}", path_values_++);
    require(tensors_.has(name), ErrorKind::bad_file, "{}: the sampler asks for more of the path than is stored", name);
    return channels_last(tensors_.tensor(name));
  };
}

/// diffusers forms sigma^2 = (1 - a) / a in f32: near no noise the rounding of 1 - a weighs most.
void PipelineCase::compare_sigmas(const Plan& plan) {
  const std::string cls = word(row_.value("scheduler", json::object()), "cls");
  const std::vector<double> got = listed_sigmas(cls, plan), want = row_["sigmas"].get<std::vector<double>>();
  findings_.exact("number of sigmas", got.size() == want.size() ? 0 : 1);
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    const double squared = got[i] * got[i], rounding = squared > 0 ? 0x1p-24 * (1 + squared) / squared : 0;
    findings_.measure("sigma " + std::to_string(i), relative(got[i], want[i]), 2e-5 + rounding);
  }
}

void PipelineCase::compare_levels() {
  const Plan plan = make_plan(schedule_of(model_.noise), run_.sampler->family, run_.plan);
  if (row_.contains("sigmas")) compare_sigmas(plan);
  if (row_.contains("network_calls"))
    findings_.equal("network calls", std::vector{times_.size()}, {row_["network_calls"].get<size_t>()});
  if (!row_.contains("network_times")) return;
  const std::vector<double> want = row_["network_times"];
  findings_.exact("number of times", times_.size() == want.size() ? 0 : 1);
  for (size_t i = 0; i < std::min(times_.size(), want.size()); ++i) {
    const bool whole = want[i] == std::floor(want[i]) && times_[i] == std::floor(times_[i]);
    findings_.measure("time " + std::to_string(i), std::abs(times_[i] - want[i]), whole ? 0 : 5e-3);
  }
}

/// Before each call, then the one that is decoded; each beside its own greatest value.
void PipelineCase::compare_states(const Tensor& last) {
  if (!tensors_.has("latents")) return;
  states_.push_back(last);
  const std::vector<double> want = tensors_.values("latents");
  const auto count = static_cast<size_t>(tensors_.shape("latents").dim(0));
  findings_.exact("number of latents", states_.size() == count ? 0 : 1);
  if (states_.size() != count) return;
  for (size_t i = 0; i < count; ++i)
    findings_.measure("latents[" + std::to_string(i) + "]",
                      greatest_beside_one(reference_values(states_[i]),
                                          std::span(want).subspan(i * (want.size() / count), want.size() / count)),
                      tolerance("latents", 1e-4));
}

void PipelineCase::compare_pictures(const std::vector<Image>& images) {
  if (tensors_.has("decoded")) {
    std::vector<double> values;
    for (const Tensor& picture : decoded_) {
      const std::vector<double> one = reference_values(picture);
      values.insert(values.end(), one.begin(), one.end());
    }
    findings_.measure("decoded", greatest_beside_one(values, tensors_.values("decoded")), tolerance("decoded", 1e-4));
  }
  if (!tensors_.has("image_u8")) return;
  const json allowed = tolerances_.value("image_u8", json::object());
  const std::vector<double> want = tensors_.values("image_u8");
  std::vector<double> got;
  for (const Image& image : images) got.insert(got.end(), image.pixels.begin(), image.pixels.end());
  findings_.exact("number of bytes", got.size() == want.size() ? 0 : 1);
  if (got.size() != want.size() || got.empty()) return;
  const double levels = optional_number(allowed, "levels").value_or(1);
  int64_t far = 0, differing = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    far += std::abs(got[i] - want[i]) > levels ? 1 : 0;
    differing += got[i] == want[i] ? 0 : 1;
  }
  findings_.exact(fmt::format("bytes of image_u8 more than {} off", levels), far);
  findings_.measure("share of bytes of image_u8 that differ",
                    static_cast<double>(differing) / static_cast<double>(want.size()),
                    optional_number(allowed, "share").value_or(0.005));
}

}  // namespace calotype::checker
