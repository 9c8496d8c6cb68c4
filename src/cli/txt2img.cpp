#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/exit_code.h"
#include "cli/files_apart.h"
#include "cli/find_model.h"
#include "cli/inspection.h"
#include "cli/interrupt.h"
#include "cli/output_names.h"
#include "cli/picture_writer.h"
#include "cli/previewer.h"
#include "cli/prompts.h"
#include "cli/run_options.h"
#include "io/printable.h"
#include "pipeline/decode.h"
#include "pipeline/finite.h"
#include "pipeline/latents.h"
#include "pipeline/memory.h"
#include "pipeline/parameters.h"
#include "pipeline/text_to_image.h"

namespace calotype::cli {
namespace {

struct Given {
  TextToImage request;
  std::string prompt_file, size, model, prediction, vae, variant, load_latent;
  int64_t batch_size = 1;
  OutputOptions output;
  PreviewOptions preview;
  RunOptions run;
};

void add_model(Options& options, Given& given) {
  options.add(
      "Model",
      {
          {.name = "model",
           .options = "-m,--model",
           .help = "a .safetensors file in the original layout, or a diffusers folder",
           .value = &given.model,
           .unset = "the bundled one"},
          {.name = "vae", .options = "--vae", .help = "a file to take the autoencoder from", .value = &given.vae},
          {.name = "prediction",
           .options = "--prediction",
           .help = "what the network predicts, where the file is wrong about it: epsilon, v_prediction",
           .value = &given.prediction},
          {.name = "variant",
           .options = "--variant",
           .help = "of a folder's files, such as fp16",
           .value = &given.variant},
      });
}

void add_output(Options& options, Given& given) {
  options.add("Output",
              {
                  {.name = "output",
                   .options = "-o,--output",
                   .help = "a file, a pattern with %d or %03d, a folder/, or - for PNG on stdout; the path of "
                           "each picture goes to stdout",
                   .value = &given.output.output},
                  {.name = "sheet",
                   .options = "--sheet",
                   .help = "all pictures of the run on one sheet too",
                   .value = &given.output.sheet},
                  {.name = "save_latent",
                   .options = "--save-latent",
                   .help = "each picture's latents before decoding; named like --output",
                   .value = &given.output.save_latent},
                  {.name = "load_latent",
                   .options = "--load-latent",
                   .help = "decode this file, draw nothing",
                   .value = &given.load_latent},
                  {.name = "no_metadata",
                   .options = "--no-metadata",
                   .help = "leave the request out of the picture",
                   .value = &given.output.no_metadata},
              });
}

Options make_options(Given& given) {
  Options options("calotype txt2img", "Draws pictures from text.");
  std::vector<Field> picture = fields(given.request);
  picture.insert(picture.begin() + 2,
                 {.name = "prompt_file",
                  .options = "--prompt-file,--from-file",
                  .help = "one prompt a line, - is stdin; '#' begins a comment, '{' a JSON object of "
                          "options that overrule these",
                  .value = &given.prompt_file});
  picture.push_back(
      {.name = "size", .options = "--size", .help = "WIDTHxHEIGHT, instead of the two", .value = &given.size});
  picture.push_back({.name = "batch_size",
                     .options = "--batch-size",
                     .help = "pictures drawn at once: more take more memory; they are the same",
                     .value = &given.batch_size,
                     .low = 1,
                     .high = 64});
  options.add("Picture", std::move(picture));
  add_model(options, given);
  add_output(options, given);
  given.preview.add_to(options);
  given.run.add_to(options);
  options.add_example("calotype txt2img -p \"a penguin on a blue background\" -o penguin.png");
  options.add_example(
      "calotype txt2img -m 768-v-ema.safetensors -p \"a fox in the snow\" -n blurry --seed 42 -o fox.png");
  options.add_example("calotype txt2img --prompt-file prompts.txt --seed 0 -o out/%02d.png --sheet out/sheet.png");
  return options;
}

void take_size(Given& given) {
  if (given.size.empty()) return;
  const size_t by = given.size.find_first_of("xX");
  require(by != std::string::npos, ErrorKind::bad_input, "size: '{}' is not of the form WIDTHxHEIGHT",
          printable(given.size, 40));
  const std::vector<Field> table = fields(given.request);
  set(*find(table, "width"), given.size.substr(0, by));
  set(*find(table, "height"), given.size.substr(by + 1));
}

/// What is to be drawn, a prompt each; seeds go on from one to the next.
std::vector<TextToImage> requests_of(Given& given) {
  TextToImage& base = given.request;
  if (base.seed < 0) base.seed = std::random_device()();
  base.prompt = prompt_text(base.prompt);
  if (given.prompt_file.empty()) return {base};
  TextToImage unseeded = base;
  unseeded.seed = -1;
  std::vector<TextToImage> requests = read_prompt_file(given.prompt_file, unseeded);
  int64_t drawn = 0;
  for (TextToImage& request : requests) {
    if (request.seed < 0) request.seed = base.seed + drawn;
    drawn += request.batch_count;
  }
  return requests;
}

int64_t count_of(const std::vector<TextToImage>& requests) {
  int64_t count = 0;
  for (const TextToImage& request : requests) count += request.batch_count;
  return count;
}

StableDiffusion open_model(const Given& given, Display& display) {
  OpenOptions options{.vae = given.vae, .variant = given.variant};
  if (!given.prediction.empty()) {
    options.prediction = prediction_from(given.prediction);
    require(options.prediction.has_value(), ErrorKind::bad_input,
            "prediction: there is none named '{}'; there are epsilon, v_prediction, sample",
            printable(given.prediction, 40));
  }
  display.phase("load");
  const std::filesystem::path path = find_model(given.model);
  StableDiffusion model = open_stable_diffusion(path, options);
  if (given.run.verbose)
    display.note(fmt::format("{}: {}, {} ({})", path.lexically_normal().string(), name_of(model.family),
                             name_of(model.prediction), model.prediction_source));
  return model;
}

/// Some pictures of one request, drawn together: those from `first` on.
TextToImage part_of(const TextToImage& request, int64_t first, int64_t count) {
  TextToImage part = request;
  part.seed = request.seed + first;
  part.batch_count = count;
  return part;
}

/// Draws all requests and writes each picture as soon as it is done.
class Drawer {
 public:
  Drawer(const StableDiffusion& model, const Given& given, Display& display, PictureWriter& writer, int64_t count)
      : model_(model),
        given_(given),
        display_(display),
        writer_(writer),
        preview_(given.preview, *model.vae),
        count_(count) {
    watcher_.on_phase = [this](const char* phase) {
      stop_if_interrupted();
      display_.phase(phase);
    };
    watcher_.on_step = [this](const Progress& at) {
      stop_if_interrupted();
      preview_.show(at, display_);
      display_.step(static_cast<int64_t>(at.index) + 1, static_cast<int64_t>(at.count));
    };
    watcher_.on_warning = [this](const std::string& line) {
      if (line != last_warning_) display_.note("calotype: warning: " + line);  // once, not for every picture
      last_warning_ = line;
    };
  }

  void draw(const TextToImage& request) {
    for (int64_t first = 0; first < request.batch_count; first += given_.batch_size) {
      const int64_t some = std::min(given_.batch_size, request.batch_count - first);
      if (count_ > 1)
        display_.set_prefix(some == 1 ? fmt::format("picture {}/{}", drawn_ + 1, count_)
                                      : fmt::format("pictures {}-{}/{}", drawn_ + 1, drawn_ + some, count_));
      draw_together(settle(model_, part_of(request, first, some)));
    }
  }

 private:
  void draw_together(const Settled& run) {
    preview_.restart();
    const Tensor latents = draw_latents(model_, run, watcher_);
    trim_allocator();  // the decoder's tensors are of other sizes
    for (int64_t i = 0; i < run.pictures(); ++i, ++drawn_) {
      const std::string parameters = write_infotext(parameters_of(model_, run, i));
      const Tensor latent = latents.rows(i, 1);
      writer_.write_latent(latent, model_.vae->config.scale_factor, parameters);
      watcher_.phase("decode");
      const Image image = decode_latent(*model_.vae, latent, run.recipe);
      watcher_.phase("save");
      display_.clear();
      const std::string path = writer_.write(image, parameters);
      if (!given_.run.quiet)
        display_.note(fmt::format("{}: seed {}, {}x{}, {}", path, run.request.seeds[i], image.width, image.height,
                                  run.sampler->title));
    }
  }

  const StableDiffusion& model_;
  const Given& given_;
  Display& display_;
  PictureWriter& writer_;
  Previewer preview_;
  Watcher watcher_;
  int64_t count_, drawn_ = 0;
  std::string last_warning_;
};

/// Decodes a file of latents and draws nothing.
void decode_file(Given& given, Display& display) {
  const Latent file = read_latent(given.load_latent);
  PictureWriter writer(given.output, file.batch);
  const StableDiffusion model = open_model(given, display);
  const Tensor latents =
      from_latent_file(file, model.vae->config.scale_factor, model.vae->config.embed_dim, given.load_latent);
  constexpr int64_t kMostSide = 16384;  // as for what is drawn
  const int64_t cell = model.vae->config.downscale();
  require(file.height <= kMostSide / cell && file.width <= kMostSide / cell, ErrorKind::bad_file,
          "{}: {}x{} cells make a picture of {}x{} pixels; a side has at most {}", printable(given.load_latent),
          file.width, file.height, file.width * cell, file.height * cell, kMostSide);
  require_decoding_memory(*model.vae, file.height, file.width);
  const auto recipe = recipe_from(given.request.recipe);
  require(recipe.has_value(), ErrorKind::bad_input,
          "recipe: there is none named '{}'; there are diffusers, web_ui, ldm", printable(given.request.recipe, 40));
  const auto parameters = file.metadata.find("parameters");
  for (int64_t i = 0; i < file.batch; ++i) {
    stop_if_interrupted();
    display.phase("decode");
    const Image image = decode_latent(*model.vae, latents.rows(i, 1), *recipe);
    display.clear();
    writer.write(image, parameters == file.metadata.end() ? "" : parameters->second);
  }
  writer.finish();
}

void draw_all(Given& given, Display& display) {
  const std::vector<TextToImage> requests = requests_of(given);
  const int64_t count = count_of(requests);
  PictureWriter writer(given.output, count);
  const StableDiffusion model = open_model(given, display);
  std::set<std::array<int64_t, 4>> measured;
  for (const TextToImage& request : requests) {  // what is wrong shows before anything is drawn
    const Settled run = settle(model, part_of(request, 0, std::min(given.batch_size, request.batch_count)));
    if (measured.insert({run.request.width, run.request.height, run.pictures(), run.guided}).second)
      require_memory(model, run);
  }
  Drawer drawer(model, given, display, writer, count);
  for (const TextToImage& request : requests) drawer.draw(request);
  writer.finish();
}

/// Refuses names that would cost the user a file, before anything is read or made.
void check_files(const Given& given) {
  const bool previews = given.preview.kind == "proj";
  const std::string none;
  const NamedFile outputs[] = {{"output", given.output.output},
                               {"save_latent", given.output.save_latent},
                               {"sheet", given.output.sheet},
                               {"preview_path", previews ? given.preview.path : none}};
  const NamedFile inputs[] = {{"model", given.model},
                              {"vae", given.vae},
                              {"load_latent", given.load_latent},
                              {"prompt_file", given.prompt_file}};
  require_apart(outputs, inputs);
  if (!previews) return;
  require(!given.preview.path.empty() && given.preview.path != "-", ErrorKind::bad_input,
          "preview_path: the name of a file is expected");
  require_ending(given.preview.path, ".png", "preview_path");
  OutputFile{given.preview.path};
}

}  // namespace

int txt2img(Arguments arguments) {
  Given given;
  const Options options = make_options(given);
  if (!options.parse(arguments)) return kSuccess;
  require(options.given("prompt") || options.given("prompt_file") || options.given("load_latent"), ErrorKind::bad_input,
          "prompt: say what to draw with -p TEXT (it may be empty), or --prompt-file FILE");
  take_size(given);
  given.run.apply();
  Display display(given.run.quiet ? DisplayStyle::none : display_style(given.run.progress));
  check_files(given);
  try {
    given.load_latent.empty() ? draw_all(given, display) : decode_file(given, display);
  } catch (const NotFinite&) {
    if (!given.vae.empty()) require_numbers(given.vae);
    require_numbers(find_model(given.model));
    throw;
  }
  display.clear();
  if (given.run.verbose) display.note(display.summary());
  return kSuccess;
}

}  // namespace calotype::cli
