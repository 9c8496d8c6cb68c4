#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/display.h"
#include "cli/options.h"
#include "cli/picture_writer.h"
#include "cli/previewer.h"
#include "cli/run_options.h"
#include "load/stable_diffusion.h"
#include "pipeline/memory.h"
#include "text/adapter_tags.h"

namespace calotype::cli {

/// What every command that draws takes, whatever it draws from.
struct DrawingOptions {
  std::string prompt_file, size, model, models_dir, model_config, prediction, vae, variant, embd_dir, lora_dir,
      load_latent, max_memory;
  std::vector<std::string> lora;
  int64_t batch_size = 1;
  OutputOptions output;
  PreviewOptions preview;
  RunOptions run;

  /// The fields of the request under "Picture", `size` and a file of prompts among them, and all that does not depend
  /// on the request under headings of their own.
  void add_to(Options& options, std::vector<Field> request_fields);
  /// Sets width and height from `size`, where that was given. Throws `bad_input`.
  void take_size(const std::vector<Field>& request_fields) const;
  /// Where the model that is meant lies. Throws what `find_model` throws.
  std::filesystem::path model_path() const;
  /// How much memory the run may take. Throws `bad_input`. Ask once the model is open.
  MemoryLimit memory_limit() const;
};

/// Opens the model that is to draw, with a note on how it was read where that was asked for. `tags` are the adapters
/// that prompts ask for, beside those of the options.
StableDiffusion open_model(const DrawingOptions& options, Display& display, const std::vector<AdapterTag>& tags = {});

}  // namespace calotype::cli
