#include "pipeline/memory.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "tensor/work.h"

namespace calotype {
namespace {

/// What the system could still give, in bytes; a very large number where it does not say.
int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  for (int64_t kilobytes; file >> key >> kilobytes; file.ignore(64, '\n'))
    if (key == "MemAvailable:") return 1024 * kilobytes;
  return INT64_MAX;
}

template <class Body>
int64_t peak_of(Body&& body) {
  const int64_t before = memory_use().live;
  reset_peak_memory();
  body();
  return memory_use().peak - before;
}

/// Calls the network with what it is called with, all of it empty.
void call_network(const StableDiffusion& model, const Settled& run) {
  const UNetConfig& unet = model.unet->config;
  const int64_t pictures = run.pictures();
  const Shape latents = latent_shape(model, run);
  const Tensor context = Tensor::empty({run.guided || run.composed ? 2 * pictures : pictures,
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

double gibibytes(int64_t bytes) {
  return static_cast<double>(bytes) / (int64_t{1} << 30);
}

}  // namespace

int64_t decoding_memory(const Vae& vae, int64_t height, int64_t width) {
  const NoGrad inference;
  const Measuring no_numbers;
  return peak_of([&] { vae.decode(Tensor::empty({1, height, width, vae.config.embed_dim})); });
}

int64_t working_memory(const StableDiffusion& model, const Settled& run) {
  const NoGrad inference;
  const Measuring no_numbers;
  const int64_t cell = model.vae->config.downscale();
  const int64_t network = peak_of([&] { call_network(model, run); });
  return std::max(network, decoding_memory(*model.vae, run.request.height / cell, run.request.width / cell));
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
  return call * run.sampler->calls(static_cast<int>(run.request.steps)) +
         decoder.flop() * static_cast<double>(run.pictures());
}

namespace {

void require_available(int64_t needed, int64_t width, int64_t height) {
  const int64_t available = available_memory();
  require(
      needed <= available, ErrorKind::out_of_memory,
      "width and height: {}x{} needs {:.1f} GiB of working memory, {:.1f} GiB are left; choose a smaller picture or "
      "fewer at once",
      width, height, gibibytes(needed), gibibytes(available));
}

}  // namespace

void require_memory(const StableDiffusion& model, const Settled& run) {
  require_available(working_memory(model, run), run.request.width, run.request.height);
}

void require_decoding_memory(const Vae& vae, int64_t height, int64_t width) {
  const int64_t cell = vae.config.downscale();
  require_available(decoding_memory(vae, height, width), width * cell, height * cell);
}

}  // namespace calotype
