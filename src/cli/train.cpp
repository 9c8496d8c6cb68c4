#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/run_options.h"
#include "io/printable.h"
#include "train/clip_trainer.h"
#include "train/unet_trainer.h"
#include "train/vae_trainer.h"

namespace calotype::cli {
namespace {

using Trainer = void (*)(Settings&, const TrainWatcher&);

Trainer trainer_of(const std::string& what) {
  if (what == "vae") return train_vae;
  if (what == "clip") return train_clip;
  if (what == "unet") return train_unet;
  fail(ErrorKind::bad_input, "train: '{}' is nothing to train; there are vae, clip and unet", printable(what, 40));
}

TrainWatcher watcher_on(Display& display, bool quiet) {
  TrainWatcher watcher;
  watcher.on_step = [&display](const TrainProgress& at) {
    display.step(at.step, at.steps, at.seconds_a_step,
                 fmt::format("loss {:.4f}, gradient {:.3g}, rate {:.3g}", at.loss, at.gradient_norm, at.learning_rate));
  };
  watcher.on_note = [&display, quiet](const std::string& line) {
    if (!quiet) display.note(line);
  };
  watcher.stop = interrupted;
  return watcher;
}

}  // namespace

int train(Arguments arguments) {
  std::string what, file;
  RunOptions run;
  Options options("calotype train",
                  "Trains a network with the settings of a TOML file, and goes on where an earlier run of the same "
                  "folder stopped. Ctrl-C writes a checkpoint and ends.",
                  "vae|clip|unet FILE.toml");
  options.add_argument("what", what);
  options.add_argument("settings", file);
  run.add_to(options);
  options.add_example("calotype train vae vae.toml");
  if (!options.parse(arguments)) return kSuccess;
  run.apply();
  const Trainer trainer = trainer_of(what);
  Settings settings(file);
  Display display(run.quiet ? DisplayStyle::none : display_style(run.progress));
  display.phase("train");
  trainer(settings, watcher_on(display, run.quiet));
  display.clear();
  if (run.verbose) display.note(display.summary());
  return kSuccess;
}

}  // namespace calotype::cli
