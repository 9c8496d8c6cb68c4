#include "pipeline/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "base/parallel.h"
#include "load/stable_diffusion.h"
#include "tensor/work.h"

namespace calotype {
namespace {

/// What the kernels hold for their own use, whatever is drawn: panels of weights and tiles, most of it a thread's.
constexpr int64_t kKernels = int64_t{64} << 20, kKernelsOfThread = int64_t{16} << 20;

int64_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

template <class Body>
int64_t peak_of(Body&& body) {
  const NoGrad inference;
  const Measuring no_numbers;
  const int64_t before = memory_use().live;
  reset_peak_memory();
  body();
  return memory_use().peak - before;
}

struct Cells {
  int64_t height, width;
};

Cells cells_of(const StableDiffusion& model, const Settled& run) {
  const int64_t cell = model.vae->config.downscale();
  return {run.request.height / cell, run.request.width / cell};
}

/// Whether the network sees one half of a guided step at a time.
bool halves_apart_or_none(const Settled& run) {
  return run.memory.halves_apart || !(run.guided || run.composed);
}

/// Calls the network with what it is called with, all of it empty.
void call_network(const StableDiffusion& model, const Settled& run) {
  const UNetConfig& unet = model.unet->config;
  const int64_t pictures = run.pictures();
  const Shape latents = latent_shape(model, run);
  const Tensor context = Tensor::empty({halves_apart_or_none(run) ? pictures : 2 * pictures,
                                        run.most_chunks * model.text->config.context_length, model.text->config.width});
  // A vector is another one for each context, so the pictures come as often.
  const bool told = unet.class_input == ClassInput::vector;
  const int64_t seen = told ? context.dim(0) : pictures;
  const Tensor vector = told ? Tensor::empty({seen, unet.class_size}) : Tensor();
  (*model.unet)({.x = Tensor::empty({seen, latents[1], latents[2], unet.in_channels}),
                 .times = {0},
                 .context = context,
                 .levels = {0},
                 .vector = vector});
}

int64_t network_memory(const StableDiffusion& model, const Settled& run) {
  return peak_of([&] { call_network(model, run); });
}

std::string text_of(int64_t bytes) {
  return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / (int64_t{1} << 30));
}

int64_t depth_memory(const DepthNet& net) {
  const int64_t side = net.config.trained_size;
  return peak_of([&] { net(Tensor::empty({1, side, side, 3})); });
}

/// One part of a drawing: what it takes beside what is held all the time.
struct Part {
  int64_t weights = 0, tensors = 0;
  int64_t under(const MemoryLimit& limit) const { return limit.held ? *limit.held + weights + tensors : tensors; }
  bool fits(const MemoryLimit& limit) const { return under(limit) <= limit.bytes; }
};

[[noreturn]] void refuse(const MemoryLimit& limit, const Part& part, const char* what, int64_t width, int64_t height) {
  if (limit.held)
    fail(ErrorKind::out_of_memory,
         "max_memory: {} are allowed, {} {}x{} takes {} at least (weights {}, working memory {}, the rest of the "
         "program {}); choose a smaller picture or fewer at once",
         text_of(limit.bytes), what, width, height, text_of(part.under(limit)), text_of(part.weights),
         text_of(part.tensors), text_of(*limit.held));
  fail(ErrorKind::out_of_memory,
       "width and height: {} {}x{} needs {} of working memory, {} are left; choose a smaller picture or fewer at once",
       what, width, height, text_of(part.tensors), text_of(limit.bytes));
}

/// From the fastest to the smallest.
std::vector<DecodePlan> decode_plans(const Vae& vae) {
  std::vector<DecodePlan> plans{{}};
  for (int64_t levels = 1; levels < vae.config.levels(); ++levels)
    for (const int64_t rows : {256, 128, 64, 16}) plans.push_back({levels, rows});
  return plans;
}

}  // namespace

MemoryLimit MemoryLimit::available() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (int64_t kilobytes; file >> key >> kilobytes; file.ignore(64, '\n'))
    if (key == "MemAvailable:") return {1024 * kilobytes, std::nullopt};
  return {INT64_MAX, std::nullopt};
}

MemoryLimit MemoryLimit::of_process(int64_t bytes) {
  return {bytes, resident_memory() + kKernels + kKernelsOfThread * thread_count()};
}

int64_t decoding_memory(const Vae& vae, int64_t height, int64_t width, const DecodePlan& plan) {
  return peak_of([&] { vae.decode(Tensor::empty({1, height, width, vae.config.embed_dim}), plan); });
}

int64_t encoding_memory(const Vae& vae, int64_t height, int64_t width) {
  return peak_of([&] { vae.encode(Tensor::empty({1, height, width, 3})); });
}

int64_t working_memory(const StableDiffusion& model, const Settled& run) {
  const Cells cells = cells_of(model, run);
  int64_t most =
      std::max(network_memory(model, run), decoding_memory(*model.vae, cells.height, cells.width, run.memory.decode));
  if (run.encodes) most = std::max(most, encoding_memory(*model.vae, run.request.height, run.request.width));
  if (run.predicts_depth) most = std::max(most, depth_memory(depth_net_of(model)));
  return most;
}

DecodePlan plan_decoding(const StableDiffusion& model, int64_t height, int64_t width, const MemoryLimit& limit) {
  Part least;
  for (const DecodePlan& plan : decode_plans(*model.vae)) {
    const Part part{model.vae_weights.bytes(), decoding_memory(*model.vae, height, width, plan)};
    if (part.fits(limit)) return plan;
    if (least.tensors == 0 || part.tensors < least.tensors) least = part;
  }
  const int64_t cell = model.vae->config.downscale();
  refuse(limit, least, "decoding", width * cell, height * cell);
}

double drawing_work(const StableDiffusion& model, const Settled& run) {
  const NoGrad inference;
  const Measuring no_numbers;
  const Shape latents = latent_shape(model, run);
  const CountingWork network;
  call_network(model, run);
  const double call = network.flop();
  const CountingWork decoder;
  model.vae->decode(Tensor::empty({1, latents[1], latents[2], latents[3]}));
  return call * run.sampler->calls(static_cast<int>(*run.request.steps)) +
         decoder.flop() * static_cast<double>(run.pictures());
}

MemoryPlan plan_memory(const StableDiffusion& model, const Settled& run, const MemoryLimit& limit) {
  Settled planned = run;
  planned.memory = {};
  const auto require_room = [&](const Part& part, const char* what) {
    if (!part.fits(limit)) refuse(limit, part, what, run.request.width, run.request.height);
  };
  const auto network = [&] { return Part{model.unet_weights.bytes(), network_memory(model, planned)}; };
  const Part together = network();
  if (!together.fits(limit)) {
    planned.memory.halves_apart = run.guided;
    const Part least = run.guided ? network() : together;
    require_room(least, "drawing");
  }
  if (run.encodes)
    require_room({model.vae_weights.bytes(), encoding_memory(*model.vae, run.request.height, run.request.width)},
                 "encoding the picture for");
  if (run.predicts_depth)
    require_room({model.depth_weights.bytes(), depth_memory(depth_net_of(model))}, "finding the depth for");
  const Part text{model.text_weights.bytes(), 0};
  require_room(text, "reading the prompt for");
  const Cells cells = cells_of(model, run);
  planned.memory.decode = plan_decoding(model, cells.height, cells.width, limit);
  return planned.memory;
}

}  // namespace calotype
