#include "cli/bench_rows.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>

#include "base/formula.h"
#include "base/output_file.h"
#include "cli/interrupt.h"
#include "diffusion/guidance.h"
#include "io/settings.h"
#include "kernels/peak.h"
#include "load/formula_file.h"
#include "load/stable_diffusion.h"
#include "nn/fresh_source.h"
#include "ops/losses.h"
#include "tensor/work.h"
#include "train/optimizer.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kPeakMilliseconds = 10;
constexpr int64_t kRepetitions = 2;  // of rows that are no UNet steps

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A folder of its own under the system's temporary one, removed when the benchmark ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "calotype-bench-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, ErrorKind::cannot_write, "{}: cannot be made; set TMPDIR to another place",
            name);
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { clear(); }
  const fs::path& path() const { return path_; }
  /// What is mapped stays readable.
  void clear() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

 private:
  fs::path path_;
};

Tensor noise(const std::string& name, const Shape& shape) {
  Tensor x = Tensor::empty(shape);
  if (!Measuring::active()) fill_formula_noise(name, x.edit<float>());
  return x;
}

class Bench {
 public:
  Bench(const BenchSizes& sizes, const BenchRequest& request, BenchPeaks& peaks,
        const std::function<void(const std::string&)>& on_phase)
      : sizes_(sizes), request_(request), peaks_(peaks), on_phase_(on_phase) {}

  std::vector<BenchRow> run() {
    if (wanted({"load", "text_2", "unet_step_64", "unet_step_96", "vae_decode_512", "vae_encode_512"})) open();
    if (wanted({"text_2"})) text();
    let_go(model_.text, model_.text_weights);
    if (wanted({"unet_step_64"})) unet("unet_step_64", sizes_.small_cells);
    if (wanted({"unet_step_96"})) unet("unet_step_96", sizes_.large_cells);
    let_go(model_.unet, model_.unet_weights);
    if (wanted({"vae_decode_512"})) decode();
    if (wanted({"vae_encode_512"})) encode();
    let_go(model_.vae, model_.vae_weights);
    if (wanted({"depth_384"})) depth();
    if (wanted({"train_step_small"})) train();
    return std::move(rows_);
  }

 private:
  bool wanted(std::initializer_list<const char*> names) const {
    return std::ranges::any_of(
        names, [&](const char* name) { return std::ranges::find(request_.rows, name) != request_.rows.end(); });
  }

  /// The best of `repetitions` calls by CPU time, the first apart where there are more.
  template <class Work>
  void measure(const std::string& name, Precision precision, double gflop, int64_t repetitions, const Work& work) {
    BenchRow row{.name = name, .precision = precision, .gflop = gflop};
    row.cpu_seconds = std::numeric_limits<double>::infinity();
    on_phase_(name);
    for (int64_t i = 0; i < repetitions; ++i) {
      stop_if_interrupted();
      peaks_.look();
      const double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
      work();
      const double cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
      const bool warming_up = i == 0 && repetitions > 1;
      if (!warming_up && cpu_seconds < row.cpu_seconds) {
        row.seconds = seconds_of(CLOCK_MONOTONIC) - wall;
        row.cpu_seconds = cpu_seconds;
      }
    }
    peaks_.look();
    rows_.push_back(row);
  }

  /// What the ops of `work` come to, without doing them.
  template <class Work>
  static double gflop_of(const Work& work) {
    const Measuring no_numbers;
    const CountingWork count;
    work();
    return count.gflop();
  }

  void open() {
    on_phase_("weights");
    const ScratchFolder folder;
    const fs::path file = folder.path() / "formula.safetensors";
    write_formula_file(file, {formula_part(sizes_.unet), formula_part(sizes_.vae), formula_part(sizes_.text)},
                       DType::f16);
    ModelDescription description;
    description.unet = sizes_.unet;
    description.vae = sizes_.vae;
    description.text = sizes_.text;
    write_text(folder.path() / "formula.yaml", original_yaml(description));
    const OpenOptions options{.precision = request_.precision};
    if (!wanted({"load"})) {
      model_ = open_stable_diffusion(file, options);
      return;
    }
    measure("load", Precision::f32, 0, kRepetitions, [&] { model_ = open_stable_diffusion(file, options); });
  }

  template <class Network>
  static void let_go(std::unique_ptr<Network>& network, const MappedWeights& weights) {
    weights.let_go();
    network.reset();
    trim_allocator();
  }

  void text() {
    const NoGrad inference;
    std::vector<int32_t> ids(2 * sizes_.text.context_length);
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 37 % sizes_.text.vocab_size);
    const auto work = [&] { (*model_.text)(ids); };
    measure("text_2", request_.precision, gflop_of(work), kRepetitions, work);
  }

  /// A guided step: what the two halves share is done once, and counts twice.
  void unet(const std::string& name, int64_t cells) {
    const NoGrad inference;
    const int64_t channels = sizes_.unet.in_channels;
    const Shape context_shape{2, sizes_.text.context_length, sizes_.unet.context_dim};
    const Tensor x = noise(name, {1, cells, cells, channels}), context = noise(name + ".context", context_shape);
    const double gflop = gflop_of([&] {
      (*model_.unet)(
          {.x = Tensor::empty({2, cells, cells, channels}), .times = {500}, .context = Tensor::empty(context_shape)});
    });
    measure(name, request_.precision, gflop, request_.steps, [&] {
      const Tensor both = (*model_.unet)({.x = x, .times = {500}, .context = context});
      guided(both.rows(0, 1), both.rows(1, 1), 7.5);
    });
    trim_allocator();
  }

  void decode() {
    const NoGrad inference;
    const int64_t cells = sizes_.small_cells;
    const auto work = [&] { model_.vae->decode(noise("z", {1, cells, cells, sizes_.vae.embed_dim})); };
    measure("vae_decode_512", request_.precision, gflop_of(work), kRepetitions, work);
    trim_allocator();
  }

  void encode() {
    const NoGrad inference;
    const int64_t side = sizes_.small_cells * sizes_.vae.downscale();
    const Tensor picture = noise("picture", {1, side, side, sizes_.vae.in_channels});
    const auto work = [&] { model_.vae->encode(picture); };
    measure("vae_encode_512", request_.precision, gflop_of(work), kRepetitions, work);
    trim_allocator();
  }

  /// The depth map of a picture, at the size at which the net was trained.
  void depth() {
    const NoGrad inference;
    const ScratchFolder folder;
    const fs::path file = folder.path() / "depth.safetensors";
    write_formula_model(file, {.depth = sizes_.depth}, DType::f16);
    const std::unique_ptr<DepthNet> net = open_depth_net(file);
    const int64_t side = sizes_.depth.trained_size;
    const Tensor picture = noise("picture", {1, side, side, 3});
    const auto work = [&] { (*net)(picture); };
    measure("depth_384", Precision::f32, gflop_of(work), kRepetitions, work);
    trim_allocator();
  }

  /// Forward, backward and AdamW on a fresh network.
  void train() {
    FreshSource source(0);
    const UNet unet(Params(source), sizes_.trained);
    AdamW optimizer(source.parameters(), {});
    const int64_t batch = sizes_.trained_batch, cells = sizes_.trained_cells;
    const Shape latents{batch, cells, cells, sizes_.trained.in_channels};
    const Tensor x = noise("x", latents), target = noise("target", latents);
    const Tensor context = noise("context", {batch, sizes_.text.context_length, sizes_.trained.context_dim});
    const auto gradients = [&] {
      return backward(mean_squared_error(unet({.x = x, .times = {500}, .context = context}), target));
    };
    const double gflop = gflop_of(gradients);
    measure("train_step_small", Precision::f32, gflop, request_.steps + 1, [&] { optimizer.step(gradients(), 1e-4); });
  }

  const BenchSizes& sizes_;
  const BenchRequest& request_;
  BenchPeaks& peaks_;
  const std::function<void(const std::string&)>& on_phase_;
  StableDiffusion model_;
  std::vector<BenchRow> rows_;
};

}  // namespace

const std::vector<std::string>& bench_row_names() {
  static const std::vector<std::string> names{"load",           "text_2",         "unet_step_64", "unet_step_96",
                                              "vae_decode_512", "vae_encode_512", "depth_384",    "train_step_small"};
  return names;
}

void BenchPeaks::look() {
  f32_gflops = std::max(f32_gflops, kernels::peak_gflops_of_all_threads(kPeakMilliseconds));
  if (kernels::in_use(Precision::bf16) == Precision::bf16)
    bf16_gflops = std::max(bf16_gflops, kernels::peak_gflops_of_all_threads(kPeakMilliseconds, Precision::bf16));
}

std::vector<BenchRow> run_bench(const BenchSizes& sizes, const BenchRequest& request, BenchPeaks& peaks,
                                const std::function<void(const std::string& phase)>& on_phase) {
  return Bench(sizes, request, peaks, on_phase).run();
}

}  // namespace calotype::cli
